//! [`Deformation`]: what an index stands for.

use super::Translation;
use super::fields::FIELD_COUNT;

/// How a digit is made from a training digit: it follows from the index alone.
///
/// ```
/// use lots::data::infimnist::{Deformation, Translation};
/// let deformation = Deformation::of(1_234_567, 24_567);
/// assert_eq!((deformation.fields, deformation.translation), ([297, 748], Translation::Up));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deformation {
    /// Index of the training digit.
    pub example: usize,
    /// k₁ and k₂: the displacement fields along x and y.
    pub fields: [usize; 2],
    /// α: −1 if k₁ + k₂ is odd, else 1.
    pub strength: f32,
    /// The shift at the end.
    pub translation: Translation,
}

impl Deformation {
    /// The deformation of `index`, which is made from training digit `example`.
    pub fn of(index: u32, example: usize) -> Self {
        // The product is meant to wrap: the original computes in 32 bits.
        let first = index.wrapping_mul(131_071) as usize % (FIELD_COUNT - 1);
        let second = (first + 1 + 2 * index as usize) % FIELD_COUNT;
        Self {
            example,
            fields: [first, second],
            strength: if (first + second) % 2 == 1 { -1.0 } else { 1.0 },
            translation: Translation::ALL[first % Translation::ALL.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// k₁, k₂, the training digit and the number of the translation, as the original program has them.
    const KNOWN: [(u32, [usize; 2], usize, usize); 8] = [
        (70_000, [1010, 987], 0, 2),
        (70_001, [1275, 1254], 1, 6),
        (70_002, [19, 0], 2, 1),
        (100_000, [1306, 403], 30_000, 1),
        (130_000, [1039, 778], 0, 4),
        (1_234_567, [297, 748], 24_567, 0),
        (2_009_999, [979, 1376], 19_999, 7),
        (8_109_999, [200, 245], 59_999, 2),
    ];

    #[test]
    fn indices_mean_what_they_mean_to_the_original() {
        for (index, fields, example, translation) in KNOWN {
            let deformation = Deformation::of(index, (index as usize - 10_000) % 60_000);
            let expected =
                Deformation { example, fields, strength: -1.0, translation: Translation::ALL[translation] };
            assert_eq!(deformation, expected, "{index}");
        }
    }

    #[test]
    fn all_nine_translations_are_equally_frequent() {
        let mut counts = [0; 9];
        for index in 70_000..2_010_000 {
            let translation = Deformation::of(index, 0).translation;
            let number = Translation::ALL.iter().position(|&each| each == translation).unwrap();
            counts[number] += 1;
        }
        for count in counts {
            assert!((215_000..216_100).contains(&count), "{counts:?}");
        }
    }
}

//! Perturbations made visible.

use crate::error::{Error, Result};
use crate::image::Image;

/// A perturbation as a picture: mid-grey is zero, brighter is more, darker is less.
#[derive(Clone, Debug)]
pub struct PerturbationPicture {
    image: Image,
    factor: f64,
}

/// By how much a perturbation is multiplied before it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum PerturbationScale {
    /// The largest change of any pixel becomes black or white; the factor has two digits, so that it can be stated.
    #[default]
    FullRange,
    /// This factor (positive); what leaves the range 0–255 is clamped.
    Factor(f64),
}

/// The pixel value that stands for no change.
const ZERO: i32 = 128;

impl PerturbationPicture {
    /// The picture of the perturbation `perturbed − origin`: pixel values are `128 + factor · (perturbed − origin)`.
    ///
    /// ```
    /// use lots::figure::{PerturbationPicture, PerturbationScale};
    /// use lots::Image;
    ///
    /// let origin = Image::new(1, 1, 3, vec![100, 100, 100])?;
    /// let perturbed = Image::new(1, 1, 3, vec![100, 120, 34])?;
    /// let picture = PerturbationPicture::new(&origin, &perturbed, PerturbationScale::FullRange)?;
    /// assert_eq!(picture.image().pixels(), [128, 166, 3]);
    /// assert_eq!(picture.note(), "perturbation × 1.9, grey = 0");
    /// # Ok::<(), lots::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::ImageSize`] if the images do not have the same shape.
    pub fn new(origin: &Image, perturbed: &Image, scale: PerturbationScale) -> Result<Self> {
        if perturbed.shape() != origin.shape() {
            let role = "perturbed image";
            return Err(Error::ImageSize { role, got: perturbed.shape(), expected: origin.shape() });
        }
        let changes: Vec<i32> = perturbed
            .pixels()
            .iter()
            .zip(origin.pixels())
            .map(|(&after, &before)| i32::from(after) - i32::from(before))
            .collect();
        let factor = match scale {
            PerturbationScale::FullRange => full_range_factor(&changes),
            PerturbationScale::Factor(factor) => factor,
        };
        let shown = |&change: &i32| (f64::from(ZERO) + (f64::from(change) * factor).round()) as u8;
        let [channels, height, width] = origin.shape();
        let image = Image::new(channels, height, width, changes.iter().map(shown).collect())?;
        Ok(Self { image, factor })
    }

    /// The picture, of the origin's shape.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// What the perturbation was multiplied with.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// The line under the picture, which states the scale.
    pub fn note(&self) -> String {
        // A factor below ten keeps its decimal: `× 1.0` and `× 1.9` stand side by side.
        let factor = if self.factor < 10.0 { format!("{:?}", self.factor) } else { self.factor.to_string() };
        format!("perturbation × {factor}, grey = 0")
    }
}

/// 127 / (largest change), cut to two digits so that the stated factor is the one that was used.
fn full_range_factor(changes: &[i32]) -> f64 {
    let largest = changes.iter().map(|change| change.abs()).max().unwrap_or(0);
    if largest == 0 {
        return 1.0;
    }
    let hundredths = 100 * 127 / largest;
    let unit = match hundredths {
        1000.. => 100,
        100.. => 10,
        _ => 1,
    };
    f64::from(hundredths / unit * unit) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_factor_uses_the_range_without_leaving_it() {
        let cases =
            [(1, 127.0), (2, 63.0), (13, 9.7), (66, 1.9), (127, 1.0), (136, 0.93), (255, 0.49), (0, 1.0)];
        for (largest, factor) in cases {
            let got = full_range_factor(&[0, -largest, largest / 2]);
            assert!((got - factor).abs() < 1e-12, "{largest}: got {got}, expected {factor}");
            assert!(got * f64::from(largest) <= 127.0);
        }
    }

    #[test]
    fn a_fixed_factor_clamps() {
        let [origin, perturbed] =
            [[0, 255, 7], [255, 0, 8]].map(|pixels| Image::new(1, 1, 3, pixels.to_vec()).unwrap());
        let picture = PerturbationPicture::new(&origin, &perturbed, PerturbationScale::Factor(2.0)).unwrap();
        assert_eq!(picture.image().pixels(), [255, 0, 130]);
    }

    #[test]
    fn images_of_different_size_are_refused() {
        let small = Image::new(1, 1, 2, vec![0; 2]).unwrap();
        let large = Image::new(1, 1, 3, vec![0; 3]).unwrap();
        let error = PerturbationPicture::new(&small, &large, PerturbationScale::FullRange).unwrap_err();
        assert!(matches!(error, Error::ImageSize { got: [1, 1, 3], expected: [1, 1, 2], .. }), "{error}");
    }
}

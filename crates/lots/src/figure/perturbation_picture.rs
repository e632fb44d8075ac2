//! Perturbations made visible.

use crate::image::Image;
use crate::perturbation::Perturbation;

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
const ZERO: f64 = 128.0;

impl PerturbationPicture {
    /// The picture of a perturbation: pixel values are `128 + factor · (perturbed − origin)`.
    ///
    /// ```
    /// use lots::figure::{PerturbationPicture, PerturbationScale};
    /// use lots::{Image, Perturbation};
    ///
    /// let origin = Image::new(1, 1, 3, vec![100, 100, 100])?;
    /// let perturbed = Image::new(1, 1, 3, vec![100, 120, 34])?;
    /// let perturbation = Perturbation::between(&origin, &perturbed)?;
    /// let picture = PerturbationPicture::new(&perturbation, PerturbationScale::FullRange);
    /// assert_eq!(picture.image().pixels(), [128, 166, 3]);
    /// assert_eq!(picture.note(), "perturbation × 1.9, grey = 0");
    /// # Ok::<(), lots::Error>(())
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "a perturbation has as many values as its shape says")]
    pub fn new(perturbation: &Perturbation, scale: PerturbationScale) -> Self {
        let factor = match scale {
            PerturbationScale::FullRange => full_range_factor(perturbation.linf()),
            PerturbationScale::Factor(factor) => factor,
        };
        let shown = |&change: &i16| (ZERO + (f64::from(change) * factor).round()) as u8;
        let pixels = perturbation.values().iter().map(shown).collect();
        let [channels, height, width] = perturbation.shape();
        let image = Image::new(channels, height, width, pixels).expect("a perturbation has its shape");
        Self { image, factor }
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

/// 127 / L∞, cut to two digits so that the stated factor is the one that was used.
fn full_range_factor(linf: u8) -> f64 {
    if linf == 0 {
        return 1.0;
    }
    let hundredths = 100 * 127 / u32::from(linf);
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
        for (linf, factor) in cases {
            let got = full_range_factor(linf);
            assert!((got - factor).abs() < 1e-12, "{linf}: got {got}, expected {factor}");
            assert!(got * f64::from(linf) <= 127.0);
        }
    }

    #[test]
    fn a_fixed_factor_clamps() {
        let [origin, perturbed] =
            [[0, 255, 7], [255, 0, 8]].map(|pixels| Image::new(1, 1, 3, pixels.to_vec()).unwrap());
        let perturbation = Perturbation::between(&origin, &perturbed).unwrap();
        let picture = PerturbationPicture::new(&perturbation, PerturbationScale::Factor(2.0));
        assert_eq!(picture.image().pixels(), [255, 0, 130]);
        assert_eq!(picture.note(), "perturbation × 2.0, grey = 0");
    }
}

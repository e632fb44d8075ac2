//! [`Perturbation`]: what was really done to an image, in grey levels, after clamping and rounding.
//!
//! The wanted change is a direction times a step; this is the change that happened, and the norms that are reported
//! are the norms of this one.

use crate::error::{Error, Result};
use crate::image::Image;

/// The signed difference perturbed − origin of every pixel, −255 to 255.
///
/// # Example
/// ```
/// use lots::{Image, Perturbation};
/// let origin = Image::new(1, 1, 3, vec![0, 100, 255])?;
/// let perturbed = Image::new(1, 1, 3, vec![3, 96, 255])?;
/// let perturbation = Perturbation::between(&origin, &perturbed)?;
/// assert_eq!(perturbation.values(), [3, -4, 0]);
/// assert_eq!(perturbation.linf(), 4);
/// assert!((perturbation.l2() - 5.0).abs() < 1e-12);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Perturbation {
    shape: [usize; 3],
    values: Vec<i16>,
}

impl Perturbation {
    /// The difference perturbed − origin of two images of the same shape.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if the shapes differ.
    pub fn between(origin: &Image, perturbed: &Image) -> Result<Self> {
        require_same_shape(origin, perturbed)?;
        let values = differences(origin, perturbed).collect();
        Ok(Self { shape: origin.shape(), values })
    }

    /// `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Grey levels, −255 to 255, in the order `[channels, height, width]`.
    pub fn values(&self) -> &[i16] {
        &self.values
    }

    /// L2 norm √(Σ d²) over all pixels and channels, in grey levels.
    ///
    /// The sum of squares is exact (an integer), so the norm is correctly rounded.
    pub fn l2(&self) -> f64 {
        l2_norm(self.values.iter().copied())
    }

    /// L∞ norm max |d| over all pixels and channels, in grey levels, 0–255.
    pub fn linf(&self) -> u8 {
        linf_norm(self.values.iter().copied())
    }
}

/// L2 and L∞ of perturbed − origin without storing the difference.
///
/// # Errors
/// [`Error::ImageSize`] if the shapes differ.
pub(crate) fn norms_between(origin: &Image, perturbed: &Image) -> Result<(f64, u8)> {
    require_same_shape(origin, perturbed)?;
    Ok((l2_norm(differences(origin, perturbed)), linf_norm(differences(origin, perturbed))))
}

/// # Errors
/// [`Error::ImageSize`] if the shapes differ.
pub(crate) fn require_same_shape(origin: &Image, perturbed: &Image) -> Result<()> {
    if origin.shape() == perturbed.shape() {
        return Ok(());
    }
    Err(Error::ImageSize { role: "perturbed image", got: perturbed.shape(), expected: origin.shape() })
}

fn differences<'a>(origin: &'a Image, perturbed: &'a Image) -> impl Iterator<Item = i16> + 'a {
    perturbed
        .pixels()
        .iter()
        .zip(origin.pixels())
        .map(|(after, before)| i16::from(*after) - i16::from(*before))
}

fn l2_norm(values: impl Iterator<Item = i16>) -> f64 {
    let squares: u64 = values.map(|value| u64::from(value.unsigned_abs()).pow(2)).sum();
    (squares as f64).sqrt()
}

fn linf_norm(values: impl Iterator<Item = i16>) -> u8 {
    // Two pixels differ by 255 at most.
    values.map(|value| value.unsigned_abs() as u8).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn images_of_different_shape_have_no_difference() {
        let origin = Image::new(1, 2, 3, vec![0; 6]).unwrap();
        let perturbed = Image::new(1, 3, 2, vec![0; 6]).unwrap();
        let message = Perturbation::between(&origin, &perturbed).unwrap_err().to_string();
        assert_eq!(
            message,
            "the perturbed image has 1×3×2 pixels, expected 1×2×3 (channels × height × width)"
        );
    }

    proptest! {
        #[test]
        fn linf_is_at_most_l2_is_at_most_root_n_linf(pixels in prop::collection::vec(any::<(u8, u8)>(), 1..200)) {
            let (before, after): (Vec<u8>, Vec<u8>) = pixels.into_iter().unzip();
            let count = before.len();
            let origin = Image::new(1, 1, count, before).unwrap();
            let perturbed = Image::new(1, 1, count, after).unwrap();
            let perturbation = Perturbation::between(&origin, &perturbed).unwrap();
            let (l2, linf) = (perturbation.l2(), f64::from(perturbation.linf()));
            prop_assert!(linf <= l2 && l2 <= (count as f64).sqrt() * linf * (1.0 + 1e-12));
            prop_assert_eq!(norms_between(&origin, &perturbed).unwrap(), (l2, perturbation.linf()));
        }
    }
}

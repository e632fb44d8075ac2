//! Measures: how large a perturbation is and how visible.
//!
//! All of them look at real 8-bit pixels, know no network, and use no threads: callers divide pairs among threads.
//! The same pair gives the same bits on every machine.

pub mod alignment;
pub mod pass_score;
pub mod structural_similarity;

mod homography;
mod lanes;
mod plane;

pub use self::alignment::{Alignment, AlignmentParameters, AlignmentStatus};
pub use self::homography::Homography;
pub(crate) use self::lanes::with_widest_registers;
pub use self::pass_score::{PassParameters, PassScore, PassScorer};
pub use self::structural_similarity::{Border, Colour, Exponents, SimilarityParameters};

use crate::error::Result;
use crate::image::Image;
use crate::perturbation::norms_between;

/// Everything that is measured on a pair of images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// L2 norm of the perturbation, in grey levels.
    pub l2: f64,
    /// L∞ norm of the perturbation, in grey levels, 0–255.
    pub linf: u8,
    /// Structural similarity of the images as they are, −1 to 1.
    pub ssim: f64,
    /// PASS: structural similarity after alignment, −1 to 1.
    pub pass_score: f64,
    /// How the alignment went.
    pub alignment: Alignment,
}

/// Measures one pair, with the default parameters. Use [`compare_with`] for many.
///
/// - `origin`, `perturbed`: images of the same shape.
///
/// # Errors
/// [`Error::ImageSize`](crate::Error::ImageSize) if the shapes differ.
///
/// # Example
/// ```
/// use lots::{Image, measure};
/// let origin = Image::new(1, 2, 2, vec![0, 80, 160, 240])?;
/// let perturbed = Image::new(1, 2, 2, vec![0, 83, 160, 236])?;
/// let measures = measure::compare(&origin, &perturbed)?;
/// assert_eq!((measures.l2, measures.linf), (5.0, 4));
/// assert!(measures.pass_score > 0.99);
/// # Ok::<(), lots::Error>(())
/// ```
pub fn compare(origin: &Image, perturbed: &Image) -> Result<Measures> {
    compare_with(&mut PassScorer::default(), origin, perturbed)
}

/// Measures one pair with the parameters and the buffers of `scorer`.
///
/// # Errors
/// As [`PassScorer::score`].
///
/// # Example
/// ```
/// use lots::{Image, measure, measure::PassScorer};
/// let mut scorer = PassScorer::default();
/// let origin = Image::new(1, 2, 2, vec![0, 80, 160, 240])?;
/// for step in 1..10 {
///     let perturbed = Image::new(1, 2, 2, vec![step, 80, 160, 240])?;
///     assert_eq!(measure::compare_with(&mut scorer, &origin, &perturbed)?.linf, step);
/// }
/// # Ok::<(), lots::Error>(())
/// ```
pub fn compare_with(scorer: &mut PassScorer, origin: &Image, perturbed: &Image) -> Result<Measures> {
    let PassScore { score, ssim, alignment } = scorer.score(origin, perturbed)?;
    let (l2, linf) = norms_between(origin, perturbed)?;
    Ok(Measures { l2, linf, ssim, pass_score: score, alignment })
}

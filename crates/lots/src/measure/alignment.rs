//! Alignment: the homography through which the perturbed image correlates best with the origin.
//!
//! The enhanced correlation coefficient (ECC) is the correlation of two images after their means are subtracted, so a
//! change of brightness or contrast does not matter. It is maximised over the eight parameters of a homography from
//! the identity on, in the variant and with the constants of OpenCV's `findTransformECC`, in `f64`.
//! An alignment that fails is not an error: the identity takes its place and a status says why.
//!
//! Source: Evangelidis, Psarakis, "Parametric image alignment using enhanced correlation coefficient maximization",
//! 2008.

mod gradient_field;
mod normal_equations;

use self::gradient_field::GradientField;
use self::normal_equations::{NormalEquations, Tile};
use super::homography::Homography;
use super::plane::{Continuation, Filter, Plane};
use crate::error::Result;
use crate::image::Image;
use crate::perturbation::require_same_shape;

/// When the search for the homography ends.
///
/// # Example
/// ```
/// use lots::measure::alignment::AlignmentParameters;
/// let patient = AlignmentParameters { max_iterations: 500, min_improvement: 1e-6 };
/// assert_eq!(AlignmentParameters::default().max_iterations, 50);
/// # let _ = patient;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlignmentParameters {
    /// The most iterations that are done.
    pub max_iterations: usize,
    /// The search has converged when the correlation changes by less than this from one iteration to the next.
    pub min_improvement: f64,
}

impl Default for AlignmentParameters {
    fn default() -> Self {
        // The defaults of OpenCV.
        Self { max_iterations: 50, min_improvement: 1e-3 }
    }
}

/// How an alignment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlignmentStatus {
    /// The correlation no longer changes.
    Converged,
    /// The iterations were used up; the homography found so far is used.
    IterationLimit,
    /// One of the images is constant, so there is no correlation. The identity is used.
    NotDefined,
    /// The next step would have made the correlation smaller, or led to no finite place. The identity is used.
    Diverged,
    /// Some change of the homography would not change the image, so there is no best one. The identity is used.
    Singular,
    /// The correlation ended below that of the images as they are, by [`AlignmentParameters::min_improvement`] or more.
    /// The identity is used.
    WorseThanIdentity,
}

impl AlignmentStatus {
    /// The name in reports: `converged`, `iteration_limit`, `not_defined`, `diverged`, `singular` or
    /// `worse_than_identity`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::IterationLimit => "iteration_limit",
            Self::NotDefined => "not_defined",
            Self::Diverged => "diverged",
            Self::Singular => "singular",
            Self::WorseThanIdentity => "worse_than_identity",
        }
    }

    /// Whether a homography was found; otherwise the identity is used.
    pub const fn is_aligned(self) -> bool {
        matches!(self, Self::Converged | Self::IterationLimit)
    }
}

impl std::fmt::Display for AlignmentStatus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How a perturbed image is aligned to its origin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alignment {
    /// How the search ended.
    pub status: AlignmentStatus,
    /// Iterations done.
    pub iterations: usize,
    /// The correlation at the start of the last iteration, −1 to 1; that of the images as they are if no homography was
    /// found, and 0 if it is not defined.
    pub correlation: f64,
    /// From pixels of the origin to points of the perturbed image; the identity if no homography was found.
    pub homography: Homography,
}

/// Aligns `perturbed` to `origin`.
///
/// H = argmax ρ(H), ρ = Σ t̄ ī / (‖t̄‖ ‖ī‖), where t is the origin, i the perturbed image seen through H, and the bar
/// says that the mean is subtracted.
///
/// - `origin`, `perturbed`: images of the same shape; of colours, only the luma counts.
/// - Returns the homography with its correlation, or the identity with the reason.
///
/// # Errors
/// [`Error::ImageSize`](crate::Error::ImageSize) if the shapes differ.
///
/// # Example
/// ```
/// use lots::Image;
/// use lots::measure::alignment::{AlignmentParameters, AlignmentStatus, align};
/// let blob = |centre: f64| {
///     let pixel = |index: u32| {
///         let (x, y) = (f64::from(index % 32) - centre, f64::from(index / 32) - 16.0);
///         (255.0 * (-(x * x + 2.0 * y * y - x * y) / 60.0).exp()) as u8
///     };
///     Image::new(1, 32, 32, (0..32 * 32).map(pixel).collect())
/// };
/// let alignment = align(&blob(16.0)?, &blob(17.0)?, &AlignmentParameters::default())?;
/// assert_eq!(alignment.status, AlignmentStatus::Converged);
/// assert!((alignment.homography.map(16.0, 16.0).0 - 17.0).abs() < 0.05);
/// # Ok::<(), lots::Error>(())
/// ```
///
/// Source: Evangelidis and Psarakis 2008, with the constants of OpenCV's `findTransformECC`.
pub fn align(origin: &Image, perturbed: &Image, parameters: &AlignmentParameters) -> Result<Alignment> {
    require_same_shape(origin, perturbed)?;
    let mut plane = Plane::default();
    let mut aligner = Aligner::default();
    plane.read_luma(origin);
    aligner.set_origin(&plane);
    plane.read_luma(perturbed);
    Ok(aligner.align(&plane, parameters))
}

/// Both images are blurred first. OpenCV's 5×5 Gaussian without a given deviation is this binomial filter.
const BLUR: Filter<3> = Filter { taps: [0.375, 0.25, 0.0625], continuation: Continuation::Reflect101 };

/// Aligns many planes to one: the blurred origin is kept, and so are all buffers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aligner {
    origin: Plane,
    blurred: Plane,
    field: GradientField,
    tile: Box<Tile>,
    scratch: Vec<f64>,
}

impl Aligner {
    /// Prepares for alignments to `origin`.
    pub(crate) fn set_origin(&mut self, origin: &Plane) {
        BLUR.apply(origin, &mut self.scratch, &mut self.origin);
    }

    /// Aligns `perturbed`, a plane of the origin's size.
    pub(crate) fn align(&mut self, perturbed: &Plane, parameters: &AlignmentParameters) -> Alignment {
        self.set_perturbed(perturbed);
        let mut progress = Progress::default();
        let status = loop {
            if progress.converged(parameters.min_improvement) {
                break AlignmentStatus::Converged;
            }
            if progress.iterations == parameters.max_iterations {
                break AlignmentStatus::IterationLimit;
            }
            if let Err(failure) = self.iterate(&mut progress) {
                break failure;
            }
        };
        progress.finish(status, parameters.min_improvement)
    }

    fn set_perturbed(&mut self, perturbed: &Plane) {
        BLUR.apply(perturbed, &mut self.scratch, &mut self.blurred);
        self.field.read(&self.blurred);
    }

    fn equations(&mut self, homography: &Homography) -> NormalEquations {
        NormalEquations::accumulate(&self.field, &self.origin, homography, &mut self.tile)
    }

    /// One step towards the best homography.
    fn iterate(&mut self, progress: &mut Progress) -> std::result::Result<(), AlignmentStatus> {
        progress.iterations += 1;
        let equations = self.equations(&progress.homography);
        progress.record(equations.correlation()?);
        progress.homography = moved(&progress.homography, &equations.step()?);
        Ok(())
    }
}

/// The state of one search.
struct Progress {
    homography: Homography,
    iterations: usize,
    first_correlation: Option<f64>,
    correlation: f64,
    previous_correlation: Option<f64>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            homography: Homography::IDENTITY,
            iterations: 0,
            first_correlation: None,
            correlation: 0.0,
            previous_correlation: None,
        }
    }
}

impl Progress {
    fn record(&mut self, correlation: f64) {
        self.previous_correlation = self.first_correlation.map(|_| self.correlation);
        self.first_correlation.get_or_insert(correlation);
        self.correlation = correlation;
    }

    fn converged(&self, min_improvement: f64) -> bool {
        self.previous_correlation
            .is_some_and(|previous| (self.correlation - previous).abs() < min_improvement)
    }

    /// The result, with the identity in place of a homography that is not to be used.
    ///
    /// A loss of less than `min_improvement` does not count: where the homography leaves the image, fewer pixels are
    /// correlated, and the coefficient moves a little for that reason alone.
    fn finish(self, status: AlignmentStatus, min_improvement: f64) -> Alignment {
        let unaligned = self.first_correlation.unwrap_or(0.0);
        let status = if status.is_aligned() && self.correlation <= unaligned - min_improvement {
            AlignmentStatus::WorseThanIdentity
        } else {
            status
        };
        let (correlation, homography) = if status.is_aligned() {
            (self.correlation, self.homography)
        } else {
            (unaligned, Homography::IDENTITY)
        };
        Alignment { status, iterations: self.iterations, correlation, homography }
    }
}

/// The homography with `step` added to its parameters, in the order of [`NormalEquations::step`].
fn moved(homography: &Homography, step: &[f64; 8]) -> Homography {
    let mut matrix = homography.matrix();
    for (index, change) in step.iter().enumerate() {
        matrix[index % 3][index / 3] += change;
    }
    Homography::new(matrix)
}

#[cfg(test)]
mod tests;

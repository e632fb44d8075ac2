//! The smallest step along a direction at which a criterion holds, on real 8-bit images.
//!
//! The image at step s is clamp(round(x + s · η / ‖η‖∞), 0, 255), halves away from zero: a ray through a finite number of
//! images. The search ends when it is lattice-tight: the criterion holds at `hi`, not at `lo`, and no other image lies
//! between the two, so there is nothing finer to find. That the criterion is crossed once is an assumption;
//! [`Scan`] looks for an earlier crossing.
//!
//! No network is known here: what judges an image is a closure. Many rays are searched together by [`crate::attack`].

mod narrowing;
mod ray;
mod search;
mod together;

#[cfg(test)]
mod tests;

pub(crate) use ray::Ray;
pub(crate) use search::Search;
pub(crate) use together::search_together;

use crate::direction::Direction;
use crate::error::{Error, Result};
use crate::image::Image;

/// How the smallest step is searched for.
///
/// # Example
/// ```
/// use lots::line_search::{LineSearch, Verdict};
/// use lots::{Direction, Image};
/// let origin = Image::new(1, 1, 2, vec![100, 100])?;
/// let direction = Direction::new([1, 1, 2], vec![1.0, -0.5])?;
/// let bright = |image: &Image| Verdict::from(image.pixels()[0] >= 107);
/// let finding = LineSearch::default().smallest_step(&origin, &direction, Verdict::from(false), bright)?;
/// assert_eq!(finding.end.map(|bracket| bracket.hi), Ok(6.5));
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineSearch {
    /// The first step that is looked at, in grey levels of the pixel that moves fastest.
    pub first_step: f64,
    /// By which factor the step grows until the criterion holds, where the margin does not say how far it is.
    pub growth: f64,
    /// No step is longer than this.
    pub max_step: f64,
    /// Whether an earlier crossing is looked for.
    pub scan: Scan,
    /// A scan looks at no more images of a ray than this, evenly spread.
    pub scan_limit: usize,
}

/// Whether the images before the crossing that was found are looked at, in case the criterion held earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scan {
    /// No: the criterion is assumed to be crossed once.
    #[default]
    Off,
    /// One image every so many grey levels of the step.
    Stride(f64),
    /// Every image of the ray.
    EachImage,
}

/// What is said about one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Whether the criterion holds.
    pub holds: bool,
    /// How far it is from changing, not negative where it holds and not positive where it does not; guides the search
    /// and decides nothing. NaN where it is not known.
    pub margin: f64,
}

/// Two steps with neighbouring images, where the criterion does not hold at one and holds at the other; where a budget
/// ended the search, other images may lie between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bracket {
    /// A step at which the criterion does not hold.
    pub lo: f64,
    /// The smallest step of the next image on the ray; there the criterion holds.
    pub hi: f64,
    /// Whether an earlier crossing was looked for and seen.
    pub crossing: Crossing,
}

/// What is known about the images before a [`Bracket`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Crossing {
    /// Nothing, they were not scanned.
    Assumed,
    /// The criterion holds at none that was scanned.
    First,
    /// The criterion holds here, ceases, and holds again at `later`, which is what a search without scan found.
    Earlier {
        /// The later step.
        later: f64,
    },
}

/// Why the criterion holds at no step that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStep {
    /// Every pixel that moves has arrived at 0 or 255: the ray has ended.
    Saturated,
    /// The longest step allowed was reached.
    StepLimit,
    /// The budget of the attempt was spent.
    Budget,
}

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// The lattice-tight bracket, or why there is none.
    pub end: std::result::Result<Bracket, NoStep>,
    /// How many images were judged.
    pub judged: usize,
}

impl Default for LineSearch {
    /// From sixteen grey levels, where rounding hides little of the direction, doubling, at most 2²⁰, no scan.
    fn default() -> Self {
        Self {
            first_step: 16.0,
            growth: 2.0,
            max_step: f64::from(1 << 20),
            scan: Scan::Off,
            scan_limit: 4096,
        }
    }
}

impl LineSearch {
    /// Searches one ray.
    ///
    /// - `at_origin`: the verdict on the origin itself, which must not hold.
    /// - `judge`: says of an image of the ray whether the criterion holds.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if the direction has another shape than the origin; [`Error::LineSearch`] if the options
    /// make no sense.
    pub fn smallest_step(
        &self,
        origin: &Image,
        direction: &Direction,
        at_origin: Verdict,
        mut judge: impl FnMut(&Image) -> Verdict,
    ) -> Result<Finding> {
        self.check()?;
        let ray = Ray::new(origin, direction)?;
        let mut search = Search::new(ray, *self, at_origin.margin);
        while let Some(step) = search.step() {
            search.tell(judge(&ray.image(step)));
        }
        Ok(search.finding())
    }

    /// # Errors
    /// [`Error::LineSearch`] names the first option that makes no sense.
    pub(crate) fn check(&self) -> Result<()> {
        let stride = if let Scan::Stride(stride) = self.scan { stride } else { 1.0 };
        let checks = [
            ("first step", self.first_step, self.first_step > 0.0, "more than 0"),
            ("growth", self.growth, self.growth > 1.0, "more than 1"),
            ("longest step", self.max_step, self.max_step > 0.0, "more than 0"),
            ("stride of the scan", stride, stride > 0.0, "more than 0"),
        ];
        match checks.into_iter().find(|&(_, got, sensible, _)| !(sensible && got.is_finite())) {
            Some((option, got, _, expected)) => Err(Error::LineSearch { option, got, expected }),
            None => Ok(()),
        }
    }
}

/// The image at a fixed step, without any search: the perturbation has the L∞ norm `step` before clamping and rounding.
///
/// - `step`: not negative, in grey levels of the pixel that moves fastest.
///
/// # Errors
/// [`Error::ImageSize`] if the direction has another shape than the origin; [`Error::LineSearch`] if the step is
/// negative or not finite.
///
/// # Example
/// ```
/// use lots::{Direction, Image, line_search};
/// let origin = Image::new(1, 1, 3, vec![100, 200, 7])?;
/// let direction = Direction::new([1, 1, 3], vec![2.0, 2.0, -0.02])?;
/// assert_eq!(line_search::image_at(&origin, &direction, 128.0)?.pixels(), [228, 255, 6]);
/// # Ok::<(), lots::Error>(())
/// ```
pub fn image_at(origin: &Image, direction: &Direction, step: f64) -> Result<Image> {
    if step >= 0.0 && step.is_finite() {
        return Ok(Ray::new(origin, direction)?.image(step));
    }
    Err(Error::LineSearch { option: "step", got: step, expected: "0 or more" })
}

/// The image of a ray whose perturbation has the L∞ norm `linf`, without any search: where the fastest pixel with room for so
/// many grey levels has moved by them. Faster ones have arrived at 0 or 255 before. If no pixel that moves has room for
/// them, the norm is the largest that the ray has, and 0 if none can move.
///
/// s = b ‖η‖∞ / max { |ηᵢ| : rᵢ ≥ b },  b = min(`linf`, maxᵢ rᵢ), where rᵢ is 255 − xᵢ for ηᵢ > 0, xᵢ for ηᵢ < 0, else 0
///
/// - `linf`: in grey levels.
///
/// # Errors
/// [`Error::ImageSize`] if the direction has another shape than the origin.
///
/// # Example
/// ```
/// use lots::{Direction, Image, line_search};
/// let origin = Image::new(1, 1, 3, vec![200, 100, 7])?;
/// let direction = Direction::new([1, 1, 3], vec![2.0, 1.0, -0.01])?;
/// assert_eq!(line_search::image_with_linf(&origin, &direction, 128)?.pixels(), [255, 228, 6]);
/// assert_eq!(line_search::image_with_linf(&origin, &direction, 200)?.pixels(), [255, 255, 5]);
/// # Ok::<(), lots::Error>(())
/// ```
pub fn image_with_linf(origin: &Image, direction: &Direction, linf: u8) -> Result<Image> {
    let ray = Ray::new(origin, direction)?;
    Ok(ray.image(ray.step_of_linf(linf)))
}

impl From<bool> for Verdict {
    /// A verdict without margin.
    fn from(holds: bool) -> Self {
        Self { holds, margin: f64::NAN }
    }
}

impl NoStep {
    /// The name in reports: `saturated`, `step_limit`, `budget`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Saturated => "saturated",
            Self::StepLimit => "step_limit",
            Self::Budget => "budget",
        }
    }
}

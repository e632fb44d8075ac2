//! Magnitudes of which some are only known to be larger than what was looked at: the estimator of Kaplan and Meier,
//! quantiles, and intervals by resampling.
//!
//! An attempt that never flips the label is a *censored* observation: dropping it would make a layer look less stable
//! than it is, and the more so the more stable it is. What a magnitude is does not matter here: a norm, or any number
//! that grows as an image is changed.
//!
//! Source: Kaplan, Meier, "Nonparametric Estimation from Incomplete Observations", JASA 53 (1958), 457–481.

mod sample;
#[cfg(test)]
mod tests;

pub use sample::{Interval, Quantile, Resampling, Sample};

/// Shares that differ by less are the same: a product of fractions is off by some units in the last place, and real
/// shares differ by a thousandth of a thousandth at least, unless millions of observations are given.
const SAME_SHARE: f64 = 1e-9;

/// How far an attempt went, and whether that flipped the label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// The smallest magnitude that flips the label; for a censored one that at which it was last seen not to. Not NaN.
    pub magnitude: f64,
    /// Whether the label flipped. If not, the observation is censored at the magnitude.
    pub is_flipped: bool,
}

/// A point of a [`Curve`]: from this magnitude on, up to the next point, this share has not flipped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// A magnitude at which some flip.
    pub magnitude: f64,
    /// How many were not flipped before, nor censored.
    pub at_risk: usize,
    /// How many flip here.
    pub flipped: usize,
    /// The share that has not flipped, 0–1.
    pub share: f64,
}

/// The estimate of Kaplan and Meier: which share has not flipped at a magnitude.
///
/// S(m) = ∏ (1 − dᵢ / nᵢ) over all mᵢ ≤ m, with dᵢ that flip at mᵢ, and nᵢ that were neither flipped nor censored before.
/// One that is censored at mᵢ counts as not flipped there.
///
/// If all that are censored are so at the end of the scale, it is the share of all that has not flipped, and nothing is
/// assumed; else what is censored is assumed to go on as those that were looked at further.
///
/// # Example
/// ```
/// use lots::survival::{Curve, Observation};
/// let curve = Curve::new(&[
///     Observation::flipped(20.0),
///     Observation::flipped(30.0),
///     Observation::flipped(60.0),
///     Observation::censored(255.0),
/// ]);
/// assert_eq!(curve.share(20.0), 0.75);
/// assert_eq!(curve.quantile(0.5), Some(30.0));
/// assert_eq!(curve.quantile(0.9), None, "a quarter never flips");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    points: Vec<Point>,
    count: usize,
    flipped: usize,
}

impl Observation {
    /// The label flips at this magnitude and not before.
    pub fn flipped(magnitude: f64) -> Self {
        Self { magnitude, is_flipped: true }
    }

    /// The label does not flip up to this magnitude.
    pub fn censored(magnitude: f64) -> Self {
        Self { magnitude, is_flipped: false }
    }
}

impl Curve {
    /// The curve of these observations; their order does not matter.
    pub fn new(observations: &[Observation]) -> Self {
        let mut sorted = observations.to_vec();
        sorted.sort_unstable_by(|one, other| one.magnitude.total_cmp(&other.magnitude));
        let mut curve = Self { points: Vec::new(), count: sorted.len(), flipped: 0 };
        let (mut at_risk, mut share) = (sorted.len(), 1.0);
        for equal in sorted.chunk_by(|one, other| one.magnitude.total_cmp(&other.magnitude).is_eq()) {
            let flipped = equal.iter().filter(|observation| observation.is_flipped).count();
            if flipped > 0 {
                share = share_behind(share, flipped, at_risk);
                curve.points.push(Point { magnitude: equal[0].magnitude, at_risk, flipped, share });
                curve.flipped += flipped;
            }
            at_risk -= equal.len();
        }
        curve
    }

    /// Where it falls, by magnitude.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// How many observations it is made of.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many of them flipped.
    pub fn flipped(&self) -> usize {
        self.flipped
    }

    /// How many of them are censored.
    pub fn censored(&self) -> usize {
        self.count - self.flipped
    }

    /// S(m): the share that has not flipped at `magnitude`, 0–1; 1 if there are no observations.
    pub fn share(&self, magnitude: f64) -> f64 {
        let behind = self.points.partition_point(|point| point.magnitude <= magnitude);
        behind.checked_sub(1).map_or(1.0, |last| self.points[last].share)
    }

    /// The smallest magnitude at which at least this share has flipped, S(m) ≤ 1 − `share`; `None` if it is not reached,
    /// so that it is larger than all that was looked at.
    ///
    /// - `share`: above 0 and at most 1; one half for the median.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        self.points.iter().find(|point| is_reached(point.share, share)).map(|point| point.magnitude)
    }
}

/// S behind a magnitude at which `flipped` of `at_risk` flip.
fn share_behind(share: f64, flipped: usize, at_risk: usize) -> f64 {
    share * ((at_risk - flipped) as f64 / at_risk as f64)
}

/// Whether so many have flipped where `not_flipped` has not.
fn is_reached(not_flipped: f64, share: f64) -> bool {
    not_flipped <= 1.0 - share + SAME_SHARE
}

//! [`Sample`]: observations that share origins, with quantiles and the intervals they lie in.

use std::collections::BTreeMap;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::{Curve, Observation, is_reached, share_behind};

/// Observations, each about an origin.
///
/// Several attempts that share an origin tell less than as many attempts on different ones: what is hard to flip toward
/// one class is hard to flip toward the next. So origins are resampled, each with all of its observations; resampling
/// single observations would give intervals that are too narrow.
///
/// # Example
/// ```
/// use lots::survival::{Observation, Resampling, Sample};
/// let sample = Sample::new((0..99).map(|origin| (origin, Observation::flipped(origin as f64))));
/// let interval = sample.interval(0.5, &Resampling::default());
/// assert_eq!(sample.quantile(0.5).reached(), Some(49.0));
/// assert!(interval.lo.unwrap() < 49.0 && interval.hi.unwrap() > 49.0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// By magnitude, with the place of the origin among `origins`.
    sorted: Vec<(usize, Observation)>,
    /// Whatever number they have, ascending.
    origins: Vec<usize>,
}

/// How intervals are found: the share of so many resamples that lies in the middle (Efron's percentile interval).
///
/// Source: Efron, Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampling {
    /// The same seed draws the same origins.
    pub seed: u64,
    /// How often origins are drawn.
    pub count: usize,
    /// The share of the resamples in the interval, above 0 and below 1.
    pub confidence: f64,
}

/// A quantile, or where it cannot be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantile {
    /// The magnitude.
    Reached(f64),
    /// It is not below this, the largest magnitude that was looked at.
    AtLeast(f64),
    /// There is nothing to tell it from.
    Unknown,
}

/// Where something lies with some confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Interval {
    /// The lower end; `None` where nothing is known of it.
    pub lo: Option<f64>,
    /// The upper end; `None` where it is larger than all that was looked at.
    pub hi: Option<f64>,
}

impl Default for Resampling {
    /// Seed 1, a thousand resamples, 95 %.
    fn default() -> Self {
        Self { seed: 1, count: 1000, confidence: 0.95 }
    }
}

impl Quantile {
    /// The magnitude, if it is reached.
    pub fn reached(self) -> Option<f64> {
        if let Self::Reached(magnitude) = self { Some(magnitude) } else { None }
    }

    /// The least and the largest that it can be.
    fn bounds(self) -> [f64; 2] {
        match self {
            Self::Reached(magnitude) => [magnitude; 2],
            Self::AtLeast(magnitude) => [magnitude, f64::INFINITY],
            Self::Unknown => [f64::NEG_INFINITY, f64::INFINITY],
        }
    }
}

impl Sample {
    /// Observations with the numbers of their origins. No magnitude is NaN.
    pub fn new(observations: impl IntoIterator<Item = (usize, Observation)>) -> Self {
        let mut sorted: Vec<(usize, Observation)> = observations.into_iter().collect();
        let mut origins: Vec<usize> = sorted.iter().map(|(origin, _)| *origin).collect();
        origins.sort_unstable();
        origins.dedup();
        let places: BTreeMap<usize, usize> =
            origins.iter().enumerate().map(|(place, origin)| (*origin, place)).collect();
        for (origin, _) in &mut sorted {
            *origin = places[origin];
        }
        sorted.sort_by(|(_, one), (_, other)| one.magnitude.total_cmp(&other.magnitude));
        Self { sorted, origins }
    }

    /// How many origins there are.
    pub fn origins(&self) -> usize {
        self.origins.len()
    }

    /// The curve of all observations.
    pub fn curve(&self) -> Curve {
        let observations: Vec<Observation> =
            self.sorted.iter().map(|(_, observation)| *observation).collect();
        Curve::new(&observations)
    }

    /// As [`Curve::quantile`].
    pub fn quantile(&self, share: f64) -> Quantile {
        self.weighted_quantile(share, &vec![1; self.origins.len()])
    }

    /// Where the quantile lies with the confidence that is asked for.
    pub fn interval(&self, share: f64, resampling: &Resampling) -> Interval {
        let mut draws = Draws::new(self.origins.len(), resampling.seed);
        let quantiles = (0..resampling.count).map(|_| self.weighted_quantile(share, draws.draw()).bounds());
        middle(&quantiles.collect::<Vec<_>>(), resampling.confidence)
    }

    /// The quantile of `self` divided by that of `other`, and where the ratio lies.
    ///
    /// Both are about the same origins, and each resample has the same origins of both: what makes an origin easy to
    /// flip mostly cancels. Where a quantile is not reached, the ratio is only known to lie between bounds, and those
    /// widen the interval. Magnitudes are not negative.
    ///
    /// - Returns none if the samples are not about the same origins.
    pub fn ratio(
        &self,
        other: &Self,
        share: f64,
        resampling: &Resampling,
    ) -> Option<(Option<f64>, Interval)> {
        if self.origins != other.origins {
            return None;
        }
        let estimate = self.quantile(share).reached().zip(other.quantile(share).reached());
        let mut draws = Draws::new(self.origins.len(), resampling.seed);
        let ratios = (0..resampling.count).map(|_| {
            let weights = draws.draw();
            let [above, below] =
                [self, other].map(|sample| sample.weighted_quantile(share, weights).bounds());
            [quotient(above[0], below[1], 0.0), quotient(above[1], below[0], f64::INFINITY)]
        });
        let interval = middle(&ratios.collect::<Vec<_>>(), resampling.confidence);
        Some((estimate.filter(|(_, below)| *below > 0.0).map(|(above, below)| above / below), interval))
    }

    /// The quantile when each origin is there so often.
    fn weighted_quantile(&self, share: f64, weights: &[usize]) -> Quantile {
        let mut at_risk: usize = self.sorted.iter().map(|(origin, _)| weights[*origin]).sum();
        let (mut not_flipped, mut largest) = (1.0, None);
        let same = |one: &(usize, Observation), other: &(usize, Observation)| {
            one.1.magnitude.total_cmp(&other.1.magnitude).is_eq()
        };
        for equal in self.sorted.chunk_by(same) {
            let (mut flipped, mut all) = (0, 0);
            for (origin, observation) in equal {
                all += weights[*origin];
                flipped += if observation.is_flipped { weights[*origin] } else { 0 };
            }
            if all == 0 {
                continue;
            }
            let magnitude = equal[0].1.magnitude;
            not_flipped = share_behind(not_flipped, flipped, at_risk);
            if is_reached(not_flipped, share) {
                return Quantile::Reached(magnitude);
            }
            at_risk -= all;
            largest = Some(magnitude);
        }
        largest.map_or(Quantile::Unknown, Quantile::AtLeast)
    }
}

/// What a ratio is at most or at least; `open` where that is not a number.
fn quotient(above: f64, below: f64, open: f64) -> f64 {
    let quotient = above / below;
    if quotient.is_nan() || above < 0.0 || below < 0.0 { open } else { quotient }
}

/// The interval between the lower ends and the upper ends of what was found, with so much of it in the middle.
fn middle(bounds: &[[f64; 2]], confidence: f64) -> Interval {
    let Some(last) = bounds.len().checked_sub(1) else { return Interval::default() };
    let [mut lower, mut upper]: [Vec<f64>; 2] =
        [0, 1].map(|end| bounds.iter().map(|bounds| bounds[end]).collect());
    lower.sort_unstable_by(f64::total_cmp);
    upper.sort_unstable_by(f64::total_cmp);
    let outside = ((1.0 - confidence) / 2.0 * bounds.len() as f64).floor() as usize;
    let outside = outside.min(last / 2);
    let finite = |end: f64| end.is_finite().then_some(end);
    Interval { lo: finite(lower[outside]), hi: finite(upper[last - outside]) }
}

/// Draws as many origins as there are, with replacement, again and again.
struct Draws {
    random: Pcg64,
    weights: Vec<usize>,
}

impl Draws {
    fn new(origins: usize, seed: u64) -> Self {
        Self { random: Pcg64::seed_from_u64(seed), weights: vec![0; origins] }
    }

    /// How often each origin was drawn this time.
    fn draw(&mut self) -> &[usize] {
        let count = self.weights.len();
        self.weights.fill(0);
        for _ in 0..count {
            // The upper half of the product is below the count; what is not even about it is below 2⁻³².
            let drawn = ((u128::from(self.random.next_u64()) * count as u128) >> 64) as usize;
            self.weights[drawn] += 1;
        }
        &self.weights
    }
}

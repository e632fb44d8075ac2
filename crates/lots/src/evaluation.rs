//! [`Evaluation`]: what many attempts came to, in a few numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outcome::{NotReached, Outcome, Perturbed, Skipped};

/// Counts, means and deviations over attempts.
///
/// Sums are taken in the order of the attempts, so the same attempts give the same bytes.
///
/// # Example
/// ```
/// use lots::direction::NoDirection;
/// use lots::evaluation::Evaluation;
/// use lots::outcome::{NotReached, Outcome};
/// let mut evaluation = Evaluation::default();
/// evaluation.add(&Outcome::NotReached(NotReached::Saturated), 9, 1);
/// assert_eq!((evaluation.attempts, evaluation.success_rate()), (1, Some(0.0)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// How many attempts there were; skipped origins are not among them.
    pub attempts: usize,
    /// How many of them reached their criterion.
    pub reached: usize,
    /// How many origins were not attacked, by reason.
    #[serde(with = "pairs")]
    pub skipped: BTreeMap<Skipped, usize>,
    /// How many attempts did not reach their criterion, by reason.
    #[serde(with = "pairs")]
    pub not_reached: BTreeMap<NotReached, usize>,
    /// L2 norms of what was reached, in grey levels.
    pub l2: Spread,
    /// L∞ norms of what was reached, in grey levels.
    pub linf: Spread,
    /// PASS of what was reached, where it was asked for.
    pub pass_score: Spread,
    /// For how many of them no alignment was found, so that PASS is the similarity of the images as they are.
    pub unaligned: usize,
    /// How many images were classified, besides the origins.
    pub classifications: usize,
    /// How many gradients were carried back to the pixels.
    pub backpropagations: usize,
}

/// Mean and standard deviation of some numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    count: usize,
    sum: f64,
    squares: f64,
}

impl Evaluation {
    /// Adds an attempt and what it cost.
    pub fn add(&mut self, outcome: &Outcome, classifications: usize, backpropagations: usize) {
        self.attempts += 1;
        self.classifications += classifications;
        self.backpropagations += backpropagations;
        match outcome {
            Outcome::Reached(perturbed) => self.add_reached(perturbed),
            Outcome::NotReached(reason) => *self.not_reached.entry(*reason).or_default() += 1,
        }
    }

    /// Adds an origin that was not attacked.
    pub fn skip(&mut self, reason: Skipped) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// Adds what other attempts came to.
    pub fn merge(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.reached += other.reached;
        for (reason, count) in &other.skipped {
            *self.skipped.entry(*reason).or_default() += count;
        }
        for (reason, count) in &other.not_reached {
            *self.not_reached.entry(*reason).or_default() += count;
        }
        self.l2.merge(other.l2);
        self.linf.merge(other.linf);
        self.pass_score.merge(other.pass_score);
        self.unaligned += other.unaligned;
        self.classifications += other.classifications;
        self.backpropagations += other.backpropagations;
    }

    /// Reached of attempts, 0–1; none of none is none.
    pub fn success_rate(&self) -> Option<f64> {
        (self.attempts > 0).then(|| self.reached as f64 / self.attempts as f64)
    }

    fn add_reached(&mut self, perturbed: &Perturbed) {
        self.reached += 1;
        self.l2.add(perturbed.l2);
        self.linf.add(f64::from(perturbed.linf));
        if let Some(pass_score) = &perturbed.pass_score {
            self.pass_score.add(pass_score.score);
            self.unaligned += usize::from(!pass_score.alignment.status.is_aligned());
        }
    }
}

impl Spread {
    /// Adds a number.
    pub fn add(&mut self, value: f64) {
        self.merge(Self { count: 1, sum: value, squares: value * value });
    }

    /// Adds the numbers of another spread.
    pub fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their mean.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Their standard deviation, that of a population (divided by the count, not by one less).
    pub fn std(&self) -> Option<f64> {
        self.mean().map(|mean| (self.squares / self.count as f64 - mean * mean).max(0.0).sqrt())
    }
}

/// Reasons hold reasons, so they are written as values and not as keys.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, S: Serializer>(
        map: &BTreeMap<K, usize>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'d, K: Deserialize<'d> + Ord, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<BTreeMap<K, usize>, D::Error> {
        Ok(Vec::<(K, usize)>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direction::NoDirection;
    use crate::image::Image;
    use crate::line_search::{Bracket, Crossing};
    use proptest::prelude::*;

    fn reached(level: u8) -> Outcome {
        let bracket = Bracket { lo: 0.0, hi: 0.5, crossing: Crossing::Assumed };
        let image = |level| Image::new(1, 1, 2, vec![level, 0]).unwrap();
        Outcome::Reached(Perturbed::measure(&image(0), image(level), 1, bracket, None).unwrap())
    }

    #[test]
    fn an_evaluation_counts_what_it_is_told() {
        let mut evaluation = Evaluation::default();
        assert_eq!(
            (evaluation.success_rate(), evaluation.l2.mean(), evaluation.l2.std()),
            (None, None, None)
        );
        for (outcome, classifications) in [
            (reached(3), 10),
            (reached(5), 12),
            (Outcome::NotReached(NotReached::NoDirection(NoDirection::VanishedGradient)), 0),
            (Outcome::NotReached(NotReached::Saturated), 9),
        ] {
            evaluation.add(&outcome, classifications, 1);
        }
        evaluation.skip(Skipped::MisclassifiedOrigin);
        assert_eq!((evaluation.attempts, evaluation.reached, evaluation.success_rate()), (4, 2, Some(0.5)));
        assert_eq!((evaluation.l2.mean(), evaluation.l2.std()), (Some(4.0), Some(1.0)));
        assert_eq!((evaluation.classifications, evaluation.backpropagations), (31, 4));
        assert_eq!(evaluation.skipped[&Skipped::MisclassifiedOrigin], 1);
        assert_eq!(evaluation.not_reached.values().sum::<usize>(), 2);
        assert_eq!(evaluation.pass_score.count(), 0);
    }

    #[test]
    fn what_is_kept_is_read_back_to_the_last_bit() {
        let mut evaluation = Evaluation::default();
        for level in [1, 7, 255] {
            evaluation.add(&reached(level), 3, 1);
        }
        evaluation.l2.add(1.0 / 3.0);
        for reason in [NotReached::NoDirection(NoDirection::VanishedGradient), NotReached::StepLimit] {
            evaluation.add(&Outcome::NotReached(reason), 2, 0);
        }
        evaluation.skip(Skipped::MisclassifiedOrigin);
        let json = serde_json::to_string(&evaluation).unwrap();
        assert_eq!(serde_json::from_str::<Evaluation>(&json).unwrap(), evaluation, "{json}");
    }

    proptest! {
        #[test]
        fn merged_parts_are_the_whole(levels in prop::collection::vec(1_u8..=255, 1..30), cut in 0..30_usize) {
            let cut = cut % levels.len();
            let evaluate = |levels: &[u8]| {
                let mut evaluation = Evaluation::default();
                for &level in levels {
                    evaluation.add(&reached(level), 3, 1);
                }
                evaluation
            };
            let mut merged = evaluate(&levels[..cut]);
            merged.merge(&evaluate(&levels[cut..]));
            // Whole numbers, so the sums are exact.
            prop_assert_eq!(merged, evaluate(&levels));
        }

        #[test]
        fn the_deviation_is_that_of_two_passes(values in prop::collection::vec(0.0..2000.0_f64, 1..50)) {
            let mut spread = Spread::default();
            for &value in &values {
                spread.add(value);
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
            prop_assert!((spread.std().unwrap() - variance.sqrt()).abs() < 1e-4);
            prop_assert!((spread.mean().unwrap() - mean).abs() < 1e-9);
        }
    }
}

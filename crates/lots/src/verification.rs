//! Thresholds of verification: how similar two representations of different identities may come to be.
//!
//! A pair of images of different identities is an impostor pair. The share of them that a threshold takes for the same
//! identity is its false-accept rate. Where representations and their similarity come from is not decided here.

mod pair_similarities;

use std::str::FromStr;

use lots_network::Metric;

pub use self::pair_similarities::{DetPoint, PairSimilarities};
use crate::criterion::Until;
use crate::error::{Error, Result};

/// The smallest threshold with at most this false-accept rate: the share of impostor pairs whose similarity is strictly
/// above it.
///
/// `τ = min { t : |{ i : s_i > t }| ≤ far · n }`, one of the similarities itself
///
/// - `impostor_similarities`: s, one number for each of n pairs of different identities; larger means more alike.
///   Distances are given negated, and so is the threshold that comes back.
/// - `far`: the false-accept rate, above 0 and below 1.
///
/// # Errors
/// [`Error::FalseAcceptRate`] if the rate is no such number; [`Error::FewImpostors`] if there are fewer than 1/`far`
/// pairs, of which the threshold could accept none; [`Error::ImpostorNotFinite`].
///
/// # Example
/// ```
/// use lots::verification::threshold_at_far;
/// let similarities = [0.1, 0.4, -0.2, 0.3];
/// assert_eq!(threshold_at_far(&similarities, 0.25)?, 0.3);
/// assert_eq!(threshold_at_far(&similarities, 0.5)?, 0.1);
/// assert!(threshold_at_far(&similarities, 0.1).is_err(), "ten pairs are needed to tell one in ten");
/// # Ok::<(), lots::Error>(())
/// ```
pub fn threshold_at_far(impostor_similarities: &[f64], far: f64) -> Result<f64> {
    if !(far > 0.0 && far < 1.0) {
        return Err(Error::FalseAcceptRate { got: far });
    }
    if let Some(pair) = impostor_similarities.iter().position(|similarity| !similarity.is_finite()) {
        return Err(Error::ImpostorNotFinite { pair, got: impostor_similarities[pair] });
    }
    let count = impostor_similarities.len();
    let accepted = most_accepted(count, far);
    if accepted == 0 {
        return Err(Error::FewImpostors { pairs: count, far });
    }
    let mut descending = impostor_similarities.to_vec();
    descending.sort_unstable_by(|a, b| b.total_cmp(a));
    Ok(descending[accepted])
}

/// A criterion about representations whose threshold follows from impostor pairs.
///
/// # Example
/// ```
/// use lots::criterion::Until;
/// use lots::verification::UntilAtFar;
/// let wanted: UntilAtFar = "similarity@far=0.5".parse()?;
/// assert_eq!(wanted.until(&[0.25, 0.75])?, Until::SimilarityAbove(0.25));
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UntilAtFar {
    /// What is compared with the threshold: the cosine, or the Euclidean distance.
    pub metric: Metric,
    /// The false-accept rate, above 0 and below 1.
    pub far: f64,
}

impl UntilAtFar {
    /// The criterion with its threshold.
    ///
    /// - `impostor_similarities`: cosines, or negated Euclidean distances.
    ///
    /// # Errors
    /// As [`threshold_at_far`]; [`Error::ThresholdUseless`] if the threshold is one that no image or every image meets.
    pub fn until(&self, impostor_similarities: &[f64]) -> Result<Until> {
        let threshold = threshold_at_far(impostor_similarities, self.far)?;
        // Not the negative, which would write zero with a sign.
        let distance = 0.0 - threshold;
        let useless = |metric, got, expected| Err(Error::ThresholdUseless { metric, got, expected });
        match self.metric {
            Metric::Cosine if (-1.0..1.0).contains(&threshold) => Ok(Until::SimilarityAbove(threshold)),
            Metric::Cosine => useless("similarity", threshold, "one from -1 to below 1"),
            Metric::Euclidean if distance > 0.0 => Ok(Until::DistanceBelow(distance)),
            Metric::Euclidean => useless("distance", distance, "one above 0"),
        }
    }
}

impl FromStr for UntilAtFar {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::UnknownCriterion { criterion: text.to_owned() };
        let (name, rate) = text.split_once("@far=").ok_or_else(unknown)?;
        let metric = match name.trim() {
            "similarity" => Metric::Cosine,
            "distance" => Metric::Euclidean,
            _ => return Err(unknown()),
        };
        let far: f64 = rate.trim().parse().ok().ok_or_else(unknown)?;
        if far > 0.0 && far < 1.0 {
            Ok(Self { metric, far })
        } else {
            Err(Error::FalseAcceptRate { got: far })
        }
    }
}

impl std::fmt::Display for UntilAtFar {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.metric {
            Metric::Cosine => "similarity",
            Metric::Euclidean => "distance",
        };
        write!(formatter, "{name}@far={}", self.far)
    }
}

/// The largest k below `count` with k/`count` ≤ `far`. The product alone may round to the wrong side of a whole number,
/// as 0.29 · 100 does.
fn most_accepted(count: usize, far: f64) -> usize {
    let is_within = |accepted: usize| accepted < count && accepted as f64 / count as f64 <= far;
    let near = (far * count as f64) as usize;
    (near.saturating_sub(1)..=near + 1).rev().find(|&accepted| is_within(accepted)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_many_pairs_as_the_rate_needs_are_enough() {
        let similarities: Vec<f64> = (0..1000).map(f64::from).collect();
        assert!(matches!(threshold_at_far(&similarities, 1e-3), Ok(998.0)));
        let message = threshold_at_far(&similarities[1..], 1e-3).unwrap_err().to_string();
        assert_eq!(message, "999 impostor pairs cannot tell a false-accept rate of 0.001");
        let message = threshold_at_far(&[0.5], 0.001).unwrap_err().to_string();
        assert_eq!(message, "1 impostor pair cannot tell a false-accept rate of 0.001");
        assert!(threshold_at_far(&[], 0.5).is_err());
    }

    #[test]
    fn a_rate_that_rounds_below_a_whole_number_of_pairs_counts_them_all() {
        let similarities: Vec<f64> = (0..100).map(f64::from).collect();
        assert!(matches!(threshold_at_far(&similarities, 0.29), Ok(70.0)));
    }

    #[test]
    fn rates_and_similarities_that_are_none_are_refused() {
        for far in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
            let error = threshold_at_far(&[0.0, 1.0], far).unwrap_err();
            assert!(matches!(error, Error::FalseAcceptRate { .. }), "{far}");
        }
        let message = threshold_at_far(&[0.0, f64::NAN, 1.0], 0.5).unwrap_err().to_string();
        assert_eq!(message, "the similarity of impostor pair 1 is NaN, expected a finite number");
    }

    #[test]
    fn criteria_at_a_rate_are_read_as_they_are_written() {
        for text in ["similarity@far=0.001", "distance@far=0.25"] {
            assert_eq!(text.parse::<UntilAtFar>().unwrap().to_string(), text);
        }
        let distance: UntilAtFar = "distance@far=0.5".parse().unwrap();
        assert_eq!(distance.until(&[-3.0, -2.0]).unwrap(), Until::DistanceBelow(3.0));
        for text in ["similarity", "similarity@far=", "angle@far=0.1", "similarity@far=0", "distance@far=1"] {
            assert!(text.parse::<UntilAtFar>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_threshold_that_tells_nothing_apart_is_told_as_it_was_given() {
        let sentence = |text: &str, similarities: &[f64]| {
            let error = text.parse::<UntilAtFar>().unwrap().until(similarities).unwrap_err();
            assert!(error.hint().unwrap().contains("cosines from -1 to 1"), "{error}");
            error.to_string()
        };
        let of = |metric: &str, got: &str, expected: &str| {
            format!(
                "the threshold of the impostor pairs is a {metric} of {got}, expected one {expected}: it tells nothing apart"
            )
        };
        let (distance, similarity) = ("distance@far=0.5", "similarity@far=0.5");
        assert_eq!(sentence(distance, &[-0.0, 0.0]), of("distance", "0", "above 0"));
        assert_eq!(sentence(distance, &[3.0, 2.0]), of("distance", "-2", "above 0"));
        assert_eq!(sentence(similarity, &[1.0, 1.0]), of("similarity", "1", "from -1 to below 1"));
        assert_eq!(sentence(similarity, &[-3.0, 40.0]), of("similarity", "-3", "from -1 to below 1"));
    }

    proptest! {
        #[test]
        fn no_smaller_threshold_keeps_the_rate(
            similarities in prop::collection::vec((-8..8_i8).prop_map(f64::from), 2..60),
            far in 0.02..0.98_f64,
        ) {
            let share = |threshold: f64| {
                let above = similarities.iter().filter(|&&similarity| similarity > threshold).count();
                above as f64 / similarities.len() as f64
            };
            match threshold_at_far(&similarities, far) {
                Ok(threshold) => {
                    prop_assert!(share(threshold) <= far);
                    prop_assert!(share(threshold.next_down()) > far);
                }
                Err(error) => {
                    let is_few = matches!(error, Error::FewImpostors { .. });
                    prop_assert!(is_few && 1.0 / similarities.len() as f64 > far);
                }
            }
        }
    }
}

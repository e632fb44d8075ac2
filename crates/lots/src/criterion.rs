//! [`Criterion`]: what a perturbed image must come to, and [`Until`], how that is written on a command line.
//!
//! A criterion looks at what the network computes for one image, at the logits or at one layer; how the image came about
//! does not matter to it.

use std::str::FromStr;
use std::sync::Arc;

use lots_network::{LayerId, Network, class_of};

use crate::error::Error;
use crate::line_search::Verdict;

/// What ends a search along a direction.
#[derive(Clone, Debug, PartialEq)]
pub enum Criterion {
    /// The network's class differs from that of the origin.
    Misclassified,
    /// The network's class is this one.
    Class(usize),
    /// The representation is nearer to the target's than a threshold.
    DistanceBelow {
        /// Where the representation is taken.
        layer: LayerId,
        /// The target's representation at `layer`.
        target: Arc<[f32]>,
        /// Exclusive bound of the Euclidean distance to the target's, positive.
        threshold: f64,
    },
    /// The angle to the target's representation is smaller than a threshold.
    SimilarityAbove {
        /// Where the representation is taken.
        layer: LayerId,
        /// The target's representation at `layer`.
        target: Arc<[f32]>,
        /// Exclusive bound of the cosine similarity, −1 to 1.
        threshold: f64,
    },
}

/// A criterion before it is known for which class or target.
///
/// # Example
/// ```
/// use lots::criterion::Until;
/// assert_eq!("similarity>0.3".parse::<Until>()?, Until::SimilarityAbove(0.3));
/// assert_eq!(Until::DistanceBelow(2.5).to_string(), "distance<2.5");
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Until {
    /// The class differs from the origin's.
    #[default]
    Misclassified,
    /// The class is the target's, or the one that was asked for.
    Class,
    /// The Euclidean distance to the target's representation is below this.
    DistanceBelow(f64),
    /// The cosine similarity to the target's representation is above this.
    SimilarityAbove(f64),
}

impl Criterion {
    /// The layer whose representation decides.
    pub fn layer(&self, network: &Network) -> LayerId {
        match self {
            Self::Misclassified | Self::Class(_) => network.logits(),
            Self::DistanceBelow { layer, .. } | Self::SimilarityAbove { layer, .. } => *layer,
        }
    }

    /// Whether the criterion holds for an image.
    ///
    /// - `origin_class`: what the network says of the origin.
    /// - `representation`: what the network computes for the image at [`Self::layer`].
    ///
    /// # Example
    /// ```
    /// use lots::Criterion;
    /// let verdict = Criterion::Misclassified.judge(2, &[0.5, 1.0, 3.0]);
    /// assert_eq!((verdict.holds, verdict.margin), (false, -2.0));
    /// assert!(Criterion::Class(2).judge(1, &[0.5, 1.0, 3.0]).holds);
    /// ```
    pub fn judge(&self, origin_class: usize, representation: &[f32]) -> Verdict {
        match self {
            Self::Misclassified => Verdict {
                holds: class_of(representation) != origin_class,
                margin: -lead(representation, origin_class),
            },
            Self::Class(class) => {
                Verdict { holds: class_of(representation) == *class, margin: lead(representation, *class) }
            }
            Self::DistanceBelow { target, threshold, .. } => {
                let distance = euclidean_distance(representation, target);
                Verdict { holds: distance < *threshold, margin: threshold - distance }
            }
            Self::SimilarityAbove { target, threshold, .. } => {
                let similarity = cosine_similarity(representation, target);
                Verdict { holds: similarity > *threshold, margin: similarity - threshold }
            }
        }
    }
}

/// ‖a − b‖₂ of two representations of the same layer, summed in their order in double precision.
///
/// # Example
/// ```
/// assert_eq!(lots::criterion::euclidean_distance(&[1.0, 2.0], &[4.0, 6.0]), 5.0);
/// ```
pub fn euclidean_distance(a: &[f32], b: &[f32]) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
}

/// ⟨a, b⟩ / (‖a‖₂ ‖b‖₂) of two representations of the same layer, −1 to 1; NaN if one is zero.
///
/// # Example
/// ```
/// assert_eq!(lots::criterion::cosine_similarity(&[3.0, 4.0], &[4.0, -3.0]), 0.0);
/// ```
pub fn cosine_similarity(a: &[f32], b: &[f32]) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    let product =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum() };
    product(a, b) / (product(a, a).sqrt() * product(b, b).sqrt())
}

/// By how much the logit of `class` exceeds the highest of the others.
pub(crate) fn lead(logits: &[f32], class: usize) -> f64 {
    let others = logits.iter().enumerate().filter(|&(other, _)| other != class);
    let highest = others.fold(f32::NEG_INFINITY, |highest, (_, &logit)| highest.max(logit));
    logits.get(class).map_or(f64::NAN, |&logit| f64::from(logit) - f64::from(highest))
}

impl FromStr for Until {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownCriterion { criterion: text.to_owned() };
        let number = |digits: &str| -> Option<f64> {
            digits.trim().parse().ok().filter(|threshold: &f64| threshold.is_finite())
        };
        match text.trim() {
            "misclassified" => Ok(Self::Misclassified),
            "class" => Ok(Self::Class),
            other => match other.split_once(['<', '>']) {
                Some((name, digits)) if other.contains('<') && name.trim() == "distance" => {
                    number(digits).filter(|&it| it > 0.0).map(Self::DistanceBelow).ok_or_else(unknown)
                }
                Some((name, digits)) if other.contains('>') && name.trim() == "similarity" => {
                    let cosine = number(digits).filter(|&it| (-1.0..1.0).contains(&it));
                    cosine.map(Self::SimilarityAbove).ok_or_else(unknown)
                }
                _ => Err(unknown()),
            },
        }
    }
}

impl std::fmt::Display for Until {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Misclassified => formatter.write_str("misclassified"),
            Self::Class => formatter.write_str("class"),
            Self::DistanceBelow(threshold) => write!(formatter, "distance<{threshold}"),
            Self::SimilarityAbove(threshold) => write!(formatter, "similarity>{threshold}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for until in [
            Until::Misclassified,
            Until::Class,
            Until::DistanceBelow(0.125),
            Until::SimilarityAbove(-0.5),
            Until::SimilarityAbove(0.0),
        ] {
            assert_eq!(until.to_string().parse::<Until>().unwrap(), until);
        }
        assert_eq!(" distance < 3e2 ".parse::<Until>().unwrap(), Until::DistanceBelow(300.0));
    }

    #[test]
    fn a_criterion_that_nothing_can_meet_or_miss_is_refused() {
        for text in [
            "",
            "Class",
            "distance",
            "distance<",
            "distance<0",
            "distance<nan",
            "distance>3",
            "distance<-1",
            "similarity>1",
            "similarity>-2",
            "similarity<0.3",
            "distance<inf",
        ] {
            let message = text.parse::<Until>().unwrap_err().to_string();
            assert_eq!(message, format!("`{text}` is no criterion"));
        }
    }

    #[test]
    fn the_first_of_equal_logits_is_the_class() {
        let tie = [1.0, 1.0];
        assert!(!Criterion::Misclassified.judge(0, &tie).holds);
        assert!(Criterion::Misclassified.judge(1, &tie).holds);
        assert!(Criterion::Class(0).judge(1, &tie).holds);
    }

    #[test]
    fn a_representation_of_zeros_has_no_angle() {
        assert!(cosine_similarity(&[0.0, 0.0], &[1.0, 2.0]).is_nan());
        assert!((cosine_similarity(&[2.0, 4.0], &[1.0, 2.0]) - 1.0).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn the_margin_has_the_sign_of_the_verdict(
            logits in prop::collection::vec(-3.0_f32..3.0, 2..6),
            class in 0..6_usize,
        ) {
            let class = class % logits.len();
            for criterion in [Criterion::Misclassified, Criterion::Class(class)] {
                let verdict = criterion.judge(class, &logits);
                let signed = if verdict.holds { verdict.margin } else { -verdict.margin };
                prop_assert!(signed >= 0.0);
                // Adding the margin to the others, or taking it from them, makes a tie.
                let shift = if criterion == Criterion::Misclassified { -verdict.margin } else { verdict.margin };
                let highest = logits.iter().enumerate().filter(|(it, _)| *it != class).map(|(_, &z)| f64::from(z));
                let highest = highest.fold(f64::NEG_INFINITY, f64::max);
                prop_assert!((highest + shift - f64::from(logits[class])).abs() < 1e-9);
            }
        }
    }
}

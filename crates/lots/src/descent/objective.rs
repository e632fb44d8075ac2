//! [`Objective`]: what a descent makes small, and its gradient at the layer that it looks at.

use lots_network::{LayerId, Network};

use crate::criterion::Criterion;

/// A number that is small where an image comes near to what is wanted.
///
/// # Example
/// ```
/// use lots::descent::Objective;
/// let (value, cotangent) = Objective::Class(1).at(&[0.0, 0.0]);
/// assert!((value - 2.0_f64.ln()).abs() < 1e-12);
/// assert_eq!(cotangent, [0.5, -0.5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective<'a> {
    /// −log p(c): the loss of this class.
    Class(usize),
    /// −log (1 − p(c)): the loss of all other classes together.
    OtherThan(usize),
    /// `‖f⁽ˡ⁾(x) − f⁽ˡ⁾(x_t)‖²`: the squared distance to a target's representation.
    Distance {
        /// Where the representation is taken.
        layer: LayerId,
        /// The target's representation there.
        target: &'a [f32],
    },
}

impl Objective<'_> {
    /// The loss that is small where a criterion about classes holds; for others the class that the origin has.
    pub(crate) fn of(criterion: &Criterion, origin_class: usize) -> Self {
        match criterion {
            Criterion::Class(class) => Self::Class(*class),
            _ => Self::OtherThan(origin_class),
        }
    }

    /// The layer that it looks at.
    pub fn layer(&self, network: &Network) -> LayerId {
        match self {
            Self::Class(_) | Self::OtherThan(_) => network.logits(),
            Self::Distance { layer, .. } => *layer,
        }
    }

    /// Its value, and how that changes with what the network computes at [`Self::layer`].
    ///
    /// - `representation`: of one image; logits where it is about classes.
    ///
    /// The losses are computed from the odds in double precision, so that their gradients vanish at no class of which
    /// the network is sure.
    pub fn at(&self, representation: &[f32]) -> (f64, Vec<f32>) {
        match *self {
            Self::Class(class) => loss(representation, |index| index == class),
            Self::OtherThan(class) => loss(representation, |index| index != class),
            Self::Distance { target, .. } => {
                let pairs = representation.iter().zip(target);
                let differences: Vec<f64> =
                    pairs.map(|(&is, &wanted)| f64::from(is) - f64::from(wanted)).collect();
                let value = differences.iter().map(|difference| difference * difference).sum();
                (value, differences.iter().map(|difference| 2.0 * *difference as f32).collect())
            }
        }
    }
}

/// −log of the probability of the classes that are wanted: log (1 + eᵐ), where m is by how much the others' share of the
/// exponentials exceeds theirs, in logarithms.
fn loss(logits: &[f32], is_wanted: impl Fn(usize) -> bool) -> (f64, Vec<f32>) {
    let highest = |wanted: bool| {
        let own = logits.iter().enumerate().filter(|&(index, _)| is_wanted(index) == wanted);
        own.fold(f64::NEG_INFINITY, |highest, (_, &logit)| highest.max(f64::from(logit)))
    };
    let highest = [highest(false), highest(true)];
    // libm, because the platform's functions may differ in the last bit.
    let weight =
        |index: usize, logit: f32| libm::exp(f64::from(logit) - highest[usize::from(is_wanted(index))]);
    let mut sums = [0.0; 2];
    for (index, &logit) in logits.iter().enumerate() {
        sums[usize::from(is_wanted(index))] += weight(index, logit);
    }
    let excess = highest[0] + libm::log(sums[0]) - highest[1] - libm::log(sums[1]);
    // log (1 + eᵐ), without eᵐ where that is too large.
    let value = excess.max(0.0) + libm::log1p(libm::exp(-excess.abs()));
    let slope = 1.0 / (1.0 + libm::exp(-excess));
    let cotangent = logits.iter().enumerate().map(|(index, &logit)| {
        let wanted = is_wanted(index);
        let share = slope * weight(index, logit) / sums[usize::from(wanted)];
        (if wanted { -share } else { share }) as f32
    });
    (value, cotangent.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_loss_is_minus_the_logarithm_of_a_probability() {
        let logits = [1.0, -2.0, 0.5];
        let sum: f64 = logits.iter().map(|&logit: &f32| f64::from(logit).exp()).sum();
        let probability = |class: usize| f64::from(logits[class]).exp() / sum;
        for class in 0..3 {
            assert!((Objective::Class(class).at(&logits).0 + probability(class).ln()).abs() < 1e-12);
            assert!(
                (Objective::OtherThan(class).at(&logits).0 + (1.0 - probability(class)).ln()).abs() < 1e-12
            );
        }
    }

    #[test]
    fn the_gradient_does_not_vanish_where_the_network_is_sure() {
        let (value, cotangent) = Objective::OtherThan(0).at(&[200.0, 0.0, 0.0]);
        assert!((value - (200.0 - 2.0_f64.ln())).abs() < 1e-9);
        assert_eq!(cotangent, [1.0, -0.5, -0.5]);
    }

    proptest! {
        #[test]
        fn the_cotangent_is_the_difference_of_values(
            values in prop::collection::vec(-3.0_f32..3.0, 3..6),
            class in 0..3_usize,
        ) {
            let target: Vec<f32> = values.iter().rev().copied().collect();
            let layer = crate::embedded::lenet().logits();
            let objectives =
                [Objective::Class(class), Objective::OtherThan(class), Objective::Distance { layer, target: &target }];
            for objective in objectives {
                let (_, cotangent) = objective.at(&values);
                for index in 0..values.len() {
                    let moved = |by: f32| {
                        let mut moved = values.clone();
                        moved[index] += by;
                        (objective.at(&moved).0, f64::from(moved[index]))
                    };
                    let (after, before) = (moved(1e-3), moved(-1e-3));
                    let slope = (after.0 - before.0) / (after.1 - before.1);
                    prop_assert!((slope - f64::from(cotangent[index])).abs() < 1e-3, "{objective:?}");
                }
            }
        }
    }
}

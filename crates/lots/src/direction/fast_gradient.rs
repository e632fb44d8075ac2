//! Fast gradient: up the loss of the origin's class, by the gradient's sign or by the gradient as it is.

use lots_network::{Network, softmax};

use super::origin_trace::{Formed, OriginTrace, only};
use super::{Direction, NoDirection};
use crate::error::Result;
use crate::image::Image;

/// What is done where the probability of the class is exactly 1 in single precision, so that its loss is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VanishedGradient {
    /// There is no direction, as for a program that computes the gradient in single precision.
    #[default]
    Fail,
    /// The gradient is computed in double precision in a way that never vanishes, for every origin.
    Follow,
}

/// The direction of the fast gradient sign method: every pixel moves alike, up the loss of the origin's class.
///
/// `η = sign( ∇ₓ J(x, y) )`, `J = −log p_y`; the sign of 0 is 0
///
/// - `origin`: an image of the size that the network takes.
/// - `origin_class`: y.
/// - Returns a direction of −1, 0 and 1, shape `[channels, height, width]`.
///
/// # Errors
/// [`Error::ImageSize`](crate::Error::ImageSize); [`Error::ClassRange`](crate::Error::ClassRange);
/// [`Error::NoDirection`](crate::Error::NoDirection) if the gradient has vanished.
///
/// # Example
/// ```
/// use lots::direction::{VanishedGradient, fast_gradient_sign};
/// use lots::{data::digits, embedded};
/// let (network, digits) = (embedded::lenet(), digits::load());
/// let origin = &digits.images()[8];
/// let direction = fast_gradient_sign(&network, origin, 5, VanishedGradient::Follow)?;
/// assert!(direction.values().iter().all(|slope| [-1.0, 0.0, 1.0].contains(slope)));
/// # Ok::<(), lots::Error>(())
/// ```
///
/// Source: Goodfellow, Shlens, Szegedy, "Explaining and Harnessing Adversarial Examples", section 4.
pub fn fast_gradient_sign(
    network: &Network,
    origin: &Image,
    origin_class: usize,
    vanished: VanishedGradient,
) -> Result<Direction> {
    fast_gradient_value(network, origin, origin_class, vanished).map(|direction| direction.sign())
}

/// The direction of the fast gradient value method: up the loss of the origin's class, each pixel by its share.
///
/// `η = ∇ₓ J(x, y)`, `J = −log p_y`
///
/// - `origin`: an image of the size that the network takes.
/// - `origin_class`: y.
/// - Returns a direction of shape `[channels, height, width]`; only its ratios matter.
///
/// # Errors
/// As [`fast_gradient_sign`].
///
/// # Example
/// ```
/// use lots::direction::{VanishedGradient, fast_gradient_sign, fast_gradient_value};
/// use lots::{data::digits, embedded};
/// let (network, digits) = (embedded::lenet(), digits::load());
/// let origin = &digits.images()[8];
/// let value = fast_gradient_value(&network, origin, 5, VanishedGradient::Follow)?;
/// assert_eq!(value.sign(), fast_gradient_sign(&network, origin, 5, VanishedGradient::Follow)?);
/// # Ok::<(), lots::Error>(())
/// ```
///
/// Source: Rozsa, Rudd, Boult, "Adversarial Diversity and Hard Positive Generation", section 4.1.
pub fn fast_gradient_value(
    network: &Network,
    origin: &Image,
    origin_class: usize,
    vanished: VanishedGradient,
) -> Result<Direction> {
    let trace = OriginTrace::of_images(network, &[], std::slice::from_ref(origin))?;
    only(trace.fast_gradient_value(&[origin_class], vanished)?)
}

impl OriginTrace<'_> {
    /// [`fast_gradient_sign`] for each origin and its class.
    ///
    /// # Errors
    /// As [`Self::fast_gradient_value`].
    pub fn fast_gradient_sign(
        &self,
        origin_classes: &[usize],
        vanished: VanishedGradient,
    ) -> Result<Vec<Formed>> {
        let values = self.fast_gradient_value(origin_classes, vanished)?;
        Ok(values.into_iter().map(|formed| formed.map(|direction| direction.sign())).collect())
    }

    /// [`fast_gradient_value`] for each origin and its class.
    ///
    /// # Errors
    /// [`Error::ClassRange`](crate::Error::ClassRange) if the network has no such class.
    ///
    /// # Panics
    /// If there are fewer classes than origins.
    pub fn fast_gradient_value(
        &self,
        origin_classes: &[usize],
        vanished: VanishedGradient,
    ) -> Result<Vec<Formed>> {
        origin_classes.iter().try_for_each(|&class| self.expect_class(class))?;
        self.backpropagate_logits(|origin, logits| match vanished {
            VanishedGradient::Fail => loss_gradient(logits, origin_classes[origin]),
            VanishedGradient::Follow => Ok(exact_loss_gradient(logits, origin_classes[origin])),
        })
    }
}

/// ∂J/∂z = p − 1\[y\] in single precision, as Caffe computes it.
fn loss_gradient(logits: &[f32], class: usize) -> std::result::Result<Vec<f32>, NoDirection> {
    let mut gradient = softmax(logits);
    // 1 is the largest probability there is.
    if gradient[class] >= 1.0 {
        return Err(NoDirection::VanishedGradient);
    }
    gradient[class] -= 1.0;
    Ok(gradient)
}

/// A positive multiple of ∂J/∂z: with `Z = Σ exp(zₖ)`, `p_j = exp(z_j) / Z` and `p_y − 1 = −Σ exp(zₖ) / Z` over the
/// other classes k, so the logit of the class itself is not needed, and relative to the highest of the others nothing
/// underflows.
fn exact_loss_gradient(logits: &[f32], class: usize) -> Vec<f32> {
    let others = || logits.iter().enumerate().filter(|&(other, _)| other != class);
    let highest = others().fold(f64::NEG_INFINITY, |highest, (_, &logit)| highest.max(f64::from(logit)));
    // libm, because the platform's `exp` may differ in the last bit.
    let weight = |logit: f32| libm::exp(f64::from(logit) - highest);
    let sum: f64 = others().map(|(_, &logit)| weight(logit)).sum();
    let gradient = logits.iter().enumerate();
    gradient.map(|(index, &logit)| (if index == class { -1.0 } else { weight(logit) / sum }) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_gradient_vanishes_where_the_probability_rounds_to_one() {
        // Half a unit in the last place below 1 is 2⁻²⁵ = exp(−17.33); two others share what is left.
        assert!(loss_gradient(&[16.0, 0.0, 0.0], 0).is_ok());
        assert_eq!(loss_gradient(&[18.5, 0.0, 0.0], 0), Err(NoDirection::VanishedGradient));
        assert_eq!(exact_loss_gradient(&[900.0, 0.0, 0.0], 0), [-1.0, 0.5, 0.5]);
    }

    #[test]
    fn a_logit_that_is_not_a_number_stays_one() {
        assert!(loss_gradient(&[f32::NAN, 0.0], 0).unwrap().iter().any(|value| value.is_nan()));
        assert!(exact_loss_gradient(&[0.0, f32::NAN, 1.0], 0).iter().any(|value| value.is_nan()));
    }

    proptest! {
        #[test]
        fn both_gradients_have_the_same_ratios(
            logits in prop::collection::vec(-2.0_f32..2.0, 2..8),
            class in 0..8_usize,
        ) {
            let class = class % logits.len();
            let single = loss_gradient(&logits, class).unwrap();
            for (value, exact) in single.iter().zip(exact_loss_gradient(&logits, class)) {
                prop_assert!((value / -single[class] - exact).abs() < 1e-5);
            }
        }
    }
}

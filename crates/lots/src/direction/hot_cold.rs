//! Hot/cold: one logit up, that of the origin's class down.

use lots_network::Network;

use super::Direction;
use super::origin_trace::{Formed, OriginTrace, only};
use crate::error::{Error, Result};
use crate::image::Image;

/// The direction of the hot/cold approach: toward one class and away from the origin's.
///
/// `η = B( ω )`, `ω_j = |h_j(x)|` for the hot class, `−h_j(x)` for the cold class, 0 for the others; h are the logits
///
/// A negative logit of the cold class is raised, not lowered: the formula is taken literally.
///
/// - `origin`: an image of the size that the network takes.
/// - `origin_class`: the cold class.
/// - `target_class`: the hot class, another one.
/// - Returns a direction of shape `[channels, height, width]`; only its ratios matter.
///
/// # Errors
/// [`Error::ImageSize`]; [`Error::ClassRange`]; [`Error::SameClass`] if both classes are the same;
/// [`Error::NoDirection`].
///
/// # Example
/// ```
/// use lots::{data::digits, direction, embedded};
/// let (network, digits) = (embedded::lenet(), digits::load());
/// let direction = direction::hot_cold(&network, &digits.images()[4], 4, 9)?;
/// assert_eq!(direction.shape(), [1, 28, 28]);
/// # Ok::<(), lots::Error>(())
/// ```
///
/// Source: Rozsa, Rudd, Boult, "Adversarial Diversity and Hard Positive Generation", section 4.2.
pub fn hot_cold(
    network: &Network,
    origin: &Image,
    origin_class: usize,
    target_class: usize,
) -> Result<Direction> {
    let trace = OriginTrace::of_images(network, &[], std::slice::from_ref(origin))?;
    only(trace.hot_cold(&[origin_class], &[target_class])?)
}

impl OriginTrace<'_> {
    /// [`hot_cold`] for each origin, its class and the class to move toward.
    ///
    /// # Errors
    /// [`Error::ClassRange`], [`Error::SameClass`].
    ///
    /// # Panics
    /// If there are fewer classes than origins.
    pub fn hot_cold(&self, origin_classes: &[usize], target_classes: &[usize]) -> Result<Vec<Formed>> {
        for (&cold, &hot) in origin_classes.iter().zip(target_classes) {
            self.expect_class(cold)?;
            self.expect_class(hot)?;
            if cold == hot {
                return Err(Error::SameClass { class: hot });
            }
        }
        self.backpropagate_logits(|origin, logits| {
            let (cold, hot) = (origin_classes[origin], target_classes[origin]);
            let mut cotangent = vec![0.0; logits.len()];
            cotangent[hot] = logits[hot].abs();
            cotangent[cold] = -logits[cold];
            Ok(cotangent)
        })
    }
}

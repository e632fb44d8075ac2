//! Magnify and reduce: the origin's own representation, with either sign.

use lots_network::{LayerId, Network};

use super::Direction;
use super::origin_trace::{Formed, OriginTrace, only};
use crate::error::Result;
use crate::image::Image;

/// The direction in the pixels that magnifies what the network sees in the origin at `layer`.
///
/// `η̂⁽ˡ⁾(x_o) = B_l( +f⁽ˡ⁾(x_o) )`, Eq. (4)
///
/// - `layer`: a name that [`Network::layer`] knows.
/// - `origin`: an image of the size that the network takes.
/// - Returns a direction of shape `[channels, height, width]`; only its ratios matter, the step scales it.
///
/// # Errors
/// [`Error::Network`](crate::Error::Network) if there is no such layer; [`Error::ImageSize`](crate::Error::ImageSize);
/// [`Error::NoDirection`](crate::Error::NoDirection) if the layer is dead.
///
/// # Example
/// ```
/// use lots::{data::digits, direction, embedded, line_search};
/// let (network, digits) = (embedded::lenet(), digits::load());
/// let origin = &digits.images()[4];
/// let direction = direction::magnify(&network, "conv1", origin)?;
/// let perturbed = line_search::image_at(origin, &direction, 128.0)?;
/// assert_ne!(&perturbed, origin);
/// # Ok::<(), lots::Error>(())
/// ```
///
/// Source: Rozsa, Günther, Boult, "Exploring LOTS in Deep Neural Networks", section 3.
pub fn magnify(network: &Network, layer: &str, origin: &Image) -> Result<Direction> {
    let layer = network.layer(layer)?;
    only(OriginTrace::of_images(network, &[layer], std::slice::from_ref(origin))?.magnify(layer)?)
}

/// The direction in the pixels that reduces what the network sees in the origin at `layer`: [`magnify`] with the other
/// sign.
///
/// `η̂⁽ˡ⁾(x_o) = B_l( −f⁽ˡ⁾(x_o) )`, Eq. (4)
///
/// # Errors
/// As [`magnify`].
///
/// # Example
/// ```
/// use lots::{data::digits, direction, embedded};
/// let (network, digits) = (embedded::lenet(), digits::load());
/// let origin = &digits.images()[4];
/// let reduced = direction::reduce(&network, "ip2", origin)?;
/// assert_eq!(reduced.linf(), direction::magnify(&network, "ip2", origin)?.linf());
/// # Ok::<(), lots::Error>(())
/// ```
pub fn reduce(network: &Network, layer: &str, origin: &Image) -> Result<Direction> {
    let layer = network.layer(layer)?;
    only(OriginTrace::of_images(network, &[layer], std::slice::from_ref(origin))?.reduce(layer)?)
}

impl OriginTrace<'_> {
    /// [`magnify`] for each origin.
    ///
    /// # Errors
    /// [`Error::Network`](crate::Error::Network) if the layer was not asked for.
    pub fn magnify(&self, layer: LayerId) -> Result<Vec<Formed>> {
        let representation = self.representation(layer)?;
        self.backpropagate(layer, &representation.values, &vec![None; self.count()])
    }

    /// [`reduce`] for each origin.
    ///
    /// # Errors
    /// [`Error::Network`](crate::Error::Network) if the layer was not asked for.
    pub fn reduce(&self, layer: LayerId) -> Result<Vec<Formed>> {
        let negated: Vec<f32> = self.representation(layer)?.values.iter().map(|value| -value).collect();
        self.backpropagate(layer, &negated, &vec![None; self.count()])
    }
}

//! Toward a target: the layerwise origin-target synthesis itself.

use lots_network::{LayerId, Network};
use rayon::prelude::*;

use super::origin_trace::{Formed, OriginTrace, expect_size, only};
use super::{Direction, NoDirection};
use crate::error::{Error, Result};
use crate::image::Image;

/// The direction in the pixels that moves the origin's representation at `layer` toward the target's.
///
/// `η⁽ˡ⁾(x_o, x_t) = B_l( f⁽ˡ⁾(x_t) − f⁽ˡ⁾(x_o) )`, Eq. (3)
///
/// - `layer`: a name that [`Network::layer`] knows.
/// - `origin`, `target`: images of the size that the network takes.
/// - Returns a direction of shape `[channels, height, width]`; only its ratios matter, the step scales it.
///
/// # Errors
/// [`Error::Network`] if there is no such layer; [`Error::ImageSize`]; [`Error::NoDirection`] if both images have the
/// same representation or no pixel changes it.
///
/// # Example
/// ```
/// use lots::{data::digits, direction, embedded};
/// let (network, digits, targets) = (embedded::lenet(), digits::load(), digits::targets());
/// let direction = direction::toward(&network, "conv2", &digits.images()[4], &targets.images()[9])?;
/// assert_eq!(direction.shape(), [1, 28, 28]);
/// # Ok::<(), lots::Error>(())
/// ```
///
/// Source: Rozsa, Günther, Boult, "Exploring LOTS in Deep Neural Networks", section 3.
pub fn toward(network: &Network, layer: &str, origin: &Image, target: &Image) -> Result<Direction> {
    expect_size(network, "target", target)?;
    let representation = network.represent(network.layer(layer)?, target.pixels())?;
    toward_representation(network, layer, origin, &representation.values)
}

/// As [`toward`] where only the target's representation is at hand, not its image.
///
/// - `target`: f⁽ˡ⁾ of the target, as many numbers as the layer has.
///
/// # Errors
/// As [`toward`]; [`Error::RepresentationLength`].
///
/// # Example
/// ```
/// use lots::{data::digits, direction, embedded};
/// let (network, digits) = (embedded::lenet(), digits::load());
/// let stolen = network.represent(network.layer("ip1")?, digits.images()[9].pixels())?;
/// let direction = direction::toward_representation(&network, "ip1", &digits.images()[4], &stolen.values)?;
/// assert_eq!(direction, direction::toward(&network, "ip1", &digits.images()[4], &digits.images()[9])?);
/// # Ok::<(), lots::Error>(())
/// ```
pub fn toward_representation(
    network: &Network,
    layer: &str,
    origin: &Image,
    target: &[f32],
) -> Result<Direction> {
    let layer = network.layer(layer)?;
    only(OriginTrace::of_images(network, &[layer], std::slice::from_ref(origin))?.toward(layer, &[target])?)
}

impl OriginTrace<'_> {
    /// [`toward`] for each origin and the representation of its target at `layer`.
    ///
    /// # Errors
    /// [`Error::Network`] if the layer was not asked for or there are not as many targets as origins;
    /// [`Error::RepresentationLength`] if a target has not as many numbers as the layer.
    pub fn toward(&self, layer: LayerId, targets: &[&[f32]]) -> Result<Vec<Formed>> {
        let origins = self.representation(layer)?;
        let expected = self.network().shape(layer).count();
        if let Some(target) = targets.iter().find(|target| target.len() != expected) {
            let layer = self.network().tensor_name(layer).to_owned();
            return Err(Error::RepresentationLength { layer, got: target.len(), expected });
        }
        let mut cotangents = vec![0.0; expected * self.count().min(targets.len())];
        let refused: Vec<Option<NoDirection>> = cotangents
            .par_chunks_mut(expected)
            .zip(origins.values.par_chunks(expected))
            .zip(targets)
            .map(|((cotangent, origin), target)| {
                // The feature difference of Eq. (3).
                for ((difference, target), origin) in cotangent.iter_mut().zip(*target).zip(origin) {
                    *difference = target - origin;
                }
                let is_same = cotangent.iter().all(|difference| *difference == 0.0);
                is_same.then_some(NoDirection::SameRepresentation)
            })
            .collect();
        self.backpropagate(layer, &cotangents, &refused)
    }
}

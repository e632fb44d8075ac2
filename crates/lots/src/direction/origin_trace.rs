//! [`OriginTrace`]: a forward pass over some origins, from which all their directions are formed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lots_network::{Array, LayerId, Network, Pixels, ReluStart, Trace, class_of};
use rayon::prelude::*;

use super::{Direction, NoDirection};
use crate::error::{Error, Result};
use crate::image::Image;

/// A direction, or why there is none.
pub type Formed = std::result::Result<Direction, NoDirection>;

/// Some origins, passed forward once.
///
/// What comes out for an origin does not depend on the others.
///
/// # Example
/// ```
/// use lots::direction::OriginTrace;
/// let (network, digits) = (lots::embedded::lenet(), lots::data::digits::load());
/// let conv2 = network.layer("conv2")?;
/// let trace = OriginTrace::of_images(&network, &[conv2], &digits.images()[..3])?;
/// assert_eq!(trace.class(0), 7);
/// assert_eq!(trace.magnify(conv2)?.len(), 3);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Debug)]
pub struct OriginTrace<'n> {
    network: &'n Network,
    trace: Trace<'n>,
    /// What the network computes for the origins at the layers that were asked for.
    representations: BTreeMap<LayerId, Array>,
    logits: Array,
    relu_start: ReluStart,
}

impl<'n> OriginTrace<'n> {
    /// Passes images forward to `layers` and to the logits.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if an image does not have the size that the network takes.
    pub fn of_images(network: &'n Network, layers: &[LayerId], origins: &[Image]) -> Result<Self> {
        let mut pixels = Vec::with_capacity(origins.iter().map(|origin| origin.pixels().len()).sum());
        for origin in origins {
            expect_size(network, "origin", origin)?;
            pixels.extend_from_slice(origin.pixels());
        }
        Self::of_pixels(network, layers, pixels.as_slice())
    }

    /// As [`Self::of_images`] for pixels in the order `[origins, channels, height, width]`, whole numbers or not.
    ///
    /// # Errors
    /// [`Error::Network`] if they are not a whole number of images.
    pub fn of_pixels<'p>(
        network: &'n Network,
        layers: &[LayerId],
        pixels: impl Into<Pixels<'p>>,
    ) -> Result<Self> {
        let mut wanted = layers.to_vec();
        wanted.push(network.logits());
        let trace = network.trace(&wanted, pixels)?;
        let logits = trace.representation(network.logits())?;
        let mut representations = BTreeMap::new();
        for &layer in layers {
            representations.insert(layer, trace.representation(layer)?);
        }
        Ok(Self { network, trace, representations, logits, relu_start: ReluStart::default() })
    }

    /// The same with another way to start backpropagation at a ReLU.
    #[must_use]
    pub fn with_relu_start(self, relu_start: ReluStart) -> Self {
        Self { relu_start, ..self }
    }

    /// How many origins there are.
    pub fn count(&self) -> usize {
        self.trace.count()
    }

    /// The network they were passed through.
    pub fn network(&self) -> &'n Network {
        self.network
    }

    /// The logits of one origin.
    ///
    /// # Panics
    /// If there is no such origin.
    pub fn logits(&self, origin: usize) -> &[f32] {
        self.logits.image(origin)
    }

    /// What the network says of one origin.
    ///
    /// # Panics
    /// If there is no such origin.
    pub fn class(&self, origin: usize) -> usize {
        class_of(self.logits(origin))
    }

    /// What the network computes for the origins at a layer, `[origins, …]`.
    ///
    /// # Errors
    /// [`Error::Network`] if the layer was not asked for.
    pub fn representation(&self, layer: LayerId) -> Result<Cow<'_, Array>> {
        match self.representations.get(&layer) {
            Some(representation) => Ok(Cow::Borrowed(representation)),
            None => Ok(Cow::Owned(self.trace.representation(layer)?)),
        }
    }

    /// `B_l` of a cotangent for each origin, one after the other.
    pub(super) fn gradients(&self, layer: LayerId, cotangents: &[f32]) -> Result<Vec<f32>> {
        Ok(self.trace.backpropagate(layer, cotangents, self.relu_start)?.values)
    }

    /// `B_l` of a cotangent for each origin; none where there is a reason for none.
    pub(super) fn backpropagate(
        &self,
        layer: LayerId,
        cotangents: &[f32],
        refused: &[Option<NoDirection>],
    ) -> Result<Vec<Formed>> {
        if refused.iter().all(Option::is_some) {
            return Ok(refused.iter().flatten().map(|&reason| Err(reason)).collect());
        }
        let gradients = self.trace.backpropagate(layer, cotangents, self.relu_start)?;
        let shape = self.network.input_shape();
        let pixels = shape.iter().product();
        let formed =
            gradients.values.par_chunks(pixels).zip(refused).map(|(gradient, refused)| match refused {
                Some(reason) => Err(*reason),
                None => Direction::from_gradient(shape, gradient.to_vec()),
            });
        Ok(formed.collect())
    }

    /// B at the logits of a cotangent that is computed for each origin from its logits.
    pub(super) fn backpropagate_logits(
        &self,
        cotangent: impl Fn(usize, &[f32]) -> std::result::Result<Vec<f32>, NoDirection>,
    ) -> Result<Vec<Formed>> {
        let (mut cotangents, mut refused) = (Vec::with_capacity(self.logits.values.len()), Vec::new());
        for (origin, logits) in self.logits.images().enumerate() {
            match cotangent(origin, logits) {
                Ok(values) => {
                    cotangents.extend(values);
                    refused.push(None);
                }
                Err(reason) => {
                    cotangents.resize(cotangents.len() + logits.len(), 0.0);
                    refused.push(Some(reason));
                }
            }
        }
        self.backpropagate(self.network.logits(), &cotangents, &refused)
    }

    /// # Errors
    /// [`Error::ClassRange`] if the network has no such class.
    pub(super) fn expect_class(&self, class: usize) -> Result<()> {
        let class_count = self.network.class_count();
        if class < class_count { Ok(()) } else { Err(Error::ClassRange { class, class_count }) }
    }
}

/// The direction of the only origin.
pub(super) fn only(formed: Vec<Formed>) -> Result<Direction> {
    let only = formed.into_iter().next().unwrap_or(Err(NoDirection::ZeroGradient));
    only.map_err(|reason| Error::NoDirection { reason })
}

/// # Errors
/// [`Error::ImageSize`] if `image` does not have the size that the network takes.
pub(crate) fn expect_size(network: &Network, role: &'static str, image: &Image) -> Result<()> {
    let (got, expected) = (image.shape(), network.input_shape());
    if got == expected { Ok(()) } else { Err(Error::ImageSize { role, got, expected }) }
}

//! VGG Face: the topology of VGG-16 for faces, as its authors published it.

use super::builder::{given, zeros};
use super::vgg_16::{Vgg16, pixels};
use crate::error::Result;
use crate::load::weights::{Form, Weights};
use crate::network::Network;
use crate::pixels::{ChannelOrder, PixelEncoding};

/// The people that the published network tells apart.
const IDENTITIES: usize = 2622;

/// Red, green, blue: the mean colour of the training set.
///
/// Source: `averageImage` in the demo that comes with `VGG_FACE.caffemodel`.
const MEAN_COLOUR: [f32; 3] = [129.1863, 104.7624, 93.5940];

/// The network with the weights of a file; narrower ones are as wide as their weights.
///
/// # Errors
/// What is missing or has another shape.
pub(super) fn with_weights(weights: Weights) -> Result<Network> {
    let vgg = Vgg16::of_weights(&weights)?;
    let pixels = encoding(weights.form);
    vgg.with_weights(given(weights), pixels)
}

/// The published extents, and nothing but zeros.
///
/// # Errors
/// None; the signature is that of [`with_weights`].
pub(super) fn without_weights() -> Result<Network> {
    Vgg16 { classes: IDENTITIES, ..Vgg16::default() }.with_weights(zeros(), encoding(Form::Caffe))
}

/// The pixels that the first convolution was trained on: the converters to PyTorch turned its channels around.
fn encoding(form: Form) -> PixelEncoding {
    let [red, green, blue] = MEAN_COLOUR;
    match form {
        Form::Caffe => pixels(ChannelOrder::Bgr, [blue, green, red]),
        Form::Torch => pixels(ChannelOrder::Rgb, [red, green, blue]),
    }
}

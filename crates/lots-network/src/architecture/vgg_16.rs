//! VGG-16: thirteen convolutions of 3×3 and three fully connected layers, the paper's network for faces.

use super::builder::{Builder, Source, drawn};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::load::onnx::MOST_ELEMENTS;
use crate::load::weights::Weights;
use crate::network::Network;
use crate::op::conv::Conv;
use crate::op::flatten::Flatten;
use crate::op::gemm::Gemm;
use crate::op::max_pool::MaxPool;
use crate::op::relu::Relu;
use crate::op::softmax::Softmax;
use crate::op::window::Window;
use crate::pixels::{ChannelOrder, PixelEncoding};
use crate::shape::Shape;

/// The extents of a network with the topology of VGG-16. The default are those of the article: 224×224 pixels,
/// a thousand classes, 138 million weights; smaller ones are for tests.
///
/// ```
/// use lots_network::Vgg16;
/// let network = Vgg16 { extent: 32, channels: [4, 8, 8, 16, 16], features: 32, classes: 10 }.network(0);
/// let conv5_3 = network.layer("conv5_3")?;
/// assert_eq!(network.shape(conv5_3).extents(), [16, 2, 2]);
/// assert_eq!(network.position(conv5_3), Some(13));
/// # Ok::<(), lots_network::Error>(())
/// ```
///
/// Source: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", configuration D.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vgg16 {
    /// Height and width of the images, a multiple of 32.
    pub extent: usize,
    /// Channels of the five groups of convolutions, behind each of which a maximum of 2×2 halves the extent.
    pub channels: [usize; 5],
    /// Outputs of the two fully connected layers `fc6` and `fc7`.
    pub features: usize,
    /// Outputs of the last layer, `fc8`.
    pub classes: usize,
}

impl Default for Vgg16 {
    fn default() -> Self {
        Self { extent: 224, channels: [64, 128, 256, 512, 512], features: 4096, classes: 1000 }
    }
}

impl Vgg16 {
    /// The network with random weights drawn from `seed`: uniform in ±√(6 / fan-in) ("he"), biases zero. Pixels lose the
    /// mean colour of the article's training set, in the order blue, green, red.
    ///
    /// Layers: `conv1_1` to `conv5_3`, `pool1` to `pool5`, `fc6`, `fc7`, `fc8`, `prob`. As in Caffe, where the ReLU
    /// works in place, the name of a layer means what it leaves; the values before it are the tensor
    /// `conv1_1_before_relu` and so on.
    ///
    /// # Panics
    /// If the extent is no positive multiple of 32, or another number is zero.
    pub fn network(&self, seed: u64) -> Network {
        assert!(self.extent > 0 && self.extent.is_multiple_of(32), "the extent must be a multiple of 32");
        let counts = self.channels.iter().chain([&self.features, &self.classes]);
        assert!(counts.into_iter().all(|&count| count > 0), "a layer without outputs");
        let Ok(network) = self.with_weights(drawn(6.0, seed), pixels(ChannelOrder::Bgr, MEAN_COLOUR)) else {
            unreachable!("weights are drawn as wanted")
        };
        network
    }

    /// The extents that the weights of a file have.
    ///
    /// # Errors
    /// [`Error::MissingWeights`] or [`Error::WeightsShape`] if they are not those of such a network.
    pub(super) fn of_weights(weights: &Weights) -> Result<Self> {
        let outputs = |layer: &str| weights.shape(layer).map(|shape| shape[0]);
        let mut channels = [0; 5];
        for (group, channels) in channels.iter_mut().enumerate() {
            *channels = outputs(&format!("conv{}_1", group + 1))?;
        }
        let [features, inputs] = weights.matrix_shape("fc6")?;
        let [classes, _] = weights.matrix_shape("fc8")?;
        let side = (inputs / channels[4].max(1)).isqrt();
        let vgg = Self { extent: 32 * side, channels, features, classes };
        if vgg.extent == 0 || channels[4] * side * side != inputs {
            return Err(Error::WeightsShape {
                layer: "fc6".to_owned(),
                got: format!("{features}×{inputs}"),
                expected: format!("{features}×({} channels of a square)", channels[4]),
            });
        }
        // The largest tensor of an image is that behind the first convolution.
        if !Shape::from([channels[0].max(3), vgg.extent, vgg.extent]).is_within(MOST_ELEMENTS) {
            return Err(Error::TooLarge { tensor: "conv1_1".to_owned(), limit: MOST_ELEMENTS });
        }
        Ok(vgg)
    }

    /// The network with the weights of `source`.
    ///
    /// # Errors
    /// Those of the source.
    pub(super) fn with_weights(&self, source: Source<'_>, pixels: PixelEncoding) -> Result<Network> {
        let mut vgg = Builder::new(Shape::from([3, self.extent, self.extent]), source);
        let mut tensor = Graph::INPUT;
        let mut inputs = 3;
        for (group, (&outputs, convolutions)) in self.channels.iter().zip([2, 2, 3, 3, 3]).enumerate() {
            for convolution in 1..=convolutions {
                let name = format!("conv{}_{convolution}", group + 1);
                let window = Window { kernel: [3; 2], stride: [1; 2], dilation: [1; 2], pads: [1; 4] };
                let conv = Conv::new(window, 1);
                tensor = vgg.weights(&name, conv, tensor, [outputs, inputs, 3, 3], &before_relu(&name))?;
                tensor = vgg.node(&format!("relu{}_{convolution}", group + 1), Relu, tensor, &name);
                inputs = outputs;
            }
            let name = format!("pool{}", group + 1);
            let window = Window { kernel: [2; 2], stride: [2; 2], dilation: [1; 2], pads: [0; 4] };
            tensor = vgg.node(&name, MaxPool { window, ceil: false }, tensor, &name);
        }
        tensor = vgg.node("flatten", Flatten, tensor, "flatten");
        inputs *= (self.extent / 32).pow(2);
        let gemm = || Gemm::new([1.0; 2], true);
        for (name, relu) in [("fc6", "relu6"), ("fc7", "relu7")] {
            tensor = vgg.weights(name, gemm(), tensor, [self.features, inputs], &before_relu(name))?;
            tensor = vgg.node(relu, Relu, tensor, name);
            inputs = self.features;
        }
        tensor = vgg.weights("fc8", gemm(), tensor, [self.classes, inputs], "fc8")?;
        tensor = vgg.node("prob", Softmax { axis: 0, with_all_behind: false }, tensor, "prob");
        Ok(Network::new(vgg.graph, tensor, pixels))
    }
}

/// Pixels that lose a mean colour, given in the order of the channels.
pub(super) fn pixels(order: ChannelOrder, mean: [f32; 3]) -> PixelEncoding {
    let Ok(pixels) = PixelEncoding::scaled(order, &mean, &[], 1.0) else {
        unreachable!("three finite means for three channels")
    };
    pixels
}

/// Blue, green, red: the mean colour of the article's training set, as its authors publish it with their weights.
const MEAN_COLOUR: [f32; 3] = [103.939, 116.779, 123.68];

fn before_relu(name: &str) -> String {
    format!("{name}_before_relu")
}

//! LeNet as it comes with Caffe: the paper's first network.

use super::builder::{Builder, Source, drawn};
use crate::error::Result;
use crate::graph::Graph;
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

impl Network {
    /// LeNet for grey images of 28×28 pixels and ten classes, with random weights drawn from `seed`.
    ///
    /// | layer | op | output | position |
    /// |---|---|---|---|
    /// | `conv1` | convolution 5×5 | 20×24×24 | 1 |
    /// | `pool1` | maximum of 2×2 | 20×12×12 | |
    /// | `conv2` | convolution 5×5 | 50×8×8 | 2 |
    /// | `pool2` | maximum of 2×2 | 50×4×4 | |
    /// | `ip1` | fully connected, then ReLU | 500 | 3 |
    /// | `ip2` | fully connected: the logits | 10 | 4 |
    /// | `prob` | softmax | 10 | |
    ///
    /// There is no ReLU behind the convolutions. Pixels are scaled by 1/256. Weights are uniform in ±√(3 / fan-in)
    /// ("xavier"), biases zero. As in Caffe, where the ReLU works in place, `ip1` names what it leaves; the values
    /// before it are the tensor `ip1_before_relu`.
    ///
    /// ```
    /// let network = lots_network::Network::lenet(0);
    /// let conv2 = network.layer("conv2")?;
    /// assert_eq!(network.shape(conv2).extents(), [50, 8, 8]);
    /// assert_eq!(network.position(network.layer("ip1")?), Some(3));
    /// # Ok::<(), lots_network::Error>(())
    /// ```
    ///
    /// Source: BVLC Caffe, `examples/mnist/lenet_train_test.prototxt`.
    pub fn lenet(seed: u64) -> Self {
        // Caffe's filler "xavier".
        let Ok(network) = lenet(drawn(3.0, seed)) else { unreachable!("weights are drawn as wanted") };
        network
    }
}

/// LeNet with the weights of `source`.
///
/// # Errors
/// Those of the source.
pub(super) fn lenet(source: Source<'_>) -> Result<Network> {
    let mut lenet = Builder::new(Shape::from([1, 28, 28]), source);
    let conv = || Conv::new(Window { kernel: [5; 2], dilation: [1; 2], pads: [0; 4], stride: [1; 2] }, 1);
    let pool = || MaxPool {
        window: Window { kernel: [2; 2], stride: [2; 2], dilation: [1; 2], pads: [0; 4] },
        ceil: false,
    };
    let gemm = || Gemm::new([1.0; 2], true);

    let conv1 = lenet.weights("conv1", conv(), Graph::INPUT, [20, 1, 5, 5], "conv1")?;
    let pool1 = lenet.node("pool1", pool(), conv1, "pool1");
    let conv2 = lenet.weights("conv2", conv(), pool1, [50, 20, 5, 5], "conv2")?;
    let pool2 = lenet.node("pool2", pool(), conv2, "pool2");
    let flat = lenet.node("flatten", Flatten, pool2, "flatten");
    let before_relu = lenet.weights("ip1", gemm(), flat, [500, 800], "ip1_before_relu")?;
    let ip1 = lenet.node("relu1", Relu, before_relu, "ip1");
    let ip2 = lenet.weights("ip2", gemm(), ip1, [10, 500], "ip2")?;
    let prob = lenet.node("prob", Softmax { axis: 0, with_all_behind: false }, ip2, "prob");
    let Ok(pixels) = PixelEncoding::scaled(ChannelOrder::Grey, &[], &[], 1.0 / 256.0) else {
        unreachable!("1/256 is a finite scale for one channel")
    };
    Ok(Network::new(lenet.graph, prob, pixels))
}

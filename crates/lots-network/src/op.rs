//! What a node of the graph computes: [`Op`], and the registry of all of them.
//!
//! One file an op holds its shape rule, forward, backward, slow reference twin and tests.
//! To add an op, write that file and add one line to [`REGISTRY`]: the loader, the saver and the gradient check
//! (`op/gradient_check.rs`, which compares every backward with central differences of the twin in f64) find it there.
//!
//! # Lanes
//!
//! Values of several images lie side by side: element `e` of image `lane` is `values[e * lanes + lane]`.
//! With 16 lanes a whole SIMD register holds one element of 16 images, so that pooling and ReLU vectorise by
//! themselves; with one lane it is the plain layout of a single image. An op never mixes lanes, so no image's result
//! depends on its neighbours.

mod arg_max;
pub(crate) mod arithmetic;
mod average_pool;
mod axis;
mod batch_normalization;
mod cast;
mod choice;
mod clip;
pub(crate) mod concat;
pub(crate) mod conv;
mod conv_transpose;
mod depth_to_space;
mod einsum;
mod expand;
pub(crate) mod flatten;
mod function;
pub(crate) mod gather;
pub(crate) mod gemm;
mod global_average_pool;
mod group_normalization;
mod identity;
mod layer_normalization;
mod local_response_normalization;
mod log_softmax;
pub(crate) mod lp_normalization;
mod lp_pool;
pub(crate) mod mat_mul;
pub(crate) mod max_pool;
mod pad;
pub(crate) mod reduce;
pub(crate) mod relu;
pub(crate) mod reshape;
mod resize;
mod slice;
pub(crate) mod softmax;
mod standardize;
mod transpose;
mod unchanged;
mod variadic;
mod view;
pub(crate) mod walk;
pub(crate) mod window;

#[cfg(test)]
pub(crate) mod gradient_check;
#[cfg(test)]
mod one_image;
#[cfg(test)]
mod pooling_check;

use std::fmt::Debug;

use rayon::prelude::*;

use crate::forward::ImageSize;
pub(crate) use crate::kernel::vectorized;
use crate::kernel::windows::Windows;
use crate::load::Node;
use crate::shape::Shape;

pub(crate) use crate::error::OpError;

/// The ops, by their ONNX name, one line each.
pub(crate) static REGISTRY: &[Registration] = &[
    arg_max::REGISTRATION,
    arithmetic::ADD,
    arithmetic::DIV,
    arithmetic::MUL,
    arithmetic::POW,
    arithmetic::P_RELU,
    arithmetic::SUB,
    average_pool::REGISTRATION,
    batch_normalization::REGISTRATION,
    cast::REGISTRATION,
    choice::REGISTRATION,
    clip::REGISTRATION,
    concat::REGISTRATION,
    conv::REGISTRATION,
    conv_transpose::REGISTRATION,
    depth_to_space::DEPTH_TO_SPACE,
    depth_to_space::SPACE_TO_DEPTH,
    einsum::REGISTRATION,
    expand::EXPAND,
    expand::TILE,
    flatten::REGISTRATION,
    function::ABS,
    function::CEIL,
    function::CELU,
    function::COS,
    function::ELU,
    function::ERF,
    function::EXP,
    function::FLOOR,
    function::GELU,
    function::HARD_SIGMOID,
    function::HARD_SWISH,
    function::LEAKY_RELU,
    function::LOG,
    function::MISH,
    function::NEG,
    function::RECIPROCAL,
    function::ROUND,
    function::SELU,
    function::SIGMOID,
    function::SIGN,
    function::SIN,
    function::SOFTPLUS,
    function::SOFTSIGN,
    function::SQRT,
    function::TANH,
    function::THRESHOLDED_RELU,
    gather::REGISTRATION,
    gemm::REGISTRATION,
    global_average_pool::REGISTRATION,
    group_normalization::GROUP,
    group_normalization::INSTANCE,
    identity::DROPOUT,
    identity::IDENTITY,
    layer_normalization::REGISTRATION,
    local_response_normalization::REGISTRATION,
    log_softmax::REGISTRATION,
    lp_normalization::REGISTRATION,
    lp_pool::REGISTRATION,
    mat_mul::REGISTRATION,
    max_pool::REGISTRATION,
    pad::REGISTRATION,
    reduce::GLOBAL_MAX_POOL,
    reduce::L1,
    reduce::L2,
    reduce::LOG_SUM_EXP,
    reduce::MAX,
    reduce::MEAN,
    reduce::MIN,
    reduce::SUM,
    reduce::SUM_SQUARE,
    relu::REGISTRATION,
    reshape::REGISTRATION,
    reshape::SQUEEZE,
    reshape::UNSQUEEZE,
    resize::RESIZE,
    resize::UPSAMPLE,
    slice::SLICE,
    slice::SPLIT,
    softmax::REGISTRATION,
    transpose::REGISTRATION,
    variadic::MAX,
    variadic::MEAN,
    variadic::MIN,
    variadic::SUM,
];

/// How an op is found by the loader and by the tests.
pub(crate) struct Registration {
    /// The ONNX operator, `"Conv"`.
    pub(crate) name: &'static str,
    /// Reads the op from a node of an ONNX graph: attributes, and inputs that are constants.
    pub(crate) parse: fn(&Node<'_>) -> Result<Parsed, OpError>,
    /// Random instances for the gradient check, each with the operands it is given.
    #[cfg(test)]
    pub(crate) cases: fn(&mut gradient_check::Random) -> Vec<gradient_check::Case>,
}

/// What [`Registration::parse`] made of a node.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The op with its attributes.
    pub(crate) op: Box<dyn Op>,
    /// Which of the node's inputs are its operands, in the op's order; the others were read as attributes.
    pub(crate) operands: Vec<usize>,
    /// For constant operands that the op sees in another shape than the file's (a leading batch axis of 1 left out):
    /// position among the operands, and that shape.
    pub(crate) reshaped: Vec<(usize, Shape)>,
}

impl Parsed {
    /// `op` with the node's inputs `operands`, shapes as they are in the file.
    pub(crate) fn new(op: impl Op + 'static, operands: impl Into<Vec<usize>>) -> Self {
        Self { op: Box::new(op), operands: operands.into(), reshaped: Vec::new() }
    }
}

/// An operand or result of an op: values of all lanes, or one set of values shared by all lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<'a> {
    /// Extents without the batch axis.
    pub(crate) shape: &'a Shape,
    /// `[elements][lanes]`.
    pub(crate) values: &'a [f32],
    /// How many images lie side by side; 1 in a pass of more lanes means that all of them share the values
    /// (weights and other constants).
    pub(crate) lanes: usize,
}

/// What an op's backward is given.
pub(crate) struct Backward<'a> {
    /// The operands as they were in the forward pass.
    pub(crate) operands: &'a [Operand<'a>],
    /// What forward computed from them.
    pub(crate) output: Operand<'a>,
    /// ∂loss/∂output, `[elements][lanes]`.
    pub(crate) cotangent: &'a [f32],
    /// How many images lie side by side.
    pub(crate) lanes: usize,
}

/// Values of the forward pass that a backward pass to the pixels reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GradientReads {
    pub(crate) operands: bool,
    pub(crate) output: bool,
}

impl GradientReads {
    /// The op is linear: its gradient depends on the cotangent alone.
    pub(crate) const NOTHING: Self = Self { operands: false, output: false };
    pub(crate) const OUTPUT: Self = Self { operands: false, output: true };
}

/// What a node computes. Implementations are pure: the result depends on the operands alone.
pub(crate) trait Op: Debug + Send + Sync {
    /// The ONNX operator, `"Conv"`.
    fn name(&self) -> &'static str;

    /// The shape rule.
    ///
    /// # Errors
    /// A sentence about the operand that does not fit.
    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError>;

    /// Computes `output`, `[elements][lanes]`, from the operands. `output` holds anything before.
    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize);

    /// **Adds** ∂loss/∂operand to `gradients[i]` for each operand whose gradient is wanted (`Some`).
    /// A gradient has the layout of its operand; for one shared by all lanes it sums over the lanes.
    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]);

    /// Where the gradients of all operands are alike: makes them of the cotangent, in its place. Returns whether it has;
    /// if it has not, nothing has changed. Only for operands that depend on the image, all of them.
    fn backward_in_place(
        &self,
        _operands: &[Operand<'_>],
        _output: Operand<'_>,
        _cotangent: &mut [f32],
    ) -> bool {
        false
    }

    /// Which values [`Op::backward`] reads for the gradients of operands that depend on the image: others may be left
    /// out (empty) in a pass that wants no gradient of weights. Constant operands are always there.
    fn gradient_reads(&self) -> GradientReads {
        GradientReads { operands: true, output: true }
    }

    /// [`Op::backward`] of several blocks of images, in their order, for operands that all images share: only their
    /// gradients are wanted.
    fn backward_shared(&self, passes: &[Backward<'_>], gradients: &mut [Option<&mut [f32]>]) {
        for pass in passes {
            self.backward(pass, gradients);
        }
    }

    /// The ONNX attributes, and constant inputs behind the operands, that [`Registration::parse`] reads back
    /// (opset 13).
    fn save(&self, node: &mut crate::save::NodeWriter);

    /// Which operands training changes: weights and biases.
    fn trainable(&self) -> &'static [usize] {
        &[]
    }

    /// Called once when a network is put together: from then on images may be computed by other arithmetic that is
    /// quicker for their size, the same for any number of lanes that they will be computed in.
    ///
    /// - `pooled`: the windows of a maximum that the result goes to.
    fn expect_images(&mut self, _images: ImageSize, _operands: &[&Shape], _pooled: Option<Windows>) {}

    /// The windows over `image` of whose values only the largest counts; of a pooling by the maximum.
    fn maximum_windows(&self, _image: &Shape) -> Option<Windows> {
        None
    }

    /// Called once, behind [`Op::expect_images`]: the op may keep weights laid out a second time if they are no more than
    /// `room`. Returns how many they are.
    fn lay_out_weights(&mut self, _images: ImageSize, _operands: &[&Shape], _room: usize) -> usize {
        0
    }

    /// Whether [`Op::forward_pooled`] is quicker than the op and its pooling one after the other, for so many lanes.
    ///
    /// - `windows`: those of the maximum that the result goes to, and nowhere else.
    fn pools(&self, _windows: &Windows, _lanes: usize) -> bool {
        false
    }

    /// As [`Op::forward`], but for the largest value under each window, for an op that says it [`pools`](Op::pools):
    /// the same bytes.
    fn forward_pooled(
        &self,
        _operands: &[Operand<'_>],
        _windows: &Windows,
        _output: &mut [f32],
        _lanes: usize,
    ) {
        unreachable!("the op does not pool")
    }

    /// Called when weights have changed: what was derived from them is dropped.
    fn forget_weights(&mut self) {}

    /// The oldest operator set that has the operator as [`Op::save`] writes it.
    fn opset(&self) -> i64 {
        crate::save::onnx::OPSET
    }

    /// Whether every element of the result is one of the operands' elements, whatever these are.
    fn only_moves(&self) -> bool {
        false
    }

    /// The slow, obvious twin of forward for one image, in f64: the specification that the fast code is tested against.
    #[cfg(test)]
    fn reference(&self, operands: &[gradient_check::Array]) -> Vec<f64>;
}

/// Floats of a part that one thread takes, when there are several.
const PART: usize = 1 << 15;

/// Calls `compute` with `result` and `operands`, all equally long and element by element independent: as
/// [`vectorized`], and divided among the threads if they are long.
pub(crate) fn element_wise<const OPERANDS: usize>(
    result: &mut [f32],
    operands: [&[f32]; OPERANDS],
    compute: impl Fn(&mut [f32], [&[f32]; OPERANDS]) + Sync,
) {
    if result.len() < 4 * PART {
        vectorized(
            #[inline(always)]
            || compute(result, operands),
        );
        return;
    }
    result.par_chunks_mut(PART).enumerate().for_each(|(index, result)| {
        let operands = operands.map(|operand| &operand[index * PART..][..result.len()]);
        vectorized(
            #[inline(always)]
            || compute(result, operands),
        );
    });
}

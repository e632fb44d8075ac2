//! [`TileConvolution`]: how a convolution of 3×3 treats a large image, in a quarter of the multiplications.
//!
//! The filters are transformed when they are first needed, and kept.

use std::sync::OnceLock;

use super::conv::Conv;
use super::window::Window;
use super::{Backward, Operand};
use crate::kernel::weighted_sum::Start;
use crate::kernel::winograd::{Convolution, Filters};
use crate::shape::Shape;

/// With fewer channels the transforms cost more than they save.
const FEWEST_CHANNELS: usize = 4;

/// With fewer tiles of 4×4 pixels, fetching the transformed filters, four times as large, costs more than they save.
const FEWEST_TILES: usize = 9;

/// The transformed filters of a convolution.
#[derive(Debug, Default)]
pub(super) struct TileConvolution {
    forward: OnceLock<Filters>,
    backward: OnceLock<Filters>,
}

impl TileConvolution {
    /// Whether `conv` can be computed so, and gains by it. The shapes have passed the shape rule.
    pub(super) fn suits(conv: &Conv, operands: &[&Shape]) -> bool {
        let Window { kernel, stride, dilation, .. } = conv.window;
        let (&[channels, height, width], &[outputs, ..]) = (operands[0].extents(), operands[1].extents())
        else {
            return false;
        };
        let tiles = height.div_ceil(4) * width.div_ceil(4);
        kernel == [3; 2]
            && stride == [1; 2]
            && dilation == [1; 2]
            && conv.groups == 1
            && channels.min(outputs) >= FEWEST_CHANNELS
            && tiles >= FEWEST_TILES
    }

    /// As [`super::Op::forward`] of a single image.
    pub(super) fn forward(&self, window: &Window, operands: &[Operand<'_>], output: &mut [f32]) {
        let (image, weights) = (operands[0], operands[1]);
        let [top, left, ..] = window.pads.map(usize::cast_signed);
        Convolution {
            filters: self.forward.get_or_init(|| Filters::new(weights.values, filter_counts(weights.shape))),
            input: image.values,
            input_extent: extent(image.shape),
            output_extent: window
                .output_extent(extent(image.shape), false)
                .expect("the shape rule has seen it"),
            origin: [-top, -left],
            start: operands.get(2).map_or(Start::Zero, |bias| Start::Bias(bias.values)),
        }
        .compute(output);
    }

    /// Adds to the gradient of a single image: a convolution of the cotangent with the filters turned by 180°.
    pub(super) fn backward(&self, window: &Window, pass: &Backward<'_>, gradient: &mut [f32]) {
        let weights = pass.operands[1];
        let [top, left, ..] = window.pads.map(usize::cast_signed);
        Convolution {
            filters: self
                .backward
                .get_or_init(|| Filters::turned(weights.values, filter_counts(weights.shape))),
            input: pass.cotangent,
            input_extent: extent(pass.output.shape),
            output_extent: extent(pass.operands[0].shape),
            origin: [top - 2, left - 2],
            start: Start::Output,
        }
        .compute(gradient);
    }
}

/// Outputs and inputs of weights.
fn filter_counts(weights: &Shape) -> [usize; 2] {
    [weights.extents()[0], weights.extents()[1]]
}

/// Height and width of an image.
fn extent(image: &Shape) -> [usize; 2] {
    [image.extents()[1], image.extents()[2]]
}

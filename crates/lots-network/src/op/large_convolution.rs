//! [`LargeConvolution`]: the convolutions that large images (one lane) have a quicker way for.
//!
//! Which way follows from the shapes alone and is settled when the network is put together.

use std::sync::OnceLock;

use super::conv::Conv;
use super::window::Window;
use super::{Backward, Operand};
use crate::kernel::channel_convolution::ChannelConvolution;
use crate::kernel::weighted_sum::Start;
use crate::kernel::winograd::{Convolution, Filters};
use crate::shape::Shape;

/// With fewer channels the transforms of the tiles cost more than they save.
const FEWEST_CHANNELS: usize = 4;

/// With fewer tiles of 4×4 pixels, fetching the transformed filters, four times as large, costs more than they save.
const FEWEST_TILES: usize = 9;

/// How a convolution treats a large image.
#[derive(Debug)]
pub(super) enum LargeConvolution {
    /// 3×3 by tiles, in a quarter of the multiplications.
    Tiles(TransformedFilters),
    /// Each channel for itself.
    ChannelsApart,
}

/// The transformed filters of a convolution, made when they are first needed.
#[derive(Debug, Default)]
pub(super) struct TransformedFilters {
    forward: OnceLock<Filters>,
    backward: OnceLock<Filters>,
}

impl LargeConvolution {
    /// The quicker way for `conv`, if there is one. The shapes have passed the shape rule.
    pub(super) fn choose(conv: &Conv, operands: &[&Shape]) -> Option<Self> {
        let Window { kernel, stride, dilation, .. } = conv.window;
        let (&[channels, height, width], &[outputs, ..]) = (operands[0].extents(), operands[1].extents())
        else {
            return None;
        };
        if conv.groups > 1 {
            return (conv.groups == channels && channels == outputs).then_some(Self::ChannelsApart);
        }
        let tiles = height.div_ceil(4) * width.div_ceil(4);
        let by_tiles = kernel == [3; 2]
            && stride == [1; 2]
            && dilation == [1; 2]
            && channels.min(outputs) >= FEWEST_CHANNELS
            && tiles >= FEWEST_TILES;
        by_tiles.then(|| Self::Tiles(TransformedFilters::default()))
    }

    /// Drops what was made of the weights.
    pub(super) fn forget_weights(&mut self) {
        if let Self::Tiles(filters) = self {
            *filters = TransformedFilters::default();
        }
    }

    /// As [`super::Op::forward`] of a single image.
    pub(super) fn forward(&self, window: &Window, operands: &[Operand<'_>], output: &mut [f32]) {
        let (image, weights) = (operands[0], operands[1]);
        let bias = operands.get(2).map(|bias| bias.values);
        match self {
            Self::Tiles(filters) => {
                let [top, left, ..] = window.pads.map(usize::cast_signed);
                let make = || Filters::new(weights.values, filter_counts(weights.shape));
                Convolution {
                    filters: filters.forward.get_or_init(make),
                    input: image.values,
                    input_extent: extent(image.shape),
                    output_extent: output_extent(window, image.shape),
                    origin: [-top, -left],
                    start: bias.map_or(Start::Zero, Start::Bias),
                }
                .compute(output);
            }
            Self::ChannelsApart => {
                let output_extent = output_extent(window, image.shape);
                channels(window, image.shape, output_extent).forward(
                    image.values,
                    weights.values,
                    bias,
                    output,
                );
            }
        }
    }

    /// Adds to the gradient of a single image.
    pub(super) fn backward(&self, window: &Window, pass: &Backward<'_>, gradient: &mut [f32]) {
        let (image, weights) = (pass.operands[0].shape, pass.operands[1]);
        match self {
            // A convolution of the cotangent with the filters turned by 180°.
            Self::Tiles(filters) => {
                let [top, left, ..] = window.pads.map(usize::cast_signed);
                let make = || Filters::turned(weights.values, filter_counts(weights.shape));
                Convolution {
                    filters: filters.backward.get_or_init(make),
                    input: pass.cotangent,
                    input_extent: extent(pass.output.shape),
                    output_extent: extent(image),
                    origin: [top - 2, left - 2],
                    start: Start::Output,
                }
                .compute(gradient);
            }
            Self::ChannelsApart => {
                channels(window, image, extent(pass.output.shape)).backward(
                    pass.cotangent,
                    weights.values,
                    gradient,
                );
            }
        }
    }
}

fn channels(window: &Window, image: &Shape, output: [usize; 2]) -> ChannelConvolution {
    let Window { kernel, stride, dilation, pads: [top, left, ..] } = *window;
    ChannelConvolution { input: extent(image), output, kernel, stride, dilation, pads: [top, left] }
}

/// Outputs and inputs of weights.
fn filter_counts(weights: &Shape) -> [usize; 2] {
    [weights.extents()[0], weights.extents()[1]]
}

/// Height and width of an image.
fn extent(image: &Shape) -> [usize; 2] {
    [image.extents()[1], image.extents()[2]]
}

fn output_extent(window: &Window, image: &Shape) -> [usize; 2] {
    window.output_extent(extent(image), false).expect("the shape rule has seen the image")
}

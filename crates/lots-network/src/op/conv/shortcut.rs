//! [`Shortcut`]: a quicker way that convolutions of some shapes have.
//!
//! Which way follows from the shapes alone and is settled when the network is put together.

use std::sync::OnceLock;

use super::near_ties::Pooled;
use super::{Conv, Geometry};
use crate::forward::ImageSize;
use crate::kernel::channel_convolution::ChannelConvolution;
use crate::kernel::weighted_sum::Start;
use crate::kernel::windows::Windows;
use crate::kernel::winograd::{Convolution, Filters, Taps};
use crate::op::window::Window;
use crate::op::{Backward, Operand};
use crate::shape::Shape;

/// With fewer channels the transforms of the tiles cost more than they save.
const FEWEST_CHANNELS: usize = 4;

/// With fewer tiles of 4×4 pixels of a large image, fetching the transformed filters, four times as large, costs more
/// than they save.
const FEWEST_TILES: usize = 9;

/// How a convolution treats its images.
#[derive(Debug)]
pub(super) enum Shortcut {
    /// By tiles; on the way back too if `backward`. `pooled` is the pooling by the maximum that small images go to.
    Tiles { filters: Box<TransformedFilters>, backward: bool, pooled: Option<Pooled> },
    /// Each channel of a large image for itself.
    ChannelsApart,
}

/// The transformed filters of a convolution, made when they are first needed.
#[derive(Debug)]
pub(super) struct TransformedFilters {
    taps: Taps,
    forward: OnceLock<Filters>,
    backward: OnceLock<Filters>,
}

impl TransformedFilters {
    fn new(taps: Taps) -> Self {
        Self { taps, forward: OnceLock::new(), backward: OnceLock::new() }
    }
}

impl Shortcut {
    /// The quicker way for `conv`, if there is one. The shapes have passed the shape rule.
    pub(super) fn choose(
        conv: &Conv,
        images: ImageSize,
        operands: &[&Shape],
        pooled: Option<Windows>,
    ) -> Option<Self> {
        let Window { kernel, stride, dilation, .. } = conv.window;
        let (&[channels, height, width], &[outputs, ..]) = (operands[0].extents(), operands[1].extents())
        else {
            return None;
        };
        if conv.groups > 1 {
            let apart = conv.groups == channels && channels == outputs;
            return (apart && images == ImageSize::Large).then_some(Self::ChannelsApart);
        }
        let taps = Taps::new(kernel)
            .filter(|_| stride == [1; 2] && dilation == [1; 2] && channels.min(outputs) >= FEWEST_CHANNELS)?;
        let output = output_extent(&conv.window, operands[0]);
        let (forward, backward, pooled) = match images {
            ImageSize::Large => (height.div_ceil(4) * width.div_ceil(4) >= FEWEST_TILES, true, None),
            ImageSize::Small => {
                let by_definition = taps.count().pow(2) * area(output);
                let saves_half = |extent| by_definition >= 2 * taps.multiplications(extent);
                (saves_half(output), saves_half([height, width]), pooled)
            }
        };
        forward.then(|| Self::Tiles {
            filters: Box::new(TransformedFilters::new(taps)),
            backward,
            pooled: pooled.map(Pooled),
        })
    }

    /// Drops what was made of the weights.
    pub(super) fn forget_weights(&mut self) {
        if let Self::Tiles { filters, .. } = self {
            **filters = TransformedFilters::new(filters.taps);
        }
    }

    /// As [`crate::op::Op::forward`]; whether it has been done.
    pub(super) fn forward(
        &self,
        conv: &Conv,
        operands: &[Operand<'_>],
        output: &mut [f32],
        lanes: usize,
    ) -> bool {
        let window = &conv.window;
        let (image, weights) = (operands[0], operands[1]);
        let bias = operands.get(2).map(|bias| bias.values);
        match self {
            Self::ChannelsApart if lanes > 1 => return false,
            Self::Tiles { filters, pooled, .. } => {
                let [top, left, ..] = window.pads.map(usize::cast_signed);
                let make = || Filters::new(weights.values, filter_counts(weights.shape), filters.taps);
                Convolution {
                    filters: made_once(&filters.forward, make),
                    input: image.values,
                    input_extent: extent(image.shape),
                    output_extent: output_extent(window, image.shape),
                    origin: [-top, -left],
                    start: bias.map_or(Start::Zero, Start::Bias),
                    lanes,
                }
                .compute(output);
                if let Some(pooled) = pooled {
                    let geometry = Geometry::new(conv, image.shape, weights.shape, lanes);
                    pooled.settle(&geometry, operands, output, lanes);
                }
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
        true
    }

    /// Adds to the gradient of the images; whether it has been done.
    pub(super) fn backward(&self, window: &Window, pass: &Backward<'_>, gradient: &mut [f32]) -> bool {
        let (image, weights) = (pass.operands[0].shape, pass.operands[1]);
        match self {
            Self::Tiles { backward: false, .. } => return false,
            Self::ChannelsApart if pass.lanes > 1 => return false,
            // A convolution of the cotangent with the filters turned by 180°.
            Self::Tiles { filters, .. } => {
                let [top, left, ..] = window.pads.map(usize::cast_signed);
                let reach = filters.taps.count() as isize - 1;
                let make = || Filters::turned(weights.values, filter_counts(weights.shape), filters.taps);
                Convolution {
                    filters: made_once(&filters.backward, make),
                    input: pass.cotangent,
                    input_extent: extent(pass.output.shape),
                    output_extent: extent(image),
                    origin: [top - reach, left - reach],
                    start: Start::Output,
                    lanes: pass.lanes,
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
        true
    }
}

/// What is in `cell`, made now if it is empty.
///
/// Unlike with [`OnceLock::get_or_init`] nobody waits for another's `make`: filters are made by all threads, and one that
/// waits for the others takes up another image meanwhile, which needs the same filters. It would wait for itself.
fn made_once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(made) = cell.get() {
        return made;
    }
    let made = make();
    cell.get_or_init(|| made)
}

fn channels(window: &Window, image: &Shape, output: [usize; 2]) -> ChannelConvolution {
    let Window { kernel, stride, dilation, pads: [top, left, ..] } = *window;
    ChannelConvolution { input: extent(image), output, kernel, stride, dilation, pads: [top, left] }
}

/// Outputs and inputs of weights.
fn filter_counts(weights: &Shape) -> [usize; 2] {
    [weights.extents()[0], weights.extents()[1]]
}

fn area([height, width]: [usize; 2]) -> usize {
    height * width
}

/// Height and width of an image.
fn extent(image: &Shape) -> [usize; 2] {
    [image.extents()[1], image.extents()[2]]
}

fn output_extent(window: &Window, image: &Shape) -> [usize; 2] {
    window.output_extent(extent(image), false).expect("the shape rule has seen the image")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a lock this would wait for itself for ever.
    #[test]
    fn a_thread_that_makes_filters_may_be_given_an_image_that_needs_them() {
        let cell = OnceLock::new();
        let made = *made_once(&cell, || 1 + *made_once(&cell, || 1));
        assert_eq!(made, 1, "the first that is made is kept");
    }
}

//! `AveragePool`: the mean of the values under a sliding window.

use super::window::{Window, ceil_mode, image_extents};
use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::kernel::windows::{Span, Windows};
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "AveragePool",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// The mean of the values under each window; operand and result are channels×height×width.
#[derive(Debug)]
pub(crate) struct AveragePool {
    pub(crate) window: Window,
    /// Whether a last window that sticks out at the bottom or right is kept.
    pub(crate) ceil: bool,
    /// Whether the zeros of the padding count as values. What sticks out behind them never does.
    pub(crate) padding_counts: bool,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    let [_, height, width] = image_extents(node.batched(0)?)?;
    let window = Window::parse(node, None, [height, width])?;
    let padding_counts = node.int("count_include_pad", 0)? != 0;
    Ok(Parsed::new(AveragePool { window, ceil: ceil_mode(node)?, padding_counts }, [0]))
}

impl Op for AveragePool {
    fn name(&self) -> &'static str {
        "AveragePool"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        self.window.pooled_shape(operands[0], self.ceil)
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let (windows, counts) = self.windows(operands[0].shape);
        let input = operands[0].values;
        vectorized(
            #[inline(always)]
            || match lanes {
                16 => forward::<16>(&windows, &counts, input, output),
                _ => forward::<1>(&windows, &counts, input, output),
            },
        );
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let (windows, counts) = self.windows(pass.operands[0].shape);
        vectorized(
            #[inline(always)]
            || match pass.lanes {
                16 => backward::<16>(&windows, &counts, pass.cotangent, gradient),
                _ => backward::<1>(&windows, &counts, pass.cotangent, gradient),
            },
        );
    }

    fn save(&self, node: &mut NodeWriter) {
        self.window.write(node);
        node.attribute("ceil_mode", Attribute::Int(i64::from(self.ceil)));
        node.attribute("count_include_pad", Attribute::Int(i64::from(self.padding_counts)));
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        self.window.reference(&operands[0], self.ceil, |inside, padded| {
            inside.iter().sum::<f64>() / if self.padding_counts { padded } else { inside.len() } as f64
        })
    }
}

impl AveragePool {
    /// The windows, and for each window of a channel how many values its mean is of.
    fn windows(&self, image: &Shape) -> (Windows, Vec<f32>) {
        let windows = self.window.over(image, self.ceil);
        let counts = |axis: usize, spans: &[Span]| -> Vec<usize> {
            let count = |(output, span): (usize, &Span)| {
                if self.padding_counts {
                    self.window.taps_in_padded(axis, output, image.extents()[axis + 1])
                } else {
                    span.count()
                }
            };
            spans.iter().enumerate().map(count).collect()
        };
        let (rows, columns) = (counts(0, &windows.rows), counts(1, &windows.columns));
        let products = rows.iter().flat_map(|row| columns.iter().map(move |column| (row * column) as f32));
        let counts = products.collect();
        (windows, counts)
    }
}

#[inline(always)]
fn forward<const LANES: usize>(windows: &Windows, counts: &[f32], input: &[f32], output: &mut [f32]) {
    let (input, output) = (input.as_chunks::<LANES>().0, output.as_chunks_mut::<LANES>().0);
    windows.for_each(
        #[inline(always)]
        |index, taps| {
            let mut sum = [0.0; LANES];
            taps.for_each(
                #[inline(always)]
                |tap| {
                    for (sum, value) in sum.iter_mut().zip(&input[tap]) {
                        *sum += value;
                    }
                },
            );
            output[index] = sum.map(|sum| sum / counts[taps.position]);
        },
    );
}

#[inline(always)]
fn backward<const LANES: usize>(windows: &Windows, counts: &[f32], cotangent: &[f32], gradient: &mut [f32]) {
    let (cotangent, gradient) = (cotangent.as_chunks::<LANES>().0, gradient.as_chunks_mut::<LANES>().0);
    windows.for_each(
        #[inline(always)]
        |index, taps| {
            let share = cotangent[index].map(|cotangent| cotangent / counts[taps.position]);
            taps.for_each(
                #[inline(always)]
                |tap| {
                    for (gradient, share) in gradient[tap].iter_mut().zip(&share) {
                        *gradient += share;
                    }
                },
            );
        },
    );
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::OneImage;
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        [false, true]
            .map(|padding_counts| {
                let (window, input, ceil) = Window::random(random);
                Case::new(AveragePool { window, ceil, padding_counts }).batched(input)
            })
            .into()
    }

    #[test]
    fn padding_counts_only_where_asked_and_what_sticks_out_never() {
        let window = Window { kernel: [1, 3], stride: [1, 3], dilation: [1; 2], pads: [0, 1, 0, 1] };
        // Padded: 0 1 2 | 4 8 0 | and nothing behind, without the last column: 0 1 2 | 4 0.
        for (width, padding_counts, ceil, expected) in [
            (4, false, true, [1.5, 6.0]),
            (4, true, true, [1.0, 4.0]),
            (3, false, true, [1.5, 4.0]),
            (3, true, true, [1.0, 2.0]),
        ] {
            let values = [1.0, 2.0, 4.0, 8.0][..width].to_vec();
            let pool = AveragePool { window, ceil, padding_counts };
            let image = OneImage::new(pool, vec![(Shape::from([1, 1, width]), values)]);
            assert_eq!(image.forward(), expected, "{width} columns, padding counts: {padding_counts}");
        }
    }
}

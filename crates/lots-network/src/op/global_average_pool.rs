//! `GlobalAveragePool`: the mean of each channel.

use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::Node;
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "GlobalAveragePool",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// The mean over all axes behind the channels, which keep the extent 1.
#[derive(Debug)]
pub(crate) struct GlobalAveragePool;

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    node.batched(0)?;
    Ok(Parsed::new(GlobalAveragePool, [0]))
}

impl Op for GlobalAveragePool {
    fn name(&self) -> &'static str {
        "GlobalAveragePool"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        match operands[0].extents() {
            [channels, inner @ ..] if !inner.contains(&0) => {
                let mut extents = vec![1; inner.len() + 1];
                extents[0] = *channels;
                Ok(Shape::new(extents))
            }
            _ => Err(OpError::new(format!("one image has {} values, expected channels", operands[0]))),
        }
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let input = operands[0].values;
        vectorized(
            #[inline(always)]
            || match lanes {
                16 => forward::<16>(input, output),
                _ => forward::<1>(input, output),
            },
        );
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        vectorized(
            #[inline(always)]
            || backward(pass.cotangent, gradient, pass.lanes),
        );
    }

    fn save(&self, _node: &mut NodeWriter) {}

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let count = operands[0].values.len() / operands[0].shape.extents()[0];
        operands[0].values.chunks(count).map(|channel| channel.iter().sum::<f64>() / count as f64).collect()
    }
}

#[inline(always)]
fn forward<const LANES: usize>(input: &[f32], output: &mut [f32]) {
    let (input, output) = (input.as_chunks::<LANES>().0, output.as_chunks_mut::<LANES>().0);
    let Some(count) = input.len().checked_div(output.len()) else { return };
    for (channel, mean) in input.chunks_exact(count).zip(output) {
        let mut total = [0.0; LANES];
        // Sums of sums are much closer to the exact mean of a large channel than one long sum.
        for values in channel.chunks(count.isqrt()) {
            let mut sum = [0.0; LANES];
            for value in values {
                for (sum, value) in sum.iter_mut().zip(value) {
                    *sum += value;
                }
            }
            for (total, sum) in total.iter_mut().zip(sum) {
                *total += sum;
            }
        }
        *mean = total.map(|total| total / count as f32);
    }
}

/// Floats that are added at a time: sixteen elements of sixteen lanes.
const BLOCK: usize = 256;

#[inline(always)]
fn backward(cotangent: &[f32], gradient: &mut [f32], lanes: usize) {
    let Some(count) = gradient.len().checked_div(cotangent.len()) else { return };
    for (channel, cotangent) in gradient.chunks_exact_mut(count * lanes).zip(cotangent.chunks_exact(lanes)) {
        // The share of every element, several times over, because long loops vectorise and short ones do not.
        let mut shares = [cotangent[0] / count as f32; BLOCK];
        if lanes > 1 {
            for shares in shares.chunks_exact_mut(lanes) {
                for (share, cotangent) in shares.iter_mut().zip(cotangent) {
                    *share = cotangent / count as f32;
                }
            }
        }
        for gradient in channel.chunks_mut(BLOCK) {
            for (gradient, share) in gradient.iter_mut().zip(&shares) {
                *gradient += share;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::OneImage;
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let wide = Shape::from([2, random.int(8..=12), random.int(8..=12)]);
        vec![
            Case::new(GlobalAveragePool).batched(random.shape(1..=4)),
            Case::new(GlobalAveragePool).batched(wide),
        ]
    }

    #[test]
    fn large_channels_keep_their_precision() {
        let (extent, value) = (1 << 10, 0.1_f32);
        let image = vec![(Shape::from([1, extent, extent]), vec![value; extent * extent])];
        let mean = OneImage::new(GlobalAveragePool, image).forward()[0];
        assert!((mean - value).abs() < 1e-4 * value, "{mean}");
    }

    #[test]
    fn an_image_without_pixels_has_no_mean() {
        assert!(GlobalAveragePool.output_shape(&[&Shape::from([3, 0, 4])]).is_err());
        assert!(GlobalAveragePool.output_shape(&[&Shape::from([])]).is_err());
    }
}

//! `LogSoftmax`: `x_k − max x − ln Σ_j exp(x_j − max x)`, the logarithm of [`Softmax`], along the same axes.

use super::softmax::{self, Softmax};
use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::Node;
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "LogSoftmax",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// The logarithms of the probabilities that `probabilities` computes.
#[derive(Debug)]
pub(crate) struct LogSoftmax {
    pub(crate) probabilities: Softmax,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    Ok(Parsed::new(LogSoftmax { probabilities: softmax::read(node)? }, [0]))
}

impl Op for LogSoftmax {
    fn name(&self) -> &'static str {
        "LogSoftmax"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        self.probabilities.output_shape(operands)
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let [_, classes, inner] = self.probabilities.extents(operands[0].shape);
        let input = operands[0].values;
        vectorized(
            #[inline(always)]
            || match lanes {
                16 => forward::<16>(input, output, [classes, inner]),
                _ => forward::<1>(input, output, [classes, inner]),
            },
        );
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let [_, classes, inner] = self.probabilities.extents(pass.output.shape);
        vectorized(
            #[inline(always)]
            || match pass.lanes {
                16 => backward::<16>(pass, gradient, [classes, inner]),
                _ => backward::<1>(pass, gradient, [classes, inner]),
            },
        );
    }

    fn save(&self, node: &mut NodeWriter) {
        self.probabilities.save(node);
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        self.probabilities.reference(operands).into_iter().map(f64::ln).collect()
    }
}

/// The elements of each group, for which `visit` is called with the first element and those of the group.
#[inline(always)]
fn for_each_group(
    elements: usize,
    [classes, inner]: [usize; 2],
    mut visit: impl FnMut(std::iter::StepBy<std::ops::Range<usize>>),
) {
    for outer in (0..elements).step_by((classes * inner).max(1)) {
        for first in 0..inner {
            visit((outer + first..outer + classes * inner).step_by(inner));
        }
    }
}

#[inline(always)]
fn forward<const LANES: usize>(input: &[f32], output: &mut [f32], extents: [usize; 2]) {
    let (input, output) = (input.as_chunks::<LANES>().0, output.as_chunks_mut::<LANES>().0);
    for_each_group(
        input.len(),
        extents,
        #[inline(always)]
        |elements| {
            let mut largest = [f32::NEG_INFINITY; LANES];
            for element in elements.clone() {
                for (largest, &x) in largest.iter_mut().zip(&input[element]) {
                    *largest = if x > *largest { x } else { *largest };
                }
            }
            let mut sum = [0.0; LANES];
            for element in elements.clone() {
                for lane in 0..LANES {
                    sum[lane] += libm::expf(input[element][lane] - largest[lane]);
                }
            }
            let logarithm = sum.map(libm::logf);
            for element in elements {
                for lane in 0..LANES {
                    output[element][lane] = input[element][lane] - largest[lane] - logarithm[lane];
                }
            }
        },
    );
}

/// With v the cotangent: v − exp(y) · Σ v.
#[inline(always)]
fn backward<const LANES: usize>(pass: &Backward<'_>, gradient: &mut [f32], extents: [usize; 2]) {
    let (output, cotangent) =
        (pass.output.values.as_chunks::<LANES>().0, pass.cotangent.as_chunks::<LANES>().0);
    let gradient = gradient.as_chunks_mut::<LANES>().0;
    for_each_group(
        output.len(),
        extents,
        #[inline(always)]
        |elements| {
            let mut sum = [0.0; LANES];
            for element in elements.clone() {
                for (sum, cotangent) in sum.iter_mut().zip(&cotangent[element]) {
                    *sum += cotangent;
                }
            }
            for element in elements {
                for lane in 0..LANES {
                    gradient[element][lane] +=
                        cotangent[element][lane] - libm::expf(output[element][lane]) * sum[lane];
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let shape = random.shape(1..=4);
        let axis = random.int(0..=shape.rank() - 1);
        let probabilities = Softmax { axis, with_all_behind: false };
        vec![Case::new(LogSoftmax { probabilities }).batched(shape)]
    }
}

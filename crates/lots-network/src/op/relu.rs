//! Relu: `max(x, 0)`, gradient 0 where `x ≤ 0` (as in Caffe).

use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration, element_wise};
use crate::load::Node;
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Relu",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// `max(x, 0)`.
#[derive(Debug)]
pub(crate) struct Relu;

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    Ok(Parsed::new(Relu, [0]))
}

impl Op for Relu {
    fn name(&self) -> &'static str {
        "Relu"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        Ok(operands[0].clone())
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], _lanes: usize) {
        element_wise(
            output,
            [operands[0].values],
            #[inline(always)]
            |output, [values]| {
                for (y, &x) in output.iter_mut().zip(values) {
                    // Written so that NaN stays NaN instead of turning into an innocent 0.
                    *y = if x < 0.0 { 0.0 } else { x };
                }
            },
        );
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        element_wise(
            gradient,
            // The output is positive where the operand is.
            [pass.output.values, pass.cotangent],
            #[inline(always)]
            |gradient, [output, cotangent]| {
                for ((gradient, &y), &cotangent) in gradient.iter_mut().zip(output).zip(cotangent) {
                    *gradient += if y > 0.0 { cotangent } else { 0.0 };
                }
            },
        );
    }

    fn backward_in_place(&self, _: &[Operand<'_>], output: Operand<'_>, cotangent: &mut [f32]) -> bool {
        element_wise(
            cotangent,
            [output.values],
            #[inline(always)]
            |cotangent, [output]| {
                for (cotangent, &y) in cotangent.iter_mut().zip(output) {
                    *cotangent = if y > 0.0 { *cotangent } else { 0.0 };
                }
            },
        );
        true
    }

    fn gradient_reads(&self) -> GradientReads {
        GradientReads::OUTPUT
    }

    fn save(&self, _node: &mut NodeWriter) {}

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        operands[0].values.iter().map(|x| x.max(0.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        vec![Case::new(Relu).batched(random.shape(1..=3))]
    }
}

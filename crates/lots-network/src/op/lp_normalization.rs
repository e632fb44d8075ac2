//! `LpNormalization`: values along an axis divided by their L1 or L2 norm.

use super::axis::image_axis;
use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "LpNormalization",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// x / ‖x‖ along `axis`; 0, with gradient 0, where the norm is 0.
#[derive(Debug)]
pub(crate) struct LpNormalization {
    pub(crate) axis: usize,
    pub(crate) norm: Norm,
}

/// How the size of several values is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Norm {
    /// Σ |x|.
    L1,
    /// √Σ x².
    L2,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    let axis = image_axis(node, node.int("axis", -1)?, node.varying(0)?.rank())?;
    let norm = match node.int("p", 2)? {
        1 => Norm::L1,
        2 => Norm::L2,
        other => return Err(OpError::new(format!("attribute `p` must be 1 or 2, got {other}"))),
    };
    Ok(Parsed::new(LpNormalization { axis, norm }, [0]))
}

impl Op for LpNormalization {
    fn name(&self) -> &'static str {
        "LpNormalization"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        if self.axis >= operands[0].rank() {
            return Err(OpError::new(format!("one image has {} values, expected more axes", operands[0])));
        }
        Ok(operands[0].clone())
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let input = operands[0].values;
        vectorized(
            #[inline(always)]
            || {
                self.for_each_group(operands[0].shape, lanes, |floats| {
                    let norm = self.norm(input, floats.clone());
                    for float in floats {
                        output[float] = if norm == 0.0 { 0.0 } else { input[float] / norm };
                    }
                });
            },
        );
    }

    /// With v the cotangent: `(v − y · n(y))/‖x‖`, where n is Σ v y for L2, and the sign of x times Σ v y instead of y
    /// times it for L1.
    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let (input, output) = (pass.operands[0].values, pass.output.values);
        self.for_each_group(pass.operands[0].shape, pass.lanes, |floats| {
            let norm = self.norm(input, floats.clone());
            if norm == 0.0 {
                return;
            }
            let projection: f32 = floats.clone().map(|float| pass.cotangent[float] * output[float]).sum();
            for float in floats {
                let slope = match self.norm {
                    Norm::L1 if input[float] == 0.0 => 0.0,
                    Norm::L1 => input[float].signum(),
                    Norm::L2 => output[float],
                };
                gradient[float] += (pass.cotangent[float] - slope * projection) / norm;
            }
        });
    }

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("axis", Attribute::Int(self.axis as i64 + 1));
        node.attribute("p", Attribute::Int(if self.norm == Norm::L1 { 1 } else { 2 }));
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let x = &operands[0].values;
        let mut result = x.clone();
        self.for_each_group(&operands[0].shape, 1, |floats| {
            let values = || floats.clone().map(|float| x[float]);
            let norm = match self.norm {
                Norm::L1 => values().map(f64::abs).sum::<f64>(),
                Norm::L2 => values().map(|x| x * x).sum::<f64>().sqrt(),
            };
            floats.clone().for_each(|float| result[float] /= norm);
        });
        result
    }
}

impl LpNormalization {
    /// Calls `visit` with the floats along the axis, for each place beside it and each lane.
    #[inline(always)]
    fn for_each_group(
        &self,
        image: &Shape,
        lanes: usize,
        mut visit: impl FnMut(std::iter::StepBy<std::ops::Range<usize>>),
    ) {
        let extents = image.extents();
        let inner = extents[self.axis + 1..].iter().product::<usize>() * lanes;
        let group = extents[self.axis] * inner;
        for outer in (0..image.count() * lanes).step_by(group.max(1)) {
            for first in outer..outer + inner {
                visit((first..outer + group).step_by(inner));
            }
        }
    }

    #[inline(always)]
    fn norm(&self, values: &[f32], floats: impl Iterator<Item = usize>) -> f32 {
        match self.norm {
            Norm::L1 => floats.map(|float| values[float].abs()).sum(),
            Norm::L2 => floats.map(|float| values[float] * values[float]).sum::<f32>().sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::OneImage;
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        [Norm::L1, Norm::L2]
            .map(|norm| {
                let shape = random.shape(1..=3);
                let axis = random.int(0..=shape.rank() - 1);
                // No norm is so small that its bend shows.
                Case::new(LpNormalization { axis, norm }).operand(shape, false, 0.2, 1.7)
            })
            .into()
    }

    #[test]
    fn nothing_divided_by_its_norm_is_nothing() {
        for norm in [Norm::L1, Norm::L2] {
            let op = LpNormalization { axis: 0, norm };
            let image = OneImage::new(op, vec![(Shape::from([2]), vec![0.0, 0.0])]);
            assert_eq!(image.forward(), [0.0, 0.0]);
            assert_eq!(image.gradients(&[1.0, 2.0]), [[0.0, 0.0]]);
        }
    }
}

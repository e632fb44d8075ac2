//! `LayerNormalization`: the values of all axes from one on standardised together, then scaled and shifted.

use super::axis::image_axis;
use super::standardize::{statistics, sum};
use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Input, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "LayerNormalization",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// scale · x̂ + bias. Operands: the values; scale and maybe bias, of the shape of the axes that are standardised.
#[derive(Debug)]
pub(crate) struct LayerNormalization {
    /// The first axis of one image that is standardised.
    pub(crate) axis: usize,
    pub(crate) epsilon: f32,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(2..=3)?;
    let image = node.varying(0)?;
    let axis = image_axis(node, node.int("axis", -1)?, image.rank())?;
    let normalization = LayerNormalization { axis, epsilon: node.float("epsilon", 1e-5)? };
    let operands =
        if matches!(node.inputs.get(2), None | Some(Input::Absent)) { vec![0, 1] } else { vec![0, 1, 2] };
    let mut parsed = Parsed::new(normalization, operands);
    // Some files have axes of 1 in front of the weights.
    let own = Shape::new(&image.extents()[axis..]);
    for position in 1..parsed.operands.len() {
        let weights = node.constant(position)?.ok_or_else(|| OpError::new("the scale is left out"))?;
        let ones = weights.shape.rank().saturating_sub(own.rank());
        if ones > 0 && weights.shape.extents()[..ones].iter().all(|&extent| extent == 1) {
            parsed.reshaped.push((position, Shape::new(&weights.shape.extents()[ones..])));
        }
    }
    Ok(parsed)
}

impl Op for LayerNormalization {
    fn name(&self) -> &'static str {
        "LayerNormalization"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let Some(own) = operands[0].extents().get(self.axis..).filter(|own| !own.contains(&0)) else {
            return Err(OpError::new(format!("one image has {} values, expected more axes", operands[0])));
        };
        match operands[1..].iter().find(|weights| weights.extents() != own) {
            Some(weights) => Err(OpError::new(format!(
                "scale and bias must have {} values, got {weights}",
                Shape::new(own)
            ))),
            None => Ok(operands[0].clone()),
        }
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        vectorized(
            #[inline(always)]
            || match lanes {
                16 => forward::<16>(operands, output, self.epsilon),
                _ => forward::<1>(operands, output, self.epsilon),
            },
        );
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        vectorized(
            #[inline(always)]
            || match pass.lanes {
                16 => backward::<16>(pass, gradients, self.epsilon),
                _ => backward::<1>(pass, gradients, self.epsilon),
            },
        );
    }

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("axis", Attribute::Int(self.axis as i64 + 1));
        node.attribute("epsilon", Attribute::Float(self.epsilon));
    }

    fn trainable(&self) -> &'static [usize] {
        &[1, 2]
    }

    fn opset(&self) -> i64 {
        17
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let (x, scale) = (&operands[0].values, &operands[1].values);
        let groups = x.chunks(scale.len());
        groups
            .flat_map(|group| {
                let count = group.len() as f64;
                let mean = group.iter().sum::<f64>() / count;
                let variance = group.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
                let deviation = (variance + f64::from(self.epsilon)).sqrt();
                let bias = |index: usize| operands.get(2).map_or(0.0, |bias| bias.values[index]);
                let values = group.iter().enumerate();
                values.map(|(i, x)| (x - mean) / deviation * scale[i] + bias(i)).collect::<Vec<_>>()
            })
            .collect()
    }
}

#[inline(always)]
fn forward<const LANES: usize>(operands: &[Operand<'_>], output: &mut [f32], epsilon: f32) {
    let (input, output) = (operands[0].values.as_chunks::<LANES>().0, output.as_chunks_mut::<LANES>().0);
    let scale = operands[1].values;
    for (values, output) in input.chunks_exact(scale.len()).zip(output.chunks_exact_mut(scale.len())) {
        let statistics = statistics(values, epsilon);
        for (index, (value, y)) in values.iter().zip(output).enumerate() {
            let bias = operands.get(2).map_or(0.0, |bias| bias.values[index]);
            *y = statistics.standardized(value).map(|x| x * scale[index] + bias);
        }
    }
}

#[inline(always)]
fn backward<const LANES: usize>(pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>], epsilon: f32) {
    let input = pass.operands[0].values.as_chunks::<LANES>().0;
    let scale = pass.operands[1].values;
    let cotangent = pass.cotangent.as_chunks::<LANES>().0;
    let [for_input, for_weights @ ..] = gradients else { unreachable!("at least two operands") };
    for (group, (values, cotangent)) in
        input.chunks_exact(scale.len()).zip(cotangent.chunks_exact(scale.len())).enumerate()
    {
        let statistics = statistics(values, epsilon);
        if let Some(gradient) = for_input {
            let gradient = &mut gradient.as_chunks_mut::<LANES>().0[group * scale.len()..][..scale.len()];
            statistics.add_gradient(
                values,
                #[inline(always)]
                |element| cotangent[element].map(|value| value * scale[element]),
                gradient,
            );
        }
        if let Some(Some(gradient)) = for_weights.first_mut() {
            for ((value, cotangent), gradient) in values.iter().zip(cotangent).zip(gradient.iter_mut()) {
                let x = statistics.standardized(value);
                *gradient += cotangent.iter().zip(x).map(|(c, x)| c * x).sum::<f32>();
            }
        }
        if let Some(Some(gradient)) = for_weights.get_mut(1) {
            for (cotangent, gradient) in cotangent.iter().zip(gradient.iter_mut()) {
                *gradient += sum(cotangent.iter().map(|&value| [value]), LANES)[0];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let mut case = |has_bias| {
            let shape = random.shape(1..=3);
            let axis = random.int(0..=shape.rank() - 1);
            let own = Shape::new(&shape.extents()[axis..]);
            // Not so little that the differences of the check see the square root's bend.
            let case =
                Case::new(LayerNormalization { axis, epsilon: 0.1 }).batched(shape).shared(own.clone());
            if has_bias { case.shared(own) } else { case }
        };
        vec![case(true), case(false)]
    }

    #[test]
    fn weights_of_another_shape_are_refused() {
        let op = LayerNormalization { axis: 1, epsilon: 1e-5 };
        let (image, fits, other) = (Shape::from([3, 4]), Shape::from([4]), Shape::from([3]));
        assert!(op.output_shape(&[&image, &fits]).is_ok());
        assert!(op.output_shape(&[&image, &other]).unwrap_err().message.contains("4 values"));
        assert!(op.output_shape(&[&image, &fits, &other]).is_err());
    }
}

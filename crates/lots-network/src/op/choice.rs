//! Where: one of two arrays, element by element, as a constant mask says.
#![expect(clippy::float_cmp, reason = "the mask is exactly 0 or 1")]

use super::arithmetic::Both;
use super::axis::batch_axes;
use super::walk::broadcast_shape;
use super::{Backward, Op, OpError, Operand, Parsed, Registration};
use crate::load::{Axes, Constant, ConstantValues, Input, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Where",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// The first operand where the mask is true, the second elsewhere; all three are broadcast as in NumPy.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) mask: Vec<bool>,
    /// The shape of the mask, without the batch.
    pub(crate) shape: Shape,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(3..=3)?;
    let condition = node.constant(0)?.ok_or_else(|| OpError::new("the condition is left out"))?;
    let ConstantValues::I64(truths) = &condition.values else {
        return Err(OpError::new("the condition must hold truth values"));
    };
    let ranks = node.inputs.iter().filter_map(|input| match input {
        Input::Batched(shape) => Some(shape.rank()),
        Input::Constant(_) | Input::Absent => None,
    });
    let Some(rank) = ranks.clone().max() else {
        return Err(OpError::new("expected an input that depends on the image"));
    };
    if node.axes == Axes::OfImage && ranks.min() != Some(rank) {
        return Err(OpError::new("the inputs have different axes, which would mix the images"));
    }
    let without_batch = |shape: &Shape| {
        let axes = batch_axes(node, shape, rank)?;
        Ok::<_, OpError>(Shape::new(&shape.extents()[axes..]))
    };
    let shape = without_batch(&condition.shape)?;
    let mask = truths.iter().map(|&truth| truth != 0).collect();
    let mut parsed = Parsed::new(Choice { mask, shape }, [1, 2]);
    for (position, input) in node.inputs[1..].iter().enumerate() {
        let Input::Constant(constant) = input else { continue };
        let own = without_batch(&constant.shape)?;
        if own != constant.shape {
            parsed.reshaped.push((position, own));
        }
    }
    Ok(parsed)
}

impl Op for Choice {
    fn name(&self) -> &'static str {
        "Where"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let both = broadcast_shape(operands[0], operands[1]);
        both.and_then(|shape| broadcast_shape(&shape, &self.shape)).ok_or_else(|| {
            OpError::new(format!("{}, {} and {} do not fit", self.shape, operands[0], operands[1]))
        })
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let (shape, mask) = self.broadcast_mask(operands, lanes);
        for (index, &operand) in operands.iter().enumerate() {
            let before = output.to_vec();
            // The mask says for each element what the operand is multiplied with, except that nothing is: NaN and ∞
            // of the operand that was not chosen leave no trace.
            let chosen = if index == 0 { 1.0 } else { 0.0 };
            let result = Operand { shape: &shape, values: &mask, lanes };
            let mut picked = vec![0.0; output.len()];
            Both::new(&[operand, result], lanes)
                .combine(&mut picked, |x, truth| if truth == chosen { x } else { 0.0 });
            for ((y, picked), (&before, &truth)) in
                output.iter_mut().zip(picked).zip(before.iter().zip(&mask))
            {
                *y = if truth == chosen { picked } else { before };
            }
        }
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let (shape, mask) = self.broadcast_mask(pass.operands, pass.lanes);
        for ((index, &operand), gradient) in pass.operands.iter().enumerate().zip(gradients) {
            let Some(gradient) = gradient else { continue };
            let chosen = if index == 0 { 1.0 } else { 0.0 };
            let result = Operand { shape: &shape, values: &mask, lanes: pass.lanes };
            Both::new(&[operand, result], pass.lanes).add_gradient(
                pass.cotangent,
                (0, &mut **gradient),
                |_, truth, cotangent| if truth == chosen { cotangent } else { 0.0 },
            );
        }
    }

    fn save(&self, node: &mut NodeWriter) {
        let truths = self.mask.iter().map(|&truth| i64::from(truth)).collect();
        node.condition = Some(Constant { shape: self.shape.clone(), values: ConstantValues::I64(truths) });
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let shape = self.output_shape(&[&operands[0].shape, &operands[1].shape]).unwrap();
        let place = |own: &Shape, element: usize| -> usize {
            let axes = shape
                .strides()
                .into_iter()
                .zip(shape.extents())
                .zip(super::walk::broadcast_strides(own, &shape));
            axes.map(|((stride, extent), own)| element / stride % extent * own).sum()
        };
        (0..shape.count())
            .map(|element| {
                let chosen = &operands[usize::from(!self.mask[place(&self.shape, element)])];
                chosen.values[place(&chosen.shape, element)]
            })
            .collect()
    }
}

impl Choice {
    /// The shape of the result, and 1 or 0 for each of its elements in each lane.
    fn broadcast_mask(&self, operands: &[Operand<'_>], lanes: usize) -> (Shape, Vec<f32>) {
        let shape = self.output_shape(&[operands[0].shape, operands[1].shape]);
        let shape = shape.expect("the shape rule has seen the operands");
        let truths: Vec<f32> = self.mask.iter().map(|&truth| f32::from(u8::from(truth))).collect();
        let zeros = vec![0.0; shape.count() * lanes];
        let own = Operand { shape: &self.shape, values: &truths, lanes: 1 };
        let all = Operand { shape: &shape, values: &zeros, lanes };
        let mut mask = vec![0.0; zeros.len()];
        Both::new(&[own, all], lanes).combine(&mut mask, |truth, _| truth);
        (shape, mask)
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::OneImage;
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let shape = random.shape(1..=3);
        let mut smaller = || {
            Shape::new(shape.extents().iter().map(|&e| if random.flip() { e } else { 1 }).collect::<Vec<_>>())
        };
        let (own, other) = (smaller(), smaller());
        let mask: Vec<bool> = (0..own.count()).map(|_| random.flip()).collect();
        let case = || Case::new(Choice { mask: mask.clone(), shape: own.clone() });
        vec![
            case().batched(shape.clone()).batched(other.clone()),
            case().shared(other).batched(shape.clone()),
            case().batched(shape).shared(Shape::from([])),
        ]
    }

    #[test]
    fn what_is_not_chosen_leaves_no_trace() {
        let op = Choice { mask: vec![true, false], shape: Shape::from([2]) };
        let operands = |values: [f32; 2]| (Shape::from([2]), values.to_vec());
        let image = OneImage::new(op, vec![operands([1.0, f32::NAN]), operands([f32::INFINITY, 2.0])]);
        assert_eq!(image.forward(), [1.0, 2.0]);
        assert_eq!(image.gradients(&[3.0, 4.0]), [[3.0, 0.0], [0.0, 4.0]]);
    }
}

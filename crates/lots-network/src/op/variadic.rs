//! Max, Min, Mean and Sum of any number of operands, element by element, broadcast as in NumPy.
#![expect(clippy::float_cmp, reason = "a maximum is exactly one of the operands")]

use super::arithmetic::Both;
use super::axis::batch_axes;
use super::walk::broadcast_shape;
use super::{Backward, Op, OpError, Operand, Parsed, Registration};
use crate::load::{Axes, Input, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const MAX: Registration = Registration {
    name: "Max",
    parse: |node| parse(node, Variadic::Max),
    #[cfg(test)]
    cases: |random| tests::cases(random, Variadic::Max),
};

pub(crate) const MEAN: Registration = Registration {
    name: "Mean",
    parse: |node| parse(node, Variadic::Mean),
    #[cfg(test)]
    cases: |random| tests::cases(random, Variadic::Mean),
};

pub(crate) const MIN: Registration = Registration {
    name: "Min",
    parse: |node| parse(node, Variadic::Min),
    #[cfg(test)]
    cases: |random| tests::cases(random, Variadic::Min),
};

pub(crate) const SUM: Registration = Registration {
    name: "Sum",
    parse: |node| parse(node, Variadic::Sum),
    #[cfg(test)]
    cases: |random| tests::cases(random, Variadic::Sum),
};

/// What is made of one element of each operand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Variadic {
    /// The largest; the first of equals gets the gradient.
    Max,
    /// The sum divided by their number.
    Mean,
    /// The smallest; the first of equals gets the gradient.
    Min,
    /// The sum, in the order of the operands.
    Sum,
}

fn parse(node: &Node<'_>, variadic: Variadic) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=usize::MAX)?;
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
    let mut parsed = Parsed::new(variadic, (0..node.inputs.len()).collect::<Vec<_>>());
    for (index, input) in node.inputs.iter().enumerate() {
        let Input::Constant(constant) = input else { continue };
        let axes = batch_axes(node, &constant.shape, rank)?;
        if axes > 0 {
            parsed.reshaped.push((index, Shape::new(&constant.shape.extents()[axes..])));
        }
    }
    Ok(parsed)
}

impl Op for Variadic {
    fn name(&self) -> &'static str {
        match self {
            Self::Max => "Max",
            Self::Mean => "Mean",
            Self::Min => "Min",
            Self::Sum => "Sum",
        }
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        operands.iter().try_fold(Shape::from([]), |shape, operand| {
            broadcast_shape(&shape, operand)
                .ok_or_else(|| OpError::new(format!("{shape} and {operand} do not fit")))
        })
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let shape = self.shape(operands);
        let mut before = vec![0.0; output.len()];
        for (index, &operand) in operands.iter().enumerate() {
            let so_far = Operand { shape: &shape, values: &before, lanes };
            let both = Both::new(&[operand, so_far], lanes);
            match self {
                _ if index == 0 => both.combine(output, |x, _| x),
                // Written so that NaN wins, like everywhere.
                Self::Max => both.combine(output, |x, y| if y >= x || y.is_nan() { y } else { x }),
                Self::Min => both.combine(output, |x, y| if y <= x || y.is_nan() { y } else { x }),
                Self::Mean | Self::Sum => both.combine(output, |x, y| y + x),
            }
            before.copy_from_slice(output);
        }
        if matches!(self, Self::Mean) {
            let count = operands.len() as f32;
            for value in output.iter_mut() {
                *value /= count;
            }
        }
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let shape = self.shape(pass.operands);
        let count = pass.operands.len() as f32;
        // What no operand has taken yet.
        let mut left = pass.cotangent.to_vec();
        for ((index, &operand), gradient) in pass.operands.iter().enumerate().zip(gradients) {
            let result = Operand { shape: &shape, values: pass.output.values, lanes: pass.lanes };
            let both = Both::new(&[operand, result], pass.lanes);
            if let Some(gradient) = gradient {
                let target = (0, &mut **gradient);
                match self {
                    Self::Sum => both.add_gradient(&left, target, |_, _, c| c),
                    Self::Mean => both.add_gradient(&left, target, |_, _, c| c / count),
                    Self::Max | Self::Min => {
                        both.add_gradient(&left, target, |x, y, c| if x == y { c } else { 0.0 });
                    }
                }
            }
            if matches!(self, Self::Max | Self::Min) && index + 1 < pass.operands.len() {
                let mut is_reached = vec![0.0; left.len()];
                both.combine(&mut is_reached, |x, y| if x == y { 1.0 } else { 0.0 });
                for (left, reached) in left.iter_mut().zip(is_reached) {
                    *left = if reached > 0.0 { 0.0 } else { *left };
                }
            }
        }
    }

    fn backward_in_place(&self, operands: &[Operand<'_>], _: Operand<'_>, _: &mut [f32]) -> bool {
        matches!(self, Self::Sum) && operands.iter().all(|operand| operand.shape == operands[0].shape)
    }

    fn save(&self, _node: &mut NodeWriter) {}

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let shapes: Vec<&Shape> = operands.iter().map(|operand| &operand.shape).collect();
        let shape = self.output_shape(&shapes).unwrap();
        let value = |operand: &super::gradient_check::Array, element: usize| {
            let strides = super::walk::broadcast_strides(&operand.shape, &shape);
            let axes = shape.strides().into_iter().zip(shape.extents()).zip(strides);
            operand.values[axes.map(|((stride, extent), own)| element / stride % extent * own).sum::<usize>()]
        };
        (0..shape.count())
            .map(|element| {
                let values = operands.iter().map(|operand| value(operand, element));
                match self {
                    Self::Max => values.fold(f64::NEG_INFINITY, f64::max),
                    Self::Min => values.fold(f64::INFINITY, f64::min),
                    Self::Mean => values.sum::<f64>() / operands.len() as f64,
                    Self::Sum => values.sum(),
                }
            })
            .collect()
    }
}

impl Variadic {
    fn shape(self, operands: &[Operand<'_>]) -> Shape {
        let shapes: Vec<&Shape> = operands.iter().map(|operand| operand.shape).collect();
        self.output_shape(&shapes).expect("the shape rule has seen the operands")
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::OneImage;
    use super::*;

    pub(super) fn cases(random: &mut Random, variadic: Variadic) -> Vec<Case> {
        let shape = random.shape(1..=3);
        let channel = {
            let mut extents = vec![1; shape.rank()];
            extents[0] = shape.extents()[0];
            Shape::new(extents)
        };
        // Ranges of which none has a value of another.
        let operand = |case: Case, shape: &Shape, shared, shift: f64| {
            case.operand(shape.clone(), shared, -1.0 + shift, 1.0 + shift)
        };
        let case = || Case::new(variadic);
        vec![
            operand(case(), &shape, false, 0.0),
            operand(operand(case(), &shape, false, 0.0), &shape, false, 0.000_713),
            operand(
                operand(operand(case(), &channel, true, 0.0), &shape, false, 0.000_713),
                &channel,
                false,
                0.003_17,
            ),
        ]
    }

    #[test]
    fn the_first_of_equals_gets_the_gradient_and_nan_wins() {
        let operands = |a, b| vec![(Shape::from([2]), vec![a, 1.0]), (Shape::from([2]), vec![b, 1.0])];
        for variadic in [Variadic::Max, Variadic::Min] {
            let same = OneImage::new(variadic, operands(3.0, 3.0));
            assert_eq!(same.gradients(&[1.0, 2.0]), [vec![1.0, 2.0], vec![0.0, 0.0]]);
            for (a, b) in [(f32::NAN, 1.0), (1.0, f32::NAN)] {
                assert!(OneImage::new(variadic, operands(a, b)).forward()[0].is_nan());
            }
        }
    }
}

//! Running one op on one image with plain numbers, for the unit tests of edge cases.

use super::{Backward, Op, OpError, Operand, Parsed};
use crate::load::{Attribute, Constant, ConstantValues, Input, Node};
use crate::shape::Shape;

/// An op with the values of its operands.
pub(super) struct OneImage {
    op: Box<dyn Op>,
    operands: Vec<(Shape, Vec<f32>)>,
    output_shape: Shape,
}

impl OneImage {
    pub(super) fn new(op: impl Op + 'static, operands: Vec<(Shape, Vec<f32>)>) -> Self {
        let shapes: Vec<&Shape> = operands.iter().map(|(shape, _)| shape).collect();
        let output_shape = op.output_shape(&shapes).unwrap();
        Self { op: Box::new(op), operands, output_shape }
    }

    pub(super) fn forward(&self) -> Vec<f32> {
        let mut output = vec![f32::NAN; self.output_shape.count()];
        self.op.forward(&self.operands(), &mut output, 1);
        output
    }

    /// The gradients of all operands.
    pub(super) fn gradients(&self, cotangent: &[f32]) -> Vec<Vec<f32>> {
        let mut gradients: Vec<Vec<f32>> =
            self.operands.iter().map(|(_, values)| vec![0.0; values.len()]).collect();
        let (operands, output) = (self.operands(), self.forward());
        let output = Operand { shape: &self.output_shape, values: &output, lanes: 1 };
        let pass = Backward { operands: &operands, output, cotangent, lanes: 1 };
        let mut slots: Vec<Option<&mut [f32]>> =
            gradients.iter_mut().map(|gradient| Some(gradient.as_mut_slice())).collect();
        self.op.backward(&pass, &mut slots);
        gradients
    }

    fn operands(&self) -> Vec<Operand<'_>> {
        self.operands.iter().map(|(shape, values)| Operand { shape, values, lanes: 1 }).collect()
    }
}

/// Parses a node of operator set 13 without attributes, an image of shape `image` and a constant of shape `constant`.
pub(super) fn parse_with(
    parse: fn(&Node<'_>) -> Result<Parsed, OpError>,
    image: &Shape,
    constant: &Shape,
) -> Result<Parsed, OpError> {
    let constant = floats(constant);
    let inputs = [Input::Batched(image), Input::Constant(&constant)];
    parse(&Node { opset: 13, attributes: &[], inputs: &inputs, ..Node::default() })
}

/// A constant of zeros.
pub(super) fn floats(shape: &Shape) -> Constant {
    Constant { shape: shape.clone(), values: ConstantValues::F32(vec![0.0; shape.count()].into()) }
}

/// A list of integers as a constant.
pub(super) fn integers(values: &[i64]) -> Constant {
    Constant { shape: Shape::from([values.len()]), values: ConstantValues::I64(values.into()) }
}

/// An attribute with integers.
pub(super) fn ints(name: &str, values: &[i64]) -> (String, Attribute) {
    (name.to_owned(), Attribute::Ints(values.to_vec()))
}

//! Identity and Dropout, which at inference changes nothing.

use super::{Backward, Op, OpError, Operand, Parsed, Registration, unchanged};
use crate::load::{Constant, ConstantValues, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const IDENTITY: Registration = Registration {
    name: "Identity",
    parse: parse_identity,
    #[cfg(test)]
    cases: |random| vec![tests::case(Identity, random)],
};

pub(crate) const DROPOUT: Registration = Registration {
    name: "Dropout",
    parse: parse_dropout,
    #[cfg(test)]
    cases: |random| vec![tests::case(Dropout { ratio: 0.25 }, random)],
};

/// The operand itself.
#[derive(Debug)]
pub(crate) struct Identity;

/// The operand itself; the ratio is kept for whoever trains the file elsewhere.
#[derive(Debug)]
pub(crate) struct Dropout {
    /// Which share of the values training would drop.
    pub(crate) ratio: f32,
}

fn parse_identity(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    Ok(Parsed::new(Identity, [0]))
}

/// `ratio` is an attribute before operator set 12, and an input since.
fn parse_dropout(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=3)?;
    node.varying(0)?;
    let ratio = match node.constant_floats(1)? {
        None => node.float("ratio", 0.5)?,
        Some(&[ratio]) => ratio,
        Some(values) => {
            return Err(OpError::new(format!("input 1 has {} numbers, expected 1", values.len())));
        }
    };
    if node.constant_ints(2)?.is_some_and(|training| training != [0]) {
        return Err(OpError::new("it is in training mode, which would make every run different"));
    }
    Ok(Parsed::new(Dropout { ratio }, [0]))
}

impl Op for Identity {
    fn name(&self) -> &'static str {
        "Identity"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        Ok(operands[0].clone())
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], _lanes: usize) {
        unchanged::forward(operands, output);
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        unchanged::backward(pass, gradients);
    }

    fn backward_in_place(&self, _: &[Operand<'_>], _: Operand<'_>, _: &mut [f32]) -> bool {
        true
    }

    fn save(&self, _node: &mut NodeWriter) {}

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        operands[0].values.clone()
    }
}

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "Dropout"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        Ok(operands[0].clone())
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], _lanes: usize) {
        unchanged::forward(operands, output);
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        unchanged::backward(pass, gradients);
    }

    fn backward_in_place(&self, _: &[Operand<'_>], _: Operand<'_>, _: &mut [f32]) -> bool {
        true
    }

    fn save(&self, node: &mut NodeWriter) {
        let values = ConstantValues::F32([self.ratio].into());
        node.constant(Some(Constant { shape: Shape::from([]), values }));
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        operands[0].values.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::integers;
    use super::*;
    use crate::load::{Attribute, Input};

    pub(super) fn case(op: impl Op + 'static, random: &mut Random) -> Case {
        Case::new(op).batched(random.shape(0..=3))
    }

    #[test]
    fn dropout_is_refused_in_training_mode_only() {
        let image = Shape::from([3]);
        for (training, fits) in [(0, true), (1, false)] {
            let mode = integers(&[training]);
            let inputs = [Input::Batched(&image), Input::Absent, Input::Constant(&mode)];
            let node = Node { opset: 13, attributes: &[], inputs: &inputs, ..Node::default() };
            assert_eq!(parse_dropout(&node).is_ok(), fits, "training_mode {training}");
        }
    }

    #[test]
    fn dropout_keeps_its_ratio() {
        let image = Shape::from([3]);
        let attributes = [("ratio".to_owned(), Attribute::Float(0.25))];
        let node =
            Node { opset: 7, attributes: &attributes, inputs: &[Input::Batched(&image)], ..Node::default() };
        let parsed = parse_dropout(&node).unwrap();
        assert_eq!(format!("{:?}", parsed.op), "Dropout { ratio: 0.25 }");
    }
}

//! Flatten: all axes of an image become one.

use super::axis::file_axis;
use super::reshape::Reshape;
use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration, unchanged};
use crate::load::{Attribute, Axes, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Flatten",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// All axes of an image become one.
#[derive(Debug)]
pub(crate) struct Flatten;

/// ONNX flattens to two axes: what lies before `axis`, and the rest. The first must be the batch alone, or what
/// comes with it must not count.
fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    let extents = node.varying(0)?.extents();
    if node.axes == Axes::All {
        let axis = file_axis(node.int("axis", 1)?, extents.len().saturating_sub(1))?;
        let count = |extents: &[usize]| extents.iter().product::<usize>();
        let shape = Shape::from([
            count(&extents[..axis.min(extents.len())]),
            count(&extents[axis.min(extents.len())..]),
        ]);
        return Ok(Parsed::new(Reshape { shape }, [0]));
    }
    let axis = file_axis(node.int("axis", 1)?, extents.len())?;
    let with_the_batch = extents.get(..axis.saturating_sub(1));
    if axis == 0 || with_the_batch.is_none_or(|extents| extents.iter().any(|&extent| extent != 1)) {
        return Err(OpError::new(format!("flattening from axis {axis} would mix the images, expected 1")));
    }
    Ok(Parsed::new(Flatten, [0]))
}

impl Op for Flatten {
    fn name(&self) -> &'static str {
        "Flatten"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        Ok(Shape::from([operands[0].count()]))
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

    fn gradient_reads(&self) -> GradientReads {
        GradientReads::NOTHING
    }

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("axis", Attribute::Int(1));
    }

    fn only_moves(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        operands[0].values.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::*;
    use crate::load::Input;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        vec![Case::new(Flatten).batched(random.shape(0..=3))]
    }

    #[test]
    fn only_the_batch_may_lie_before_the_axis() {
        let parse_at = |axis, shape: &Shape| {
            parse(&Node {
                opset: 11,
                attributes: &[("axis".to_owned(), Attribute::Int(axis))],
                inputs: &[Input::Batched(shape)],
                ..Node::default()
            })
        };
        let (image, column) = (Shape::from([3, 4, 5]), Shape::from([1, 1, 7]));
        for (axis, shape, fits) in [
            (1, &image, true),
            (-3, &image, true),
            (0, &image, false),
            (2, &image, false),
            (4, &image, false),
            (-4, &image, false),
            (1, &column, true),
            (2, &column, true),
            (3, &column, true),
            (4, &column, false),
            (5, &column, false),
        ] {
            assert_eq!(parse_at(axis, shape).is_ok(), fits, "axis {axis} of {shape}");
        }
        assert_eq!(Flatten.output_shape(&[&image]).unwrap(), Shape::from([60]));
    }
}

//! `ArgMax`: where the largest value along an axis is. It has no gradient but 0, and stands at the end of networks.
#![expect(clippy::float_cmp, reason = "equal values are equal")]

use super::axis::image_axis;
use super::{Backward, Op, OpError, Operand, Parsed, Registration};
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "ArgMax",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// The index of the largest value along `axis`; NaN never wins.
#[derive(Debug)]
pub(crate) struct ArgMax {
    pub(crate) axis: usize,
    /// Whether the axis stays, with extent 1.
    pub(crate) keeps_axis: bool,
    /// Which of equals counts.
    pub(crate) last: bool,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    let axis = image_axis(node, node.int("axis", 0)?, node.varying(0)?.rank())?;
    let keeps_axis = node.int("keepdims", 1)? != 0;
    Ok(Parsed::new(ArgMax { axis, keeps_axis, last: node.int("select_last_index", 0)? != 0 }, [0]))
}

impl Op for ArgMax {
    fn name(&self) -> &'static str {
        "ArgMax"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let mut extents = operands[0].extents().to_vec();
        if extents.get(self.axis).is_none_or(|&extent| extent == 0) {
            return Err(OpError::new(format!("{} values have no largest along the axis", operands[0])));
        }
        if self.keeps_axis {
            extents[self.axis] = 1;
        } else {
            extents.remove(self.axis);
        }
        Ok(Shape::new(extents))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let extents = operands[0].shape.extents();
        let inner = extents[self.axis + 1..].iter().product::<usize>() * lanes;
        let input = operands[0].values;
        for (place, result) in output.iter_mut().enumerate() {
            let first = place / inner * (extents[self.axis] * inner) + place % inner;
            let (mut best, mut largest) = (0, f32::NEG_INFINITY);
            for index in 0..extents[self.axis] {
                let value = input[first + index * inner];
                if value > largest || (self.last && value == largest) {
                    (best, largest) = (index, value);
                }
            }
            *result = best as f32;
        }
    }

    fn backward(&self, _pass: &Backward<'_>, _gradients: &mut [Option<&mut [f32]>]) {}

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("axis", Attribute::Int(self.axis as i64 + 1));
        node.attribute("keepdims", Attribute::Int(i64::from(self.keeps_axis)));
        node.attribute("select_last_index", Attribute::Int(i64::from(self.last)));
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let shape = self.output_shape(&[&operands[0].shape]).unwrap();
        let extents = operands[0].shape.extents();
        let inner: usize = extents[self.axis + 1..].iter().product();
        let value = |place: usize, index: usize| {
            operands[0].values[(place / inner * extents[self.axis] + index) * inner + place % inner]
        };
        let best =
            |place| (0..extents[self.axis]).max_by(|&a, &b| value(place, a).total_cmp(&value(place, b)));
        (0..shape.count()).map(|place| best(place).unwrap() as f64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::OneImage;
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let shape = random.shape(1..=3);
        let axis = random.int(0..=shape.rank() - 1);
        vec![Case::new(ArgMax { axis, keeps_axis: random.flip(), last: random.flip() }).batched(shape)]
    }

    #[test]
    fn of_equals_the_first_or_the_last_counts() {
        for (last, expected) in [(false, 1.0), (true, 2.0)] {
            let op = ArgMax { axis: 0, keeps_axis: false, last };
            let values = vec![f32::NAN, 3.0, 3.0, 1.0];
            assert_eq!(OneImage::new(op, vec![(Shape::from([4]), values)]).forward(), [expected]);
        }
    }
}

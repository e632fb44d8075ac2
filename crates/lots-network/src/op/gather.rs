//! Gather: elements along one axis, in any order and as often as wanted.

use super::axis::image_axis;
use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Constant, ConstantValues, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Gather",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// The elements number `indices` along `axis` of one image; the axis becomes the axes of `shape`.
#[derive(Debug)]
pub(crate) struct Gather {
    pub(crate) axis: usize,
    pub(crate) indices: Vec<usize>,
    /// The shape of the indices.
    pub(crate) shape: Shape,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(2..=2)?;
    let image = node.varying(0)?;
    let axis = image_axis(node, node.int("axis", 0)?, image.rank())?;
    let indices = node.constant(1)?.ok_or_else(|| OpError::new("the indices are left out"))?;
    let ConstantValues::I64(values) = &indices.values else {
        return Err(OpError::new("the indices must be integers"));
    };
    let extent = image.extents()[axis];
    let place = |&index: &i64| {
        let from_front = if index < 0 { index.checked_add_unsigned(extent as u64) } else { Some(index) };
        let place = from_front.and_then(|index| usize::try_from(index).ok()).filter(|&index| index < extent);
        place.ok_or_else(|| OpError::new(format!("there is no element {index} of {extent} along the axis")))
    };
    let places = values.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    Ok(Parsed::new(Gather { axis, indices: places, shape: indices.shape.clone() }, [0]))
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "Gather"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let extents = operands[0].extents();
        let fits =
            extents.get(self.axis).is_some_and(|&extent| self.indices.iter().all(|&index| index < extent));
        if !fits {
            return Err(OpError::new(format!(
                "one image of {} values does not have the elements",
                operands[0]
            )));
        }
        Ok(Shape::new([&extents[..self.axis], self.shape.extents(), &extents[self.axis + 1..]].concat()))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let [extent, inner] = self.extents(operands[0].shape);
        let (own, result) = (extent * inner * lanes, self.indices.len() * inner * lanes);
        if own == 0 || result == 0 {
            return;
        }
        for (input, output) in operands[0].values.chunks_exact(own).zip(output.chunks_exact_mut(result)) {
            for (&index, output) in self.indices.iter().zip(output.chunks_exact_mut(inner * lanes)) {
                output.copy_from_slice(&input[index * inner * lanes..][..inner * lanes]);
            }
        }
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let [extent, inner] = self.extents(pass.operands[0].shape);
        let (own, result) = (extent * inner * pass.lanes, self.indices.len() * inner * pass.lanes);
        if own == 0 || result == 0 {
            return;
        }
        vectorized(
            #[inline(always)]
            || {
                let groups = gradient.chunks_exact_mut(own).zip(pass.cotangent.chunks_exact(result));
                for (gradient, cotangent) in groups {
                    let parts = cotangent.chunks_exact(inner * pass.lanes);
                    for (&index, cotangent) in self.indices.iter().zip(parts) {
                        let gradient = &mut gradient[index * inner * pass.lanes..][..inner * pass.lanes];
                        for (gradient, cotangent) in gradient.iter_mut().zip(cotangent) {
                            *gradient += cotangent;
                        }
                    }
                }
            },
        );
    }

    fn gradient_reads(&self) -> GradientReads {
        GradientReads::NOTHING
    }

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("axis", Attribute::Int(self.axis as i64 + 1));
        let values = ConstantValues::I64(self.indices.iter().map(|&index| index as i64).collect());
        node.constant(Some(Constant { shape: self.shape.clone(), values }));
    }

    fn only_moves(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let [extent, inner] = self.extents(&operands[0].shape);
        let count = operands[0].shape.count() / (extent * inner) * self.indices.len() * inner;
        (0..count)
            .map(|element| {
                let (outer, rest) =
                    (element / (self.indices.len() * inner), element % (self.indices.len() * inner));
                let index = self.indices[rest / inner];
                operands[0].values[(outer * extent + index) * inner + rest % inner]
            })
            .collect()
    }
}

impl Gather {
    /// How many elements there are along the axis, and behind it.
    fn extents(&self, image: &Shape) -> [usize; 2] {
        let extents = image.extents();
        [extents[self.axis], extents[self.axis + 1..].iter().product()]
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::{floats, integers};
    use super::*;
    use crate::load::{Axes, Input};

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let image = random.shape(1..=3);
        let axis = random.int(0..=image.rank() - 1);
        let shape = random.shape(0..=2);
        let indices = (0..shape.count()).map(|_| random.int(0..=image.extents()[axis] - 1)).collect();
        vec![Case::new(Gather { axis, indices, shape }).batched(image)]
    }

    #[test]
    fn indices_are_integers_inside_the_axis_that_is_no_batch() {
        let image = Shape::from([3, 4]);
        let parsed = |axis, indices: &Constant, axes| {
            let attributes = [("axis".to_owned(), Attribute::Int(axis))];
            let inputs = [Input::Batched(&image), Input::Constant(indices)];
            let node = Node { attributes: &attributes, inputs: &inputs, axes, ..Node::default() };
            parse(&node).map(|parsed| format!("{:?}", parsed.op))
        };
        let last = "Gather { axis: 1, indices: [3, 0], shape: Shape([2]) }";
        assert_eq!(parsed(2, &integers(&[-1, 0]), Axes::OfImage).unwrap(), last);
        assert_eq!(parsed(1, &integers(&[-1, 0]), Axes::All).unwrap(), last);
        assert!(parsed(0, &integers(&[0]), Axes::OfImage).unwrap_err().message.contains("batch"));
        for outside in [4, -5, i64::MAX, i64::MIN] {
            assert!(parsed(2, &integers(&[outside]), Axes::OfImage).is_err(), "{outside}");
        }
        assert!(parsed(2, &floats(&Shape::from([1])), Axes::OfImage).is_err());
    }
}

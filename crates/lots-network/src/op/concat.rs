//! Concat: several arrays one after the other along one axis.

use super::axis::image_axis;
use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Axes, Input, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Concat",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// The operands one after the other along `axis`, an axis of one image. Some may be the same for all images.
#[derive(Debug)]
pub(crate) struct Concat {
    pub(crate) axis: usize,
}

/// Constants have a batch axis in the file, of 1 then, which one image does not.
fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    let Some(rank) = node.inputs.iter().find_map(|input| match input {
        Input::Batched(shape) => Some(shape.rank()),
        Input::Constant(_) | Input::Absent => None,
    }) else {
        return Err(OpError::new("expected an input that depends on the image"));
    };
    let axis = image_axis(node, node.int("axis", 1)?, rank)?;
    let mut parsed = Parsed::new(Concat { axis }, (0..node.inputs.len()).collect::<Vec<_>>());
    for (index, input) in node.inputs.iter().enumerate() {
        let Input::Constant(constant) = input else { continue };
        if node.axes == Axes::All {
            continue;
        }
        let [1, extents @ ..] = constant.shape.extents() else {
            return Err(OpError::new(format!(
                "input {index} is a constant of {} values, expected 1 along the batch",
                constant.shape
            )));
        };
        parsed.reshaped.push((index, Shape::new(extents)));
    }
    Ok(parsed)
}

impl Op for Concat {
    fn name(&self) -> &'static str {
        "Concat"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let mut extents = operands[0].extents().to_vec();
        if self.axis >= extents.len() {
            return Err(OpError::new(format!("one image has {} values, expected more axes", operands[0])));
        }
        extents[self.axis] = 0;
        for operand in operands {
            let fits = operand.rank() == extents.len()
                && operand
                    .extents()
                    .iter()
                    .zip(&extents)
                    .enumerate()
                    .all(|(axis, (own, expected))| axis == self.axis || own == expected);
            if !fits {
                return Err(OpError::new(format!("{} and {operand} do not fit", operands[0])));
            }
            extents[self.axis] = extents[self.axis].saturating_add(operand.extents()[self.axis]);
        }
        Ok(Shape::new(extents))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        for (operand, place) in self.places(operands) {
            for (outer, values) in operand.values.chunks_exact(place.own_floats(operand)).enumerate() {
                let target = &mut output[place.target(outer) * lanes..][..place.count * lanes];
                if operand.lanes == lanes {
                    target.copy_from_slice(values);
                } else {
                    for (target, &value) in target.chunks_exact_mut(lanes).zip(values) {
                        target.fill(value);
                    }
                }
            }
        }
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let lanes = pass.lanes;
        for ((operand, place), gradient) in self.places(pass.operands).zip(gradients) {
            let Some(gradient) = gradient else { continue };
            vectorized(
                #[inline(always)]
                || {
                    for (outer, values) in gradient.chunks_exact_mut(place.own_floats(operand)).enumerate() {
                        let cotangent = &pass.cotangent[place.target(outer) * lanes..][..place.count * lanes];
                        if operand.lanes == lanes {
                            for (gradient, cotangent) in values.iter_mut().zip(cotangent) {
                                *gradient += cotangent;
                            }
                        } else {
                            for (gradient, cotangent) in values.iter_mut().zip(cotangent.chunks_exact(lanes))
                            {
                                *gradient += cotangent.iter().sum::<f32>();
                            }
                        }
                    }
                },
            );
        }
    }

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("axis", Attribute::Int(self.axis as i64 + 1));
        node.parameters_have_batch_axis = true;
    }

    fn only_moves(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let shapes: Vec<&Shape> = operands.iter().map(|operand| &operand.shape).collect();
        let shape = self.output_shape(&shapes).unwrap();
        (0..shape.count())
            .map(|element| {
                let strides = shape.strides();
                let mut position: Vec<usize> =
                    (0..shape.rank()).map(|axis| element / strides[axis] % shape.extents()[axis]).collect();
                let mut own = 0;
                while position[self.axis] >= operands[own].shape.extents()[self.axis] {
                    position[self.axis] -= operands[own].shape.extents()[self.axis];
                    own += 1;
                }
                let strides = operands[own].shape.strides();
                operands[own].values[position.iter().zip(strides).map(|(p, s)| p * s).sum::<usize>()]
            })
            .collect()
    }
}

/// Where an operand goes: for each position of the axes before the one that is concatenated, `count` elements.
struct Place {
    first: usize,
    count: usize,
    step: usize,
}

impl Place {
    /// How many floats of the operand go to one place; 1 instead of 0, where there are none at all.
    fn own_floats(&self, operand: Operand<'_>) -> usize {
        (self.count * operand.lanes).max(1)
    }

    fn target(&self, outer: usize) -> usize {
        self.first + outer * self.step
    }
}

impl Concat {
    /// The operands and their places.
    fn places<'a>(&self, operands: &[Operand<'a>]) -> impl Iterator<Item = (Operand<'a>, Place)> {
        let counts: Vec<usize> =
            operands.iter().map(|operand| operand.shape.extents()[self.axis..].iter().product()).collect();
        let step = counts.iter().sum();
        let mut first = 0;
        let operands = operands.to_vec();
        operands.into_iter().zip(counts).map(move |(operand, count)| {
            let place = Place { first, count, step };
            first += count;
            (operand, place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::{floats, parse_with};
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let shape = random.shape(1..=3);
        let axis = random.int(0..=shape.rank() - 1);
        let mut extents = shape.extents().to_vec();
        let mut other = || {
            extents[axis] = random.int(1..=4);
            Shape::new(&extents[..])
        };
        let case = || Case::new(Concat { axis });
        let empty = {
            let mut extents = shape.extents().to_vec();
            extents[axis] = 0;
            Shape::new(extents)
        };
        vec![
            case().batched(shape.clone()),
            case().batched(shape.clone()).batched(other()).batched(other()),
            case().shared(other()).batched(shape.clone()).shared(other()),
            case().batched(empty).batched(shape),
        ]
    }

    #[test]
    fn axes_and_constants_that_would_mix_images_are_refused() {
        let image = Shape::from([3, 4]);
        let parsed = |axis, inputs: &[Input<'_>]| {
            let attributes = [("axis".to_owned(), Attribute::Int(axis))];
            parse(&Node { opset: 13, attributes: &attributes, inputs, ..Node::default() })
        };
        let batched = Input::Batched(&image);
        for (axis, expected) in
            [(1, Some(0)), (2, Some(1)), (-1, Some(1)), (-2, Some(0)), (0, None), (-3, None), (3, None)]
        {
            let got = parsed(axis, &[batched, batched]).ok().map(|parsed| format!("{:?}", parsed.op));
            assert_eq!(got, expected.map(|axis| format!("{:?}", Concat { axis })), "axis {axis}");
        }
        let token = parse_with(parse, &image, &Shape::from([1, 2, 4])).unwrap();
        assert_eq!((token.operands, token.reshaped), (vec![0, 1], vec![(1, Shape::from([2, 4]))]));
        for extents in [&[2, 2, 4][..], &[]] {
            assert!(parse_with(parse, &image, &Shape::new(extents)).is_err(), "{extents:?}");
        }
        let constant = floats(&image);
        assert!(parsed(1, &[Input::Constant(&constant)]).is_err());
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let shapes = [Shape::from([3, 4]), Shape::from([5, 4]), Shape::from([3]), Shape::from([3, 4, 1])];
        let joined = Concat { axis: 0 }.output_shape(&[&shapes[0], &shapes[1]]).unwrap();
        assert_eq!(joined, Shape::from([8, 4]));
        for (axis, other) in [(1, 1), (0, 2), (0, 3), (2, 1)] {
            assert!(Concat { axis }.output_shape(&[&shapes[0], &shapes[other]]).is_err(), "{axis}, {other}");
        }
    }
}

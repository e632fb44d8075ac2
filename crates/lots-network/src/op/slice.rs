//! Slice: every so many elements along some axes, maybe backward; and Split, whose parts are slices.

use super::axis::{axis_or_batch, image_axis};
use super::view::View;
use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration};
use crate::load::{Constant, ConstantValues, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const SLICE: Registration = Registration {
    name: "Slice",
    parse: parse_slice,
    #[cfg(test)]
    cases: tests::cases,
};

pub(crate) const SPLIT: Registration = Registration {
    name: "Split",
    parse: parse_split,
    #[cfg(test)]
    cases: tests::cases,
};

/// A part of one image; one entry for each of its axes.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) parts: Vec<Part>,
}

/// `count` elements along an axis, from `first` on, `step` apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) first: usize,
    pub(crate) count: usize,
    /// Not 0; negative steps go backward.
    pub(crate) step: isize,
}

impl Part {
    fn whole(extent: usize) -> Self {
        Self { first: 0, count: extent, step: 1 }
    }

    /// What `start..end` with `step` is of `extent` elements; numbers below 0 count from the end, too large ones end
    /// at the ends.
    fn new(extent: usize, start: i64, end: i64, step: i64) -> Result<Self, OpError> {
        let step = isize::try_from(step).ok().filter(|step| !matches!(*step, 0 | isize::MIN));
        let step = step.ok_or_else(|| OpError::new("a step must not be 0"))?;
        let extent = extent as i64;
        let place = |index: i64, least: i64, most: i64| {
            (if index < 0 { index.saturating_add(extent) } else { index }).clamp(least, most)
        };
        let (first, room) = if step > 0 {
            let first = place(start, 0, extent);
            (first, place(end, 0, extent) - first)
        } else {
            let first = place(start, 0, (extent - 1).max(0));
            (first, first - place(end, -1, extent - 1))
        };
        let count = (room.clamp(0, extent) as usize).div_ceil(step.unsigned_abs());
        Ok(Self { first: first as usize, count, step })
    }
}

/// Starts, ends, axes and steps are inputs since operator set 10, attributes before.
fn parse_slice(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=5)?;
    let image = node.varying(0)?;
    let list = |index, name: &str| match node.constant_ints(index)? {
        Some(values) => Ok(Some(values)),
        None => node.ints(name),
    };
    let missing = |what: &str| OpError::new(format!("the {what} are left out"));
    let starts = list(1, "starts")?.ok_or_else(|| missing("starts"))?;
    let ends = list(2, "ends")?.ok_or_else(|| missing("ends"))?;
    let in_order: Vec<i64> = (0..starts.len() as i64).collect();
    let axes = list(3, "axes")?.unwrap_or(&in_order);
    let ones = vec![1; starts.len()];
    let steps = node.constant_ints(4)?.unwrap_or(&ones);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(OpError::new("there are not as many starts as ends, axes and steps"));
    }
    let mut parts: Vec<Part> = image.extents().iter().map(|&extent| Part::whole(extent)).collect();
    for (index, &axis) in axes.iter().enumerate() {
        let (start, end, step) = (starts[index], ends[index], steps[index]);
        match axis_or_batch(node, axis, image.rank())? {
            Some(axis) => parts[axis] = Part::new(image.extents()[axis], start, end, step)?,
            // All images, whatever their number is.
            None if start == 0 && end >= i64::from(i32::MAX) && step == 1 => {}
            None => return Err(OpError::new("it leaves images of the batch out")),
        }
    }
    Ok(Parsed::new(Slice { parts }, [0]))
}

/// The lengths are an input since operator set 13, an attribute before; without them all parts are equal but the last.
fn parse_split(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=2)?;
    let image = node.varying(0)?;
    let axis = image_axis(node, node.int("axis", 0)?, image.rank())?;
    let extent = image.extents()[axis];
    let [output, outputs] = node.output;
    let lengths = match node.constant_ints(1)? {
        Some(lengths) => Some(lengths),
        None => node.ints("split")?,
    };
    let fault = || OpError::new(format!("{extent} elements cannot be split into {outputs} parts like that"));
    let mut first = 0_usize;
    let count = if let Some(lengths) = lengths {
        let lengths: Option<Vec<usize>> =
            lengths.iter().map(|&length| usize::try_from(length).ok()).collect();
        let lengths = lengths.filter(|lengths| {
            let sum = lengths.iter().try_fold(0_usize, |sum, &length| sum.checked_add(length));
            lengths.len() == outputs && sum == Some(extent)
        });
        let lengths = lengths.ok_or_else(fault)?;
        first = lengths[..output].iter().sum();
        lengths[output]
    } else {
        let length = extent.div_ceil(outputs.max(1));
        first = first.saturating_add(output.saturating_mul(length));
        length.min(extent.checked_sub(first).ok_or_else(fault)?)
    };
    let mut parts: Vec<Part> = image.extents().iter().map(|&extent| Part::whole(extent)).collect();
    parts[axis] = Part { first, count, step: 1 };
    Ok(Parsed::new(Slice { parts }, [0]))
}

impl Op for Slice {
    fn name(&self) -> &'static str {
        "Slice"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let extents = operands[0].extents();
        let fits = extents.len() == self.parts.len()
            && self.parts.iter().zip(extents).all(|(part, &extent)| {
                let last =
                    part.count.checked_sub(1).map(|steps| part.first as isize + steps as isize * part.step);
                last.is_none_or(|last| part.first < extent && last >= 0 && (last as usize) < extent)
            });
        if !fits {
            return Err(OpError::new(format!("one image of {} values does not have this part", operands[0])));
        }
        Ok(Shape::new(self.parts.iter().map(|part| part.count).collect::<Vec<_>>()))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        self.view(operands[0].shape).forward(operands, output, lanes);
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        self.view(pass.operands[0].shape).backward(pass, gradients);
    }

    fn gradient_reads(&self) -> GradientReads {
        GradientReads::NOTHING
    }

    fn save(&self, node: &mut NodeWriter) {
        let list = |values: Vec<i64>| {
            Some(Constant { shape: Shape::from([values.len()]), values: ConstantValues::I64(values.into()) })
        };
        // Behind the last element, in the direction of the step; before the first is as far as −∞.
        let end = |part: &Part| {
            let end = (part.count as i64).saturating_mul(part.step as i64).saturating_add(part.first as i64);
            if end < 0 { i64::MIN } else { end }
        };
        node.constant(list(self.parts.iter().map(|part| part.first as i64).collect()));
        node.constant(list(self.parts.iter().map(end).collect()));
        node.constant(list((1..=self.parts.len() as i64).collect()));
        node.constant(list(self.parts.iter().map(|part| part.step as i64).collect()));
    }

    fn only_moves(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        self.view(&operands[0].shape).reference(&operands[0].values)
    }
}

impl Slice {
    fn view(&self, image: &Shape) -> View {
        let strides = image.strides();
        let axes = || self.parts.iter().zip(&strides);
        View {
            first: axes().map(|(part, stride)| part.first * stride).sum(),
            extents: Shape::new(self.parts.iter().map(|part| part.count).collect::<Vec<_>>()),
            strides: axes().map(|(part, stride)| stride.wrapping_mul(part.step as usize)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::{OneImage, integers, ints};
    use super::*;
    use crate::load::{Attribute, Axes, Input};

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let mut case = || {
            let shape = random.shape(0..=4);
            let part = |&extent: &usize| {
                let step = random.int(1..=3);
                let first = random.int(0..=extent - 1);
                if random.flip() {
                    Part { first, count: (extent - first).div_ceil(step), step: step as isize }
                } else {
                    Part { first, count: (first + 1).div_ceil(step), step: -(step as isize) }
                }
            };
            let parts = shape.extents().iter().map(part).collect();
            Case::new(Slice { parts }).batched(shape)
        };
        vec![case(), case()]
    }

    #[test]
    fn starts_and_ends_mean_what_they_mean_in_python() {
        // Start, end, step, and the elements of 0..6.
        let table: [(i64, i64, i64, &[f32]); 10] = [
            (0, i64::MAX, 1, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
            (1, -1, 2, &[1.0, 3.0]),
            (-3, 6, 1, &[3.0, 4.0, 5.0]),
            (-100, 2, 1, &[0.0, 1.0]),
            (5, i64::MIN, -1, &[5.0, 4.0, 3.0, 2.0, 1.0, 0.0]),
            (100, 1, -2, &[5.0, 3.0]),
            (-1, -7, -3, &[5.0, 2.0]),
            (4, 2, 1, &[]),
            (6, 7, 1, &[]),
            (2, 3, i64::MAX, &[2.0]),
        ];
        for (start, end, step, expected) in table {
            let part = Part::new(6, start, end, step).unwrap();
            let values = (0..6).map(|value| value as f32).collect();
            let slice = OneImage::new(Slice { parts: vec![part] }, vec![(Shape::from([6]), values)]);
            assert_eq!(slice.forward(), expected, "{start}..{end} by {step}");
        }
        assert!(Part::new(6, 0, 6, 0).is_err());
        assert!(Part::new(6, 0, 6, i64::MIN).is_err());
        assert_eq!(Part::new(0, 0, -1, -1).unwrap().count, 0);
    }

    #[test]
    fn images_are_not_left_out_of_a_batch() {
        let image = Shape::from([6]);
        let parsed = |starts: &[i64], ends: &[i64]| {
            let attributes = [ints("starts", starts), ints("ends", ends)];
            let inputs = [Input::Batched(&image)];
            parse_slice(&Node { opset: 9, attributes: &attributes, inputs: &inputs, ..Node::default() })
        };
        assert!(parsed(&[0, 1], &[i64::MAX, 3]).is_ok());
        assert!(parsed(&[0], &[1]).unwrap_err().message.contains("leaves images"));
        assert!(parsed(&[0, 1], &[i64::MAX]).is_err());
        assert!(parsed(&[0, 1, 2], &[i64::MAX, 2, 3]).unwrap_err().message.contains("exist"));
    }

    #[test]
    fn parts_lie_one_behind_the_other() {
        let image = Shape::from([7, 2]);
        let split = |output, attributes: &[(String, Attribute)], lengths: Option<&[i64]>| {
            let lengths = lengths.map(integers);
            let mut inputs = vec![Input::Batched(&image)];
            inputs.extend(lengths.iter().map(Input::Constant));
            let node = Node { attributes, inputs: &inputs, axes: Axes::All, output, ..Node::default() };
            parse_split(&node).map(|parsed| format!("{:?}", parsed.op))
        };
        let expected = |first, count| {
            format!("{:?}", Slice { parts: vec![Part { first, count, step: 1 }, Part::whole(2)] })
        };
        assert_eq!(split([1, 2], &[], None).unwrap(), expected(4, 3));
        assert_eq!(split([2, 3], &[], Some(&[1, 2, 4])).unwrap(), expected(3, 4));
        assert_eq!(split([0, 2], &[ints("split", &[5, 2])], None).unwrap(), expected(0, 5));
        for bad in [&[1, 2][..], &[1, 2, 5], &[8, -1], &[i64::MAX, i64::MAX]] {
            assert!(split([0, 2], &[], Some(bad)).is_err(), "{bad:?}");
        }
    }
}

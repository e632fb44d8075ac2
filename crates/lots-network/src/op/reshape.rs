//! Reshape, Squeeze and Unsqueeze: the same values of an image with other axes.

use super::axis::axis_or_batch;
use super::{Backward, Op, OpError, Operand, Parsed, Registration, unchanged};
use crate::load::{Axes, Constant, ConstantValues, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Reshape",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

pub(crate) const SQUEEZE: Registration = Registration {
    name: "Squeeze",
    parse: parse_squeeze,
    #[cfg(test)]
    cases: tests::cases,
};

pub(crate) const UNSQUEEZE: Registration = Registration {
    name: "Unsqueeze",
    parse: parse_unsqueeze,
    #[cfg(test)]
    cases: tests::cases,
};

/// The same values of an image with the extents of `shape`.
#[derive(Debug)]
pub(crate) struct Reshape {
    pub(crate) shape: Shape,
}

/// The shape is a constant input, or an attribute in the oldest files.
fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=2)?;
    let image = node.varying(0)?;
    let wanted = match node.constant_ints(1)? {
        Some(wanted) => wanted,
        None => node.ints("shape")?.ok_or_else(|| OpError::new("the shape is left out"))?,
    };
    let keeps_zero = node.int("allowzero", 0)? != 0;
    let shape = match node.axes {
        Axes::OfImage => image_shape(wanted, image, keeps_zero, node.batch)?,
        Axes::All => whole_shape(wanted, image, keeps_zero)?,
    };
    Ok(Parsed::new(Reshape { shape }, [0]))
}

/// The axes are an input since operator set 13, an attribute before.
fn axes<'a>(node: &Node<'a>) -> Result<Option<&'a [i64]>, OpError> {
    match node.constant_ints(1)? {
        Some(axes) => Ok(Some(axes)),
        None => node.ints("axes"),
    }
}

/// Axes of extent 1 are left out; without a list of them, all.
fn parse_squeeze(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=2)?;
    let image = node.varying(0)?;
    let extents = image.extents();
    let mut is_left_out = vec![false; extents.len()];
    match axes(node)? {
        Some(axes) => {
            for &axis in axes {
                let axis = axis_or_batch(node, axis, extents.len())?;
                let axis = axis.ok_or_else(|| OpError::new("the batch would lose its axis"))?;
                if extents[axis] != 1 {
                    return Err(OpError::new(format!("{image} values cannot lose the axes {axes:?}")));
                }
                is_left_out[axis] = true;
            }
        }
        // For a batch of one, the axis of the batch would be left out as well.
        None if node.axes == Axes::OfImage => return Err(OpError::new("the axes are left out")),
        None => is_left_out = extents.iter().map(|&extent| extent == 1).collect(),
    }
    let kept = extents.iter().zip(is_left_out).filter(|(_, is_left_out)| !is_left_out);
    let shape = Shape::new(kept.map(|(&extent, _)| extent).collect::<Vec<_>>());
    Ok(Parsed::new(Reshape { shape }, [0]))
}

/// Axes of extent 1 are put in between.
fn parse_unsqueeze(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=2)?;
    let image = node.varying(0)?;
    let axes = axes(node)?.ok_or_else(|| OpError::new("the axes are left out"))?;
    let mut is_new = vec![false; image.rank() + axes.len()];
    let fault = || OpError::new(format!("{image} cannot get the axes {axes:?}"));
    for &axis in axes {
        // The axes are those of the result.
        let axis = axis_or_batch(node, axis, is_new.len()).ok().ok_or_else(fault)?;
        let axis = axis.ok_or_else(|| OpError::new("the batch would not be the first axis"))?;
        if std::mem::replace(&mut is_new[axis], true) {
            return Err(fault());
        }
    }
    let mut old = image.extents().iter().copied();
    let extents = is_new.iter().map(|&is_new| if is_new { 1 } else { old.next().unwrap_or(1) });
    Ok(Parsed::new(Reshape { shape: Shape::new(extents.collect::<Vec<_>>()) }, [0]))
}

/// The extents in a file's `wanted` shape, for `values` that have all the axes of the file: 0 keeps an extent, −1 is what
/// remains.
fn whole_shape(wanted: &[i64], values: &Shape, keeps_zero: bool) -> Result<Shape, OpError> {
    let fault = || OpError::new(format!("{values} cannot become {wanted:?}"));
    let mut extents = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (axis, &extent) in wanted.iter().enumerate() {
        extents.push(match extent {
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            0 if !keeps_zero => *values.extents().get(axis).ok_or_else(fault)?,
            _ => usize::try_from(extent).ok().ok_or_else(fault)?,
        });
    }
    let known =
        extents.iter().try_fold(1, |count: usize, &extent| count.checked_mul(extent)).ok_or_else(fault)?;
    if let Some(axis) = open {
        extents[axis] = values.count().checked_div(known).ok_or_else(fault)?;
    }
    let shape = Shape::new(extents);
    if !shape.is_within(isize::MAX as usize) || shape.count() != values.count() {
        return Err(fault());
    }
    Ok(shape)
}

/// The extents of one image in a file's `wanted` shape, whose first extent must be the batch, whatever that is:
///
/// - 0 (as before), and 1 or any other number if the rest holds exactly one image: a file that was written for batches
///   of that many;
/// - −1 if the rest holds exactly one image.
///
/// With −1 in the rest, which then holds one image by definition, a number other than 1 and the file's `batch` is
/// refused: it could as well be an axis of the image, in a file that was written for a single one.
fn image_shape(wanted: &[i64], image: &Shape, keeps_zero: bool, batch: usize) -> Result<Shape, OpError> {
    let fault =
        |why: &str| OpError::new(format!("one image of {image} values cannot become {wanted:?}: {why}"));
    let Some((&first, rest)) = wanted.split_first() else {
        return Err(fault("the batch has no axis"));
    };
    let is_open = rest.contains(&-1);
    let is_batch = matches!(first, 0 | 1) || first == batch as i64;
    if first < -1 || (first == 0 && keeps_zero) || (is_open && !is_batch) {
        return Err(fault("expected 0 or 1 first, for the batch"));
    }
    let mut extents = Vec::with_capacity(rest.len());
    let mut open = None;
    for (axis, &extent) in rest.iter().enumerate() {
        extents.push(match extent {
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            0 if !keeps_zero => {
                *image.extents().get(axis).ok_or_else(|| fault("0 stands for an axis that is not there"))?
            }
            _ => usize::try_from(extent).ok().ok_or_else(|| fault("negative extents"))?,
        });
    }
    let known = extents.iter().try_fold(1, |count: usize, &extent| count.checked_mul(extent));
    let known = known.ok_or_else(|| fault("it has too many values"))?;
    if let Some(axis) = open {
        extents[axis] = image.count().checked_div(known).unwrap_or(0);
    }
    let shape = Shape::new(extents);
    if known.checked_mul(open.map_or(1, |axis| shape.extents()[axis])) != Some(image.count()) {
        return Err(fault("it would mix the images of a batch"));
    }
    Ok(shape)
}

impl Op for Reshape {
    fn name(&self) -> &'static str {
        "Reshape"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        if operands[0].count() != self.shape.count() {
            return Err(OpError::new(format!("{} values cannot become {}", operands[0], self.shape)));
        }
        Ok(self.shape.clone())
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
        // The batch stays what it was.
        let extents = std::iter::once(0).chain(self.shape.extents().iter().map(|&extent| extent as i64));
        let values = ConstantValues::I64(extents.collect());
        node.constant(Some(Constant { shape: Shape::from([self.shape.rank() + 1]), values }));
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
    use super::super::one_image::{integers, ints};
    use super::*;
    use crate::load::Input;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let (from, mut extents) = (random.shape(0..=3), vec![1; random.int(0..=1)]);
        extents.extend(from.extents().iter().rev());
        vec![Case::new(Reshape { shape: Shape::new(extents) }).batched(from)]
    }

    #[test]
    fn the_batch_stays_in_front() {
        type Extents = &'static [usize];
        // Wanted shape, one image, what it becomes.
        let table: [(&[i64], Extents, Option<Extents>); 32] = [
            (&[0, -1], &[50, 4, 4], Some(&[800])),
            (&[-1, 800], &[50, 4, 4], Some(&[800])),
            (&[1, -1], &[50, 4, 4], Some(&[800])),
            (&[1, 800], &[50, 4, 4], Some(&[800])),
            (&[64, 800], &[50, 4, 4], Some(&[800])),
            (&[0, 0, -1], &[50, 4, 4], Some(&[50, 16])),
            (&[0, 0, 0, 0], &[50, 4, 4], Some(&[50, 4, 4])),
            (&[-1, 1, 28, 28], &[784], Some(&[1, 28, 28])),
            (&[1, 1, 28, 28], &[784], Some(&[1, 28, 28])),
            (&[1, 2, 25, 4, 4], &[50, 4, 4], Some(&[2, 25, 4, 4])),
            (&[1, 1, -1], &[50, 4, 4], Some(&[1, 800])),
            (&[0], &[], Some(&[])),
            (&[-1], &[1], Some(&[])),
            (&[0, 1], &[], Some(&[1])),
            // Several images would become one row, or one image several.
            (&[-1], &[800], None),
            (&[800], &[800], None),
            (&[-1, 400], &[50, 4, 4], None),
            (&[-1, 1600], &[50, 4, 4], None),
            (&[1, 1600], &[50, 4, 4], None),
            (&[50, 16], &[50, 4, 4], None),
            (&[50, 4, 4], &[50, 4, 4], None),
            (&[50, -1], &[50, 4, 4], None),
            (&[-1, -1], &[50, 4, 4], None),
            (&[0, -1, -1], &[50, 4, 4], None),
            (&[0, -1, 3], &[50, 4, 4], None),
            (&[0, -1, 0, 0, 0], &[50, 4, 4], None),
            (&[0, -2], &[50, 4, 4], None),
            (&[-2, 800], &[50, 4, 4], None),
            (&[0, i64::MAX, i64::MAX], &[50, 4, 4], None),
            (&[0, i64::MIN], &[50, 4, 4], None),
            (&[0, 0, -1], &[0, 4], Some(&[0, 0])),
            (&[], &[1], None),
        ];
        for (wanted, image, expected) in table {
            let got = image_shape(wanted, &Shape::new(image), false, 1).ok();
            assert_eq!(got, expected.map(Shape::new), "{wanted:?} of {image:?}");
        }
    }

    #[test]
    fn zero_is_an_extent_where_the_file_says_so() {
        assert!(image_shape(&[1, 0], &Shape::from([5]), true, 1).is_err());
        assert!(image_shape(&[0, 5], &Shape::from([5]), true, 1).is_err());
        assert_eq!(image_shape(&[-1, 0], &Shape::from([0]), true, 1).unwrap(), Shape::from([0]));
    }

    #[test]
    fn the_shape_is_an_input_or_an_attribute() {
        let (image, shape) = (Shape::from([6]), integers(&[0, 2, 3]));
        let parsed = |attributes: &[_], inputs: &[_]| {
            parse(&Node { opset: 5, attributes, inputs, ..Node::default() })
                .map(|parsed| format!("{:?}", parsed.op))
        };
        let expected = format!("{:?}", Reshape { shape: Shape::from([2, 3]) });
        assert_eq!(parsed(&[], &[Input::Batched(&image), Input::Constant(&shape)]).unwrap(), expected);
        assert_eq!(parsed(&[ints("shape", &[0, 2, 3])], &[Input::Batched(&image)]).unwrap(), expected);
        assert!(parsed(&[], &[Input::Batched(&image)]).is_err());
        let computed = parsed(&[], &[Input::Batched(&image), Input::Batched(&image)]).unwrap_err();
        assert!(computed.message.contains("must not depend on the image"));
    }
}

//! Expand and Tile: the values of an image repeated along some axes.

use super::view::View;
use super::walk::{broadcast_shape, broadcast_strides};
use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration};
use crate::load::{Axes, Constant, ConstantValues, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const EXPAND: Registration = Registration {
    name: "Expand",
    parse: parse_expand,
    #[cfg(test)]
    cases: tests::expand_cases,
};

pub(crate) const TILE: Registration = Registration {
    name: "Tile",
    parse: parse_tile,
    #[cfg(test)]
    cases: tests::tile_cases,
};

/// The operand broadcast with an array of shape `shape`.
#[derive(Debug)]
pub(crate) struct Expand {
    pub(crate) shape: Shape,
}

/// The operand so many times along each axis.
#[derive(Debug)]
pub(crate) struct Tile {
    pub(crate) repeats: Vec<usize>,
}

fn parse_expand(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(2..=2)?;
    let image = node.varying(0)?;
    let extents = node.constant_ints(1)?.ok_or_else(|| OpError::new("the shape is left out"))?;
    let own = match (node.axes, extents) {
        // The batch is broadcast with the batch.
        (Axes::OfImage, [1, own @ ..]) if own.len() == image.rank() => own,
        (Axes::OfImage, own) if own.len() <= image.rank() => own,
        (Axes::OfImage, _) => return Err(OpError::new(format!("{extents:?} would add images to the batch"))),
        (Axes::All, own) => own,
    };
    let shape: Option<Vec<usize>> = own.iter().map(|&extent| usize::try_from(extent).ok()).collect();
    let shape = shape.ok_or_else(|| OpError::new(format!("{extents:?} is no shape")))?;
    Ok(Parsed::new(Expand { shape: Shape::new(shape) }, [0]))
}

fn parse_tile(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(2..=2)?;
    node.varying(0)?;
    let repeats = node.constant_ints(1)?.ok_or_else(|| OpError::new("the repeats are left out"))?;
    let ((Axes::OfImage, [1, own @ ..]) | (Axes::All, own)) = (node.axes, repeats) else {
        return Err(OpError::new(format!("{repeats:?} would repeat the images of the batch")));
    };
    let repeats: Option<Vec<usize>> = own.iter().map(|&count| usize::try_from(count).ok()).collect();
    let repeats = repeats.ok_or_else(|| OpError::new("something cannot be repeated less than 0 times"))?;
    Ok(Parsed::new(Tile { repeats }, [0]))
}

/// A list of integers for all axes of the file, with 1 for the batch.
fn list(values: impl Iterator<Item = usize>) -> Constant {
    let values: Vec<i64> = std::iter::once(1).chain(values.map(|value| value as i64)).collect();
    Constant { shape: Shape::from([values.len()]), values: ConstantValues::I64(values.into()) }
}

impl Op for Expand {
    fn name(&self) -> &'static str {
        "Expand"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        broadcast_shape(operands[0], &self.shape)
            .ok_or_else(|| OpError::new(format!("{} and {} do not fit", operands[0], self.shape)))
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
        node.constant(Some(list(self.shape.extents().iter().copied())));
    }

    fn only_moves(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        self.view(&operands[0].shape).reference(&operands[0].values)
    }
}

impl Expand {
    fn view(&self, image: &Shape) -> View {
        let extents = self.output_shape(&[image]).expect("the shape rule has seen the operand");
        View { first: 0, strides: broadcast_strides(image, &extents), extents }
    }
}

impl Op for Tile {
    fn name(&self) -> &'static str {
        "Tile"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        if operands[0].rank() != self.repeats.len() {
            return Err(OpError::new(format!(
                "one image has {} values, expected {} axes",
                operands[0],
                self.repeats.len()
            )));
        }
        let extents = operands[0].extents().iter().zip(&self.repeats);
        Ok(Shape::new(extents.map(|(extent, count)| extent.saturating_mul(*count)).collect::<Vec<_>>()))
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
        node.constant(Some(list(self.repeats.iter().copied())));
    }

    fn only_moves(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let shape = self.output_shape(&[&operands[0].shape]).unwrap();
        let own = operands[0].shape.extents();
        (0..shape.count())
            .map(|element| {
                let axes = shape
                    .strides()
                    .into_iter()
                    .zip(shape.extents())
                    .zip(operands[0].shape.strides())
                    .zip(own);
                let place =
                    axes.map(|(((stride, extent), step), own)| element / stride % extent % own * step);
                operands[0].values[place.sum::<usize>()]
            })
            .collect()
    }
}

impl Tile {
    /// Every axis is two: the repeats, which do not move, and the elements.
    fn view(&self, image: &Shape) -> View {
        let axes = self.repeats.iter().zip(image.extents()).zip(image.strides());
        let (extents, strides): (Vec<[usize; 2]>, Vec<[usize; 2]>) =
            axes.map(|((&count, &extent), stride)| ([count, extent], [0, stride])).unzip();
        View { first: 0, extents: Shape::new(extents.concat()), strides: strides.concat() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::integers;
    use super::*;
    use crate::load::Input;

    pub(super) fn expand_cases(random: &mut Random) -> Vec<Case> {
        let shape = random.shape(0..=3);
        let own: Vec<usize> = shape.extents().iter().map(|&e| if random.flip() { e } else { 1 }).collect();
        vec![Case::new(Expand { shape }).batched(Shape::new(own))]
    }

    pub(super) fn tile_cases(random: &mut Random) -> Vec<Case> {
        let shape = random.shape(0..=3);
        let repeats = (0..shape.rank()).map(|_| random.int(1..=3)).collect();
        vec![Case::new(Tile { repeats }).batched(shape)]
    }

    #[test]
    fn the_batch_is_neither_repeated_nor_widened() {
        let image = Shape::from([3, 1]);
        let parsed = |parse: fn(&Node<'_>) -> Result<Parsed, OpError>, list: &[i64], axes| {
            let list = integers(list);
            let inputs = [Input::Batched(&image), Input::Constant(&list)];
            parse(&Node { inputs: &inputs, axes, ..Node::default() }).map(|parsed| format!("{:?}", parsed.op))
        };
        let expanded = |extents: &[usize]| format!("{:?}", Expand { shape: Shape::new(extents) });
        assert_eq!(parsed(parse_expand, &[1, 3, 4], Axes::OfImage).unwrap(), expanded(&[3, 4]));
        assert_eq!(parsed(parse_expand, &[4], Axes::OfImage).unwrap(), expanded(&[4]));
        assert!(parsed(parse_expand, &[2, 3, 4], Axes::OfImage).is_err());
        assert!(parsed(parse_expand, &[1, 1, 3, 4], Axes::OfImage).is_err());
        assert!(parsed(parse_expand, &[-1, 4], Axes::OfImage).is_err());
        assert_eq!(parsed(parse_expand, &[2, 3, 4], Axes::All).unwrap(), expanded(&[2, 3, 4]));
        assert_eq!(parsed(parse_tile, &[1, 2, 3], Axes::OfImage).unwrap(), "Tile { repeats: [2, 3] }");
        assert!(parsed(parse_tile, &[2, 2, 3], Axes::OfImage).is_err());
        assert!(parsed(parse_tile, &[1, 2, -3], Axes::OfImage).is_err());
    }
}

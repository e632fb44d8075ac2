//! Pad: pixels added around an image, or cut off.

use super::axis::axis_or_batch;
use super::window::LARGEST;
use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Constant, ConstantValues, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Pad",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// Elements added before and behind along each axis of one image; negative numbers cut off.
#[derive(Debug)]
pub(crate) struct Pad {
    /// For each axis, `[before, behind]`.
    pub(crate) amounts: Vec<[i32; 2]>,
    pub(crate) filling: Filling,
}

/// What the added elements are. Elements that are cut off are not used for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Filling {
    /// All this number.
    Constant(f32),
    /// The nearest element.
    Edge,
    /// The elements mirrored at the first and the last, which are not repeated.
    Reflect,
    /// The elements from the other end.
    Wrap,
}

/// Amounts, value and axes are inputs since operator set 11, attributes before.
fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=4)?;
    let rank = node.varying(0)?.rank();
    let pads = match node.constant_ints(1)? {
        Some(pads) => pads,
        None => node.ints("pads")?.ok_or_else(|| OpError::new("the amounts are left out"))?,
    };
    let all: Vec<i64> = (0..(rank + node.axes_in_front()) as i64).collect();
    let axes = node.constant_ints(3)?.unwrap_or(&all);
    if pads.len() != 2 * axes.len() {
        return Err(OpError::new(format!("there are {} amounts, expected {}", pads.len(), 2 * axes.len())));
    }
    let mut amounts = vec![[0; 2]; rank];
    for (index, &axis) in axes.iter().enumerate() {
        let [before, behind] = [amount(pads[index])?, amount(pads[axes.len() + index])?];
        match axis_or_batch(node, axis, rank)? {
            Some(axis) => amounts[axis] = [before, behind],
            None if [before, behind] != [0, 0] => {
                return Err(OpError::new("it pads the batch: images would be added or left out"));
            }
            None => {}
        }
    }
    let value = match node.constant_floats(2)? {
        None => node.float("value", 0.0)?,
        Some(&[value]) => value,
        Some(values) => {
            return Err(OpError::new(format!("input 2 has {} numbers, expected 1", values.len())));
        }
    };
    let filling = match node.string("mode", "constant")? {
        "constant" => Filling::Constant(value),
        "edge" => Filling::Edge,
        "reflect" => Filling::Reflect,
        "wrap" => Filling::Wrap,
        mode => {
            return Err(OpError::new(format!(
                "attribute `mode` must be constant, edge, reflect or wrap, got {mode}"
            )));
        }
    };
    Ok(Parsed::new(Pad { amounts, filling }, [0]))
}

fn amount(amount: i64) -> Result<i32, OpError> {
    i32::try_from(amount)
        .ok()
        .filter(|amount| amount.unsigned_abs() as usize <= LARGEST)
        .ok_or_else(|| OpError::new(format!("{amount} elements to be added, expected at most {LARGEST}")))
}

impl Op for Pad {
    fn name(&self) -> &'static str {
        "Pad"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let image = operands[0];
        if image.rank() != self.amounts.len() {
            let expected = self.amounts.len();
            return Err(OpError::new(format!("one image has {image} values, expected {expected} axes")));
        }
        let padded = image.extents().iter().zip(&self.amounts).map(|(&extent, &[before, behind])| {
            let cut = before.min(0).unsigned_abs() as usize + behind.min(0).unsigned_abs() as usize;
            let kept = extent.checked_sub(cut).filter(|&kept| kept > 0);
            kept.map(|kept| kept + before.max(0) as usize + behind.max(0) as usize)
        });
        match padded.collect::<Option<Vec<usize>>>() {
            Some(extents) => Ok(Shape::new(extents)),
            None => Err(OpError::new(format!("nothing of one image of {image} values would be left"))),
        }
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let input = operands[0].values;
        self.for_each_piece(operands[0].shape, |piece| {
            let target = &mut output[piece.target * lanes..][..piece.count * lanes];
            match (piece.source, self.filling) {
                (Some(source), _) => target.copy_from_slice(&input[source * lanes..][..piece.count * lanes]),
                (None, Filling::Constant(value)) => target.fill(value),
                (None, _) => unreachable!("only constants come from nowhere"),
            }
        });
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let lanes = pass.lanes;
        vectorized(
            #[inline(always)]
            || {
                self.for_each_piece(pass.operands[0].shape, |piece| {
                    let Some(source) = piece.source else { return };
                    let cotangent = &pass.cotangent[piece.target * lanes..][..piece.count * lanes];
                    let gradient = &mut gradient[source * lanes..][..piece.count * lanes];
                    for (gradient, cotangent) in gradient.iter_mut().zip(cotangent) {
                        *gradient += cotangent;
                    }
                });
            },
        );
    }

    fn save(&self, node: &mut NodeWriter) {
        let mode = match self.filling {
            Filling::Constant(_) => "constant",
            Filling::Edge => "edge",
            Filling::Reflect => "reflect",
            Filling::Wrap => "wrap",
        };
        node.attribute("mode", Attribute::String(mode.to_owned()));
        let along = |side: usize| {
            std::iter::once(0).chain(self.amounts.iter().map(move |amounts| i64::from(amounts[side])))
        };
        let values = ConstantValues::I64(along(0).chain(along(1)).collect());
        node.constant(Some(Constant { shape: Shape::from([2 * self.amounts.len() + 2]), values }));
        if let Filling::Constant(value) = self.filling {
            let values = ConstantValues::F32([value].into());
            node.constant(Some(Constant { shape: Shape::from([]), values }));
        }
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        tests::reference(self, &operands[0])
    }
}

/// Neighbours of the result that are neighbours in the operand, too, or all come from nowhere.
#[derive(Clone, Copy, Debug)]
struct Piece {
    target: usize,
    source: Option<usize>,
    count: usize,
}

impl Pad {
    fn for_each_piece(&self, image: &Shape, mut visit: impl FnMut(Piece)) {
        let result = self.output_shape(&[image]).expect("the shape rule has seen the operand");
        let sources: Vec<Vec<Option<usize>>> = (0..image.rank())
            .map(|axis| {
                (0..result.extents()[axis])
                    .map(|position| self.source(axis, position, image.extents()[axis]))
                    .collect()
            })
            .collect();
        let Some((last, outer)) = sources.split_last() else {
            return visit(Piece { target: 0, source: Some(0), count: 1 });
        };
        let (pieces, strides) = (pieces(last), image.strides());
        let mut position = vec![0; outer.len()];
        for row in 0..result.count() / last.len() {
            let base: Option<usize> = (0..outer.len())
                .map(|axis| outer[axis][position[axis]].map(|source| source * strides[axis]))
                .sum();
            for piece in &pieces {
                let source = base.zip(piece.source).map(|(base, source)| base + source);
                visit(Piece { target: row * last.len() + piece.target, source, ..*piece });
            }
            for axis in (0..outer.len()).rev() {
                position[axis] += 1;
                if position[axis] < outer[axis].len() {
                    break;
                }
                position[axis] = 0;
            }
        }
    }

    /// Where element `position` of the result along `axis` comes from; `None` for an added constant.
    fn source(&self, axis: usize, position: usize, extent: usize) -> Option<usize> {
        let [before, behind] = self.amounts[axis].map(|amount| amount as isize);
        let first = -before.min(0);
        let kept = extent as isize - first + behind.min(0);
        // Counted from the first element that is kept.
        let place = position as isize - before.max(0);
        let inside = match self.filling {
            Filling::Constant(_) => Some(place).filter(|place| (0..kept).contains(place)),
            Filling::Edge => Some(place.clamp(0, kept - 1)),
            Filling::Wrap => Some(place.rem_euclid(kept)),
            Filling::Reflect => {
                let period = (2 * (kept - 1)).max(1);
                let place = place.rem_euclid(period);
                Some(place.min(period - place)).filter(|_| kept > 1).or(Some(0))
            }
        };
        inside.map(|place| (first + place) as usize)
    }
}

/// The last axis in pieces as long as possible.
fn pieces(sources: &[Option<usize>]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (target, &source) in sources.iter().enumerate() {
        match pieces.last_mut() {
            Some(last) if source == last.source.map(|first| first + last.count) => last.count += 1,
            _ => pieces.push(Piece { target, source, count: 1 }),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Array, Case, Random};
    use super::super::one_image::{OneImage, floats, integers, ints};
    use super::*;
    use crate::load::Input;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let fillings = [Filling::Constant(0.75), Filling::Edge, Filling::Reflect, Filling::Wrap];
        fillings
            .map(|filling| {
                let shape = random.shape(0..=3);
                // Cut off only where something is left.
                let mut amount = |extent| random.int(0..=4) as i32 - i32::from(extent > 2);
                let amounts =
                    shape.extents().iter().map(|&extent| [amount(extent), amount(extent)]).collect();
                Case::new(Pad { amounts, filling }).batched(shape)
            })
            .into()
    }

    /// One axis after the other: cut off, then add elements one by one.
    pub(super) fn reference(pad: &Pad, image: &Array) -> Vec<f64> {
        let mut extents = image.shape.extents().to_vec();
        let mut values = image.values.clone();
        for (axis, &[before, behind]) in pad.amounts.iter().enumerate() {
            let inner: usize = extents[axis + 1..].iter().product();
            let cut = |amount: i32| (-amount).max(0) as usize;
            let mut result = Vec::new();
            for block in values.chunks(extents[axis] * inner) {
                let slices: Vec<Option<&[f64]>> = block.chunks(inner).map(Some).collect();
                let kept = &slices[cut(before)..slices.len() - cut(behind)];
                let mut line = walk(kept, before, pad.filling, true);
                line.reverse();
                line.extend(kept);
                line.extend(walk(kept, behind, pad.filling, false));
                for slice in &line {
                    match (slice, pad.filling) {
                        (None, Filling::Constant(value)) => result.extend(vec![f64::from(value); inner]),
                        (slice, _) => result.extend(slice.unwrap()),
                    }
                }
            }
            extents[axis] = (extents[axis] as i32 + before + behind) as usize;
            values = result;
        }
        values
    }

    /// What is met walking away from the first (or last) element, `amount` times.
    fn walk<'a>(
        kept: &[Option<&'a [f64]>],
        amount: i32,
        filling: Filling,
        from_first: bool,
    ) -> Vec<Option<&'a [f64]>> {
        let mut line = kept.to_vec();
        if !from_first {
            line.reverse();
        }
        let (mut place, mut inward) = (0, true);
        (0..amount)
            .map(|count| match filling {
                Filling::Constant(_) => None,
                Filling::Edge => line[0],
                Filling::Wrap => line[line.len() - 1 - count as usize % line.len()],
                Filling::Reflect => {
                    if line.len() > 1 {
                        place = if inward { place + 1 } else { place - 1 };
                        inward = place == 0 || (inward && place + 1 < line.len());
                    }
                    line[place]
                }
            })
            .collect()
    }

    #[test]
    fn the_modes_fill_as_their_names_say() {
        for (filling, amounts, expected) in [
            (Filling::Constant(9.0), [2, 1], &[9.0, 9.0, 1.0, 2.0, 3.0, 9.0][..]),
            (Filling::Edge, [2, 1], &[1.0, 1.0, 1.0, 2.0, 3.0, 3.0]),
            (Filling::Reflect, [2, 1], &[3.0, 2.0, 1.0, 2.0, 3.0, 2.0]),
            (Filling::Reflect, [0, 5], &[1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0]),
            (Filling::Wrap, [2, 1], &[2.0, 3.0, 1.0, 2.0, 3.0, 1.0]),
            (Filling::Constant(9.0), [-1, 1], &[2.0, 3.0, 9.0]),
            (Filling::Reflect, [-1, 2], &[2.0, 3.0, 2.0, 3.0]),
            (Filling::Reflect, [-2, 2], &[3.0, 3.0, 3.0]),
            (Filling::Edge, [1, -2], &[1.0, 1.0]),
        ] {
            let pad = Pad { amounts: vec![amounts], filling };
            let image = OneImage::new(pad, vec![(Shape::from([3]), vec![1.0, 2.0, 3.0])]);
            assert_eq!(image.forward(), expected, "{filling:?}, {amounts:?}");
        }
        for amounts in [[-1, -2], [-4, 3], [-3, 0]] {
            let pad = Pad { amounts: vec![amounts], filling: Filling::Edge };
            assert!(pad.output_shape(&[&Shape::from([3])]).unwrap_err().message.contains("nothing"));
        }
    }

    #[test]
    fn amounts_are_attributes_or_inputs_for_all_axes_or_some() {
        let image = Shape::from([3, 4, 5]);
        let parsed = |attributes: &[_], inputs: &[Option<&Constant>]| {
            let constants = inputs.iter().map(|input| input.map_or(Input::Absent, Input::Constant));
            let inputs: Vec<Input<'_>> = std::iter::once(Input::Batched(&image)).chain(constants).collect();
            parse(&Node { opset: 18, attributes, inputs: &inputs, ..Node::default() })
                .map(|parsed| format!("{:?}", parsed.op))
                .map_err(|error| error.message)
        };
        let said = |amounts: [[i32; 2]; 3], value| {
            format!("{:?}", Pad { amounts: amounts.into(), filling: Filling::Constant(value) })
        };
        let around = [0, 0, 1, 2, 0, 0, 3, -4];
        let expected = [[0, 0], [1, 3], [2, -4]];
        assert_eq!(parsed(&[ints("pads", &around)], &[]).unwrap(), said(expected, 0.0));
        let value = ("value".to_owned(), Attribute::Float(2.5));
        assert_eq!(parsed(&[ints("pads", &around), value], &[]).unwrap(), said(expected, 2.5));
        let amounts = integers(&around);
        assert_eq!(parsed(&[], &[Some(&amounts)]).unwrap(), said(expected, 0.0));
        let zero = floats(&Shape::from([]));
        let (amounts, axes) = (integers(&[1, 2, 3, -4]), integers(&[-2, 3]));
        assert_eq!(parsed(&[], &[Some(&amounts), Some(&zero), Some(&axes)]).unwrap(), said(expected, 0.0));

        let refused = |amounts: &[i64], axes: Option<&[i64]>| {
            let (amounts, axes) = (integers(amounts), axes.map(integers));
            parsed(&[], &[Some(&amounts), None, axes.as_ref()]).unwrap_err()
        };
        assert!(refused(&[1, 0, 0, 0, 0, 0, 0, 0], None).contains("batch"));
        assert!(refused(&[0, 1], Some(&[0])).contains("batch"));
        assert!(refused(&[0, 1], Some(&[-4])).contains("batch"));
        assert!(refused(&[0, 1], Some(&[4])).contains("exist"));
        assert!(refused(&[0, 1], None).contains("expected 8"));
        assert!(refused(&[0, i64::MAX], Some(&[1])).contains("expected at most"));
        assert!(refused(&[i64::MIN, 0], Some(&[1])).contains("expected at most"));
        let mode = ("mode".to_owned(), Attribute::String("symmetric".to_owned()));
        assert!(parsed(&[mode, ints("pads", &around)], &[]).unwrap_err().contains("got symmetric"));
        assert!(parsed(&[], &[]).unwrap_err().contains("left out"));
    }
}

//! Functions of two numbers: Add, Sub, Mul, Div, Pow and `PRelu`, element by element; the smaller operand is broadcast as in NumPy.
//!
//! Either operand may be the same for all images, but not both.
#![expect(clippy::float_cmp, reason = "exponents that are exactly these have a shorter way")]

use super::axis::batch_axes;
use super::walk::{Walk, broadcast_shape, broadcast_strides};
use super::{Backward, Op, OpError, Operand, Parsed, Registration, element_wise, vectorized};
use crate::load::{Axes, Input, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const ADD: Registration = Registration {
    name: "Add",
    parse: |node| parse(node, Arithmetic::Add),
    #[cfg(test)]
    cases: |random| tests::cases(random, Arithmetic::Add),
};

pub(crate) const SUB: Registration = Registration {
    name: "Sub",
    parse: |node| parse(node, Arithmetic::Sub),
    #[cfg(test)]
    cases: |random| tests::cases(random, Arithmetic::Sub),
};

pub(crate) const MUL: Registration = Registration {
    name: "Mul",
    parse: |node| parse(node, Arithmetic::Mul),
    #[cfg(test)]
    cases: |random| tests::cases(random, Arithmetic::Mul),
};

pub(crate) const DIV: Registration = Registration {
    name: "Div",
    parse: |node| parse(node, Arithmetic::Div),
    #[cfg(test)]
    cases: |random| tests::cases(random, Arithmetic::Div),
};

pub(crate) const POW: Registration = Registration {
    name: "Pow",
    parse: |node| parse(node, Arithmetic::Pow),
    #[cfg(test)]
    cases: |random| tests::cases(random, Arithmetic::Pow),
};

pub(crate) const P_RELU: Registration = Registration {
    name: "PRelu",
    parse: |node| parse(node, Arithmetic::PRelu),
    #[cfg(test)]
    cases: |random| tests::cases(random, Arithmetic::PRelu),
};

/// An operation on two numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arithmetic {
    /// a + b.
    Add,
    /// a − b.
    Sub,
    /// a · b.
    Mul,
    /// a / b.
    Div,
    /// aᵇ.
    Pow,
    /// a from 0 on, a · b below: b is the slope, with its own gradient.
    PRelu,
}

fn parse(node: &Node<'_>, arithmetic: Arithmetic) -> Result<Parsed, OpError> {
    node.expect_inputs(2..=2)?;
    let mut parsed = Parsed::new(arithmetic, [0, 1]);
    match node.inputs {
        [Input::Batched(left), Input::Batched(right)]
            if node.axes == Axes::OfImage && left.rank() != right.rank() =>
        {
            return Err(OpError::new(format!(
                "one image has {left} and {right} values: different axes would mix the images"
            )));
        }
        &[Input::Batched(image), Input::Constant(constant)]
        | &[Input::Constant(constant), Input::Batched(image)] => {
            let index = usize::from(matches!(node.inputs[1], Input::Constant(_)));
            let axes = batch_axes(node, &constant.shape, image.rank())?;
            if axes > 0 {
                parsed.reshaped.push((index, Shape::new(&constant.shape.extents()[axes..])));
            }
        }
        [Input::Batched(_), Input::Batched(_)] => {}
        _ => return Err(OpError::new("expected an input that depends on the image")),
    }
    Ok(parsed)
}

impl Op for Arithmetic {
    fn name(&self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Sub => "Sub",
            Self::Mul => "Mul",
            Self::Div => "Div",
            Self::Pow => "Pow",
            Self::PRelu => "PRelu",
        }
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        broadcast_shape(operands[0], operands[1])
            .ok_or_else(|| OpError::new(format!("{} and {} do not fit", operands[0], operands[1])))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let both = Both::new(operands, lanes);
        match self {
            Self::Add => both.combine(output, |a, b| a + b),
            Self::Sub => both.combine(output, |a, b| a - b),
            Self::Mul => both.combine(output, |a, b| a * b),
            Self::Div => both.combine(output, |a, b| a / b),
            Self::Pow => both.combine(output, pow),
            Self::PRelu => both.combine(output, |a, b| if a < 0.0 { a * b } else { a }),
        }
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let both = Both::new(pass.operands, pass.lanes);
        for (index, gradient) in gradients.iter_mut().enumerate() {
            let Some(gradient) = gradient else { continue };
            let target = (index, &mut **gradient);
            match (self, index) {
                (Self::Add, _) | (Self::Sub, 0) => both.add_gradient(pass.cotangent, target, |_, _, c| c),
                (Self::Sub, _) => both.add_gradient(pass.cotangent, target, |_, _, c| -c),
                (Self::Mul, 0) => both.add_gradient(pass.cotangent, target, |_, b, c| c * b),
                (Self::Mul, _) => both.add_gradient(pass.cotangent, target, |a, _, c| c * a),
                (Self::Div, 0) => both.add_gradient(pass.cotangent, target, |_, b, c| c / b),
                (Self::Pow, 0) => both.add_gradient(pass.cotangent, target, |a, b, c| {
                    // The power of a constant 0 is constant, whatever 0 to the power −1 is.
                    if b == 0.0 { 0.0 } else { c * b * pow(a, b - 1.0) }
                }),
                (Self::Pow, _) => both.add_gradient(pass.cotangent, target, |a, b, c| {
                    if a == 0.0 { 0.0 } else { c * pow(a, b) * libm::logf(a) }
                }),
                (Self::PRelu, 0) => {
                    both.add_gradient(pass.cotangent, target, |a, b, c| if a < 0.0 { c * b } else { c });
                }
                (Self::PRelu, _) => {
                    both.add_gradient(pass.cotangent, target, |a, _, c| if a < 0.0 { c * a } else { 0.0 });
                }
                (Self::Div, _) => both.add_gradient(pass.cotangent, target, |a, b, c| -(c * (a / b)) / b),
            }
        }
    }

    fn backward_in_place(&self, operands: &[Operand<'_>], _: Operand<'_>, _: &mut [f32]) -> bool {
        matches!(self, Self::Add) && operands[0].shape == operands[1].shape
    }

    fn save(&self, _node: &mut NodeWriter) {}

    /// The bias behind a matrix product is an Add; constants of the others are more often the scale of the pixels.
    fn trainable(&self) -> &'static [usize] {
        match self {
            Self::Add => &[0, 1],
            Self::PRelu => &[1],
            Self::Sub | Self::Mul | Self::Div | Self::Pow => &[],
        }
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let [left, right] = operands else { panic!("two operands") };
        let result = broadcast_shape(&left.shape, &right.shape).unwrap();
        let value = |array: &super::gradient_check::Array, element: usize| {
            let mut index = 0;
            let own_axes = result.rank() - array.shape.rank()..result.rank();
            for (axis, extent) in own_axes.zip(array.shape.extents()) {
                let position = element / result.strides()[axis] % result.extents()[axis];
                index = index * extent + position % extent;
            }
            array.values[index]
        };
        (0..result.count())
            .map(|element| {
                let (a, b) = (value(left, element), value(right, element));
                match self {
                    Self::Add => a + b,
                    Self::Sub => a - b,
                    Self::Mul => a * b,
                    Self::Div => a / b,
                    Self::Pow => a.powf(b),
                    Self::PRelu => a.max(0.0) + b * a.min(0.0),
                }
            })
            .collect()
    }
}

/// aᵇ; the exponents of norms without a logarithm.
#[inline(always)]
fn pow(a: f32, b: f32) -> f32 {
    if b == 1.0 {
        a
    } else if b == 2.0 {
        a * a
    } else if b == 0.5 {
        a.sqrt()
    } else {
        libm::powf(a, b)
    }
}

/// Floats that are worked on at a time: both operands of a block stay in the first cache.
const BLOCK: usize = 256;

/// More lanes than this are never side by side.
const MOST_LANES: usize = 16;

/// Both operands and the walk through them.
pub(super) struct Both<'a> {
    operands: [Operand<'a>; 2],
    walk: Walk<2>,
    lanes: usize,
}

impl<'a> Both<'a> {
    pub(super) fn new(operands: &[Operand<'a>], lanes: usize) -> Self {
        let &[left, right] = operands else { unreachable!("two operands") };
        let result = broadcast_shape(left.shape, right.shape).expect("the shape rule has seen the operands");
        let strides = [left, right].map(|operand| broadcast_strides(operand.shape, &result));
        Self { operands: [left, right], walk: Walk::new(&result, [&strides[0], &strides[1]]), lanes }
    }

    /// Writes `operation` of both operands, broadcast.
    pub(super) fn combine(&self, output: &mut [f32], operation: impl Fn(f32, f32) -> f32 + Sync) {
        let [left, right] = self.operands.map(|operand| operand.values);
        if [left.len(), right.len()] == [output.len(); 2] {
            element_wise(
                output,
                [left, right],
                #[inline(always)]
                |output, [left, right]| {
                    for ((y, &a), &b) in output.iter_mut().zip(left).zip(right) {
                        *y = operation(a, b);
                    }
                },
            );
            return;
        }
        vectorized(
            #[inline(always)]
            || {
                self.for_each_block(
                    #[inline(always)]
                    |range, _, [a, b]| {
                        for ((y, &a), &b) in output[range].iter_mut().zip(a).zip(b) {
                            *y = operation(a, b);
                        }
                    },
                );
            },
        );
    }

    /// Adds `partial(a, b, cotangent)` to the gradient of operand `index`, summed over everything it is broadcast to.
    pub(super) fn add_gradient(
        &self,
        cotangent: &[f32],
        (index, gradient): (usize, &mut [f32]),
        partial: impl Fn(f32, f32, f32) -> f32,
    ) {
        vectorized(
            #[inline(always)]
            || {
                self.for_each_block(
                    #[inline(always)]
                    |range, first, [a, b]| {
                        let mut block = [0.0; BLOCK];
                        let block = &mut block[..range.len()];
                        for (((sum, &a), &b), &c) in block.iter_mut().zip(a).zip(b).zip(&cotangent[range]) {
                            *sum = partial(a, b, c);
                        }
                        self.add_block(index, first[index], block, gradient);
                    },
                );
            },
        );
    }

    /// Calls `visit` with a range of floats of the result, the first element of both operands there, and their values,
    /// broadcast.
    #[inline(always)]
    fn for_each_block(&self, mut visit: impl FnMut(std::ops::Range<usize>, [usize; 2], [&[f32]; 2])) {
        let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
        self.walk.for_each_run(
            #[inline(always)]
            |first, firsts| {
                for start in (0..self.walk.run).step_by(BLOCK / self.lanes) {
                    let count = (self.walk.run - start).min(BLOCK / self.lanes);
                    let firsts = [0, 1].map(|index| firsts[index] + start * self.walk.steps[index]);
                    let (left, right) = (&mut left[..count * self.lanes], &mut right[..count * self.lanes]);
                    self.read_block(0, firsts[0], left);
                    self.read_block(1, firsts[1], right);
                    let begin = (first + start) * self.lanes;
                    visit(begin..begin + count * self.lanes, firsts, [left, right]);
                }
            },
        );
    }

    /// Reads `block` from element `first` of operand `index` on, broadcast to all lanes.
    #[inline(always)]
    fn read_block(&self, index: usize, first: usize, block: &mut [f32]) {
        let (Operand { values, lanes, .. }, step) = (self.operands[index], self.walk.steps[index]);
        if lanes == self.lanes && step == 1 {
            block.copy_from_slice(&values[first * lanes..][..block.len()]);
        } else if lanes == 1 && step == 0 {
            block.fill(values[first]);
        } else if lanes == self.lanes {
            for (position, chunk) in block.chunks_exact_mut(lanes).enumerate() {
                chunk.copy_from_slice(&values[(first + position * step) * lanes..][..lanes]);
            }
        } else {
            for (position, chunk) in block.chunks_exact_mut(self.lanes).enumerate() {
                chunk.fill(values[first + position * step]);
            }
        }
    }

    /// Adds `block` to the gradient of operand `index` from element `first` on.
    #[inline(always)]
    fn add_block(&self, index: usize, first: usize, block: &[f32], gradient: &mut [f32]) {
        let (own_lanes, step) = (self.operands[index].lanes, self.walk.steps[index]);
        if step == 0 {
            let gradient = &mut gradient[first * own_lanes..][..own_lanes];
            let mut sums = [0.0; MOST_LANES];
            let sums = &mut sums[..self.lanes];
            // A lane goes on from what it has: the same order of additions for any length of a block.
            if own_lanes == self.lanes {
                sums.copy_from_slice(gradient);
            }
            for chunk in block.chunks_exact(self.lanes) {
                add_lanes(chunk, sums);
            }
            if own_lanes == self.lanes {
                gradient.copy_from_slice(sums);
            } else {
                add_lanes(sums, gradient);
            }
        } else if own_lanes == self.lanes && step == 1 {
            add_lanes(block, &mut gradient[first * own_lanes..][..block.len()]);
        } else {
            for (position, chunk) in block.chunks_exact(self.lanes).enumerate() {
                let element = (first + position * step) * own_lanes;
                add_lanes(chunk, &mut gradient[element..][..own_lanes]);
            }
        }
    }
}

/// Adds `values` to as many floats, or all of them in their order to a single one.
#[inline(always)]
fn add_lanes(values: &[f32], gradient: &mut [f32]) {
    if let [single] = gradient {
        *single += values.iter().sum::<f32>();
    } else {
        for (gradient, value) in gradient.iter_mut().zip(values) {
            *gradient += value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::parse_with;
    use super::*;

    pub(super) fn cases(random: &mut Random, arithmetic: Arithmetic) -> Vec<Case> {
        // Sometimes longer than a block.
        let last = if random.int(0..=5) == 0 { random.int(17..=40) } else { random.int(1..=5) };
        let shape = random.shape(0..=2);
        let result: Vec<usize> = shape.extents().iter().copied().chain([last]).collect();
        let mut smaller = |full: &[usize]| -> Shape {
            let axes = random.int(0..=full.len());
            let full = &full[full.len() - axes..];
            Shape::new(full.iter().map(|&e| if random.flip() { e } else { 1 }).collect::<Vec<_>>())
        };
        let (same, left, right) = (Shape::new(&result[..]), smaller(&result), smaller(&result));
        // What depends on the image has the same axes on both sides.
        let batched = |shape: &Shape| {
            let ones = std::iter::repeat_n(1, result.len() - shape.rank());
            Shape::new(ones.chain(shape.extents().iter().copied()).collect::<Vec<_>>())
        };
        let case = |left: (&Shape, bool), right: (&Shape, bool)| {
            // Divisors stay away from 0.
            let low = if matches!(arithmetic, Arithmetic::Div) { 0.5 } else { -1.0 };
            // A base is positive.
            let (least, most) = if matches!(arithmetic, Arithmetic::Pow) { (0.3, 2.0) } else { (-1.0, 1.0) };
            Case::new(arithmetic).operand(left.0.clone(), left.1, least, most).operand(
                right.0.clone(),
                right.1,
                low,
                1.5,
            )
        };
        vec![
            case((&same, false), (&same, false)),
            case((&same, false), (&right, true)),
            case((&left, true), (&same, false)),
            case((&same, false), (&batched(&right), false)),
            case((&batched(&left), false), (&same, true)),
        ]
    }

    #[test]
    fn operands_that_would_mix_images_are_refused() {
        let image = Shape::from([3, 4, 4]);
        let constant = |extents: &[usize]| parse_with(parse_add, &image, &Shape::new(extents));
        for fits in [&[][..], &[4], &[1], &[3, 1, 1], &[3, 4, 4], &[1, 3, 1, 1]] {
            assert!(constant(fits).is_ok(), "{fits:?}");
        }
        let parsed = constant(&[1, 3, 1, 1]).unwrap();
        assert_eq!(parsed.reshaped, [(1, Shape::from([3, 1, 1]))]);
        for (bad, why) in [(&[2, 3, 1, 1][..], "batch"), (&[1, 1, 3, 1, 1], "batch")] {
            let message = constant(bad).err().unwrap().message;
            assert!(message.contains(why), "{message}");
        }
        let inputs = [Input::Batched(&image), Input::Batched(&Shape::from([4]))];
        let message =
            parse_add(&Node { opset: 13, attributes: &[], inputs: &inputs, ..Node::default() }).err();
        assert!(message.unwrap().message.contains("mix the images"));
    }

    fn parse_add(node: &Node<'_>) -> Result<Parsed, OpError> {
        parse(node, Arithmetic::Add)
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let message =
            Arithmetic::Mul.output_shape(&[&Shape::from([3, 4]), &Shape::from([3])]).unwrap_err().message;
        assert_eq!(message, "3×4 and 3 do not fit");
    }
}

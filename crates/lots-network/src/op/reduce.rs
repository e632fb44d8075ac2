//! Reductions: many values become one along some axes, and the global poolings, which reduce all axes of a channel.
#![expect(clippy::float_cmp, reason = "a maximum is exactly one of the values")]

use super::axis::image_axes;
use super::walk::{Walk, broadcast_strides};
use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Constant, ConstantValues, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

macro_rules! registrations {
    ($($constant:ident = $name:literal, $reduction:expr;)*) => {$(
        pub(crate) const $constant: Registration = Registration {
            name: $name,
            parse: |node| parse(node, $reduction),
            #[cfg(test)]
            cases: |random| tests::cases(random, $reduction),
        };
    )*};
}

registrations! {
    L1 = "ReduceL1", Reduction::L1;
    L2 = "ReduceL2", Reduction::L2;
    LOG_SUM_EXP = "ReduceLogSumExp", Reduction::LogSumExp;
    MAX = "ReduceMax", Reduction::Max;
    MEAN = "ReduceMean", Reduction::Mean;
    MIN = "ReduceMin", Reduction::Min;
    SUM = "ReduceSum", Reduction::Sum;
    SUM_SQUARE = "ReduceSumSquare", Reduction::SumSquare;
}

pub(crate) const GLOBAL_MAX_POOL: Registration = Registration {
    name: "GlobalMaxPool",
    parse: parse_global_max_pool,
    #[cfg(test)]
    cases: |random| tests::cases(random, Reduction::Max),
};

/// What becomes of the values along the axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reduction {
    /// Σ |x|.
    L1,
    /// √Σ x²; gradient 0 where that is 0.
    L2,
    /// ln Σ exp x.
    LogSumExp,
    /// The largest; the first of equals gets the gradient. NaN is larger than everything.
    Max,
    Mean,
    /// The smallest; the first of equals gets the gradient. NaN is smaller than everything.
    Min,
    Sum,
    /// Σ x².
    SumSquare,
}

/// A reduction along `axes`, in ascending order, of one image.
#[derive(Debug)]
pub(crate) struct Reduce {
    pub(crate) reduction: Reduction,
    pub(crate) axes: Vec<usize>,
    /// Whether the axes stay, with extent 1.
    pub(crate) keeps_axes: bool,
}

/// The axes are an input since operator set 18 (`ReduceSum`: 13), an attribute before; without any, all are meant.
fn parse(node: &Node<'_>, reduction: Reduction) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=2)?;
    let rank = node.varying(0)?.rank();
    let axes = match node.constant_ints(1)? {
        Some(axes) => axes,
        None => node.ints("axes")?.unwrap_or_default(),
    };
    let all: Vec<i64> = (0..(rank + node.axes_in_front()) as i64).collect();
    let axes = if axes.is_empty() && node.int("noop_with_empty_axes", 0)? == 0 { &all } else { axes };
    let keeps_axes = node.int("keepdims", 1)? != 0;
    Ok(Parsed::new(Reduce { reduction, axes: image_axes(node, axes, rank)?, keeps_axes }, [0]))
}

fn parse_global_max_pool(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    let rank = node.batched(0)?.rank();
    let axes = (1..rank).collect();
    Ok(Parsed::new(Reduce { reduction: Reduction::Max, axes, keeps_axes: true }, [0]))
}

impl Op for Reduce {
    fn name(&self) -> &'static str {
        match self.reduction {
            Reduction::L1 => "ReduceL1",
            Reduction::L2 => "ReduceL2",
            Reduction::LogSumExp => "ReduceLogSumExp",
            Reduction::Max => "ReduceMax",
            Reduction::Mean => "ReduceMean",
            Reduction::Min => "ReduceMin",
            Reduction::Sum => "ReduceSum",
            Reduction::SumSquare => "ReduceSumSquare",
        }
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let extents = operands[0].extents();
        if self.axes.iter().any(|&axis| axis >= extents.len()) {
            return Err(OpError::new(format!("one image has {} values, expected more axes", operands[0])));
        }
        if self.axes.iter().any(|&axis| extents[axis] == 0) {
            return Err(OpError::new("there is nothing along an axis that is reduced"));
        }
        let kept = extents.iter().enumerate().filter_map(|(axis, &extent)| {
            let is_reduced = self.axes.contains(&axis);
            if is_reduced { self.keeps_axes.then_some(1) } else { Some(extent) }
        });
        Ok(Shape::new(kept.collect::<Vec<_>>()))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let walk = self.walk(operands[0].shape);
        let input = operands[0].values;
        vectorized(
            #[inline(always)]
            || match lanes {
                16 => self.reduce::<16>(&walk, input, output),
                _ => self.reduce::<1>(&walk, input, output),
            },
        );
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let walk = self.walk(pass.operands[0].shape);
        vectorized(
            #[inline(always)]
            || match pass.lanes {
                16 => self.spread::<16>(&walk, pass, gradient),
                _ => self.spread::<1>(&walk, pass, gradient),
            },
        );
    }

    fn save(&self, node: &mut NodeWriter) {
        let axes: Vec<i64> = self.axes.iter().map(|&axis| axis as i64 + 1).collect();
        node.attribute("keepdims", Attribute::Int(i64::from(self.keeps_axes)));
        if self.axes.is_empty() {
            node.attribute("noop_with_empty_axes", Attribute::Int(1));
        }
        if node.opset >= 18 || self.reduction == Reduction::Sum {
            let shape = Shape::from([axes.len()]);
            node.constant(Some(Constant { shape, values: ConstantValues::I64(axes.into()) }));
        } else {
            node.attribute("axes", Attribute::Ints(axes));
        }
    }

    fn opset(&self) -> i64 {
        // That no axis is reduced can only be said since then.
        if self.axes.is_empty() && self.reduction != Reduction::Sum { 18 } else { crate::save::onnx::OPSET }
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let shape = self.output_shape(&[&operands[0].shape]).unwrap();
        let mut groups = vec![Vec::new(); shape.count()];
        let (strides, result) = (operands[0].shape.strides(), self.strides(&operands[0].shape));
        for (element, &value) in operands[0].values.iter().enumerate() {
            let axes = strides.iter().zip(operands[0].shape.extents()).zip(&result);
            let group: usize = axes.map(|((stride, extent), own)| element / stride % extent * own).sum();
            groups[group].push(value);
        }
        let reduced = groups.into_iter().map(|group| {
            let values = || group.iter().copied();
            match self.reduction {
                Reduction::L1 => values().map(f64::abs).sum(),
                Reduction::L2 => values().map(|x| x * x).sum::<f64>().sqrt(),
                Reduction::LogSumExp => values().map(f64::exp).sum::<f64>().ln(),
                Reduction::Max => values().fold(f64::NEG_INFINITY, f64::max),
                Reduction::Mean => values().sum::<f64>() / group.len() as f64,
                Reduction::Min => values().fold(f64::INFINITY, f64::min),
                Reduction::Sum => values().sum(),
                Reduction::SumSquare => values().map(|x| x * x).sum(),
            }
        });
        reduced.collect()
    }
}

impl Reduce {
    /// For each axis of the operand, how far apart neighbours along it are in the result.
    fn strides(&self, operand: &Shape) -> Vec<usize> {
        let kept = operand.extents().iter().enumerate();
        let kept = kept.map(|(axis, &extent)| if self.axes.contains(&axis) { 1 } else { extent });
        broadcast_strides(&Shape::new(kept.collect::<Vec<_>>()), operand)
    }

    /// Through the operand, with the result alongside.
    fn walk(&self, operand: &Shape) -> Walk<1> {
        Walk::new(operand, [&self.strides(operand)])
    }

    #[inline(always)]
    fn reduce<const LANES: usize>(&self, walk: &Walk<1>, input: &[f32], output: &mut [f32]) {
        let count = input.len().checked_div(output.len()).unwrap_or(0);
        let fold = |start: f32, output: &mut [f32], step: fn(f32, f32) -> f32| {
            fold::<LANES>(walk, input, output, start, step);
        };
        match self.reduction {
            Reduction::L1 => fold(0.0, output, |sum, x| sum + x.abs()),
            Reduction::L2 | Reduction::SumSquare => fold(0.0, output, |sum, x| x.mul_add(x, sum)),
            Reduction::Mean | Reduction::Sum => fold(0.0, output, |sum, x| sum + x),
            Reduction::Max => {
                fold(f32::NEG_INFINITY, output, |most, x| if x > most || x.is_nan() { x } else { most });
            }
            Reduction::Min => {
                fold(f32::INFINITY, output, |least, x| if x < least || x.is_nan() { x } else { least });
            }
            Reduction::LogSumExp => {
                fold(f32::NEG_INFINITY, output, |most, x| if x > most || x.is_nan() { x } else { most });
                let largest = output.to_vec();
                output.fill(0.0);
                let (largest, output) = (largest.as_chunks::<LANES>().0, output.as_chunks_mut::<LANES>().0);
                for_each_pair::<LANES>(walk, input.len(), |element, group| {
                    for lane in 0..LANES {
                        output[group][lane] +=
                            libm::expf(input[element * LANES + lane] - finite(largest[group][lane]));
                    }
                });
                for (sum, largest) in output.as_flattened_mut().iter_mut().zip(largest.as_flattened()) {
                    *sum = libm::logf(*sum) + finite(*largest);
                }
            }
        }
        match self.reduction {
            Reduction::L2 => output.iter_mut().for_each(|value| *value = value.sqrt()),
            Reduction::Mean => output.iter_mut().for_each(|value| *value /= count as f32),
            _ => {}
        }
    }

    #[inline(always)]
    fn spread<const LANES: usize>(&self, walk: &Walk<1>, pass: &Backward<'_>, gradient: &mut [f32]) {
        let input = pass.operands[0].values.as_chunks::<LANES>().0;
        let result = pass.output.values.as_chunks::<LANES>().0;
        let mut cotangent = pass.cotangent.to_vec();
        let cotangent = cotangent.as_chunks_mut::<LANES>().0;
        let count = input.len().checked_div(result.len()).unwrap_or(0) as f32;
        let gradient = gradient.as_chunks_mut::<LANES>().0;
        let total = input.len() * LANES;
        for_each_pair::<LANES>(
            walk,
            total,
            #[inline(always)]
            |element, group| {
                for lane in 0..LANES {
                    let (x, y, c) = (input[element][lane], result[group][lane], cotangent[group][lane]);
                    gradient[element][lane] += match self.reduction {
                        Reduction::L1 if x == 0.0 => 0.0,
                        Reduction::L1 => c * x.signum(),
                        Reduction::L2 if y == 0.0 => 0.0,
                        Reduction::L2 => c * (x / y),
                        Reduction::LogSumExp => c * libm::expf(x - y),
                        Reduction::Mean => c / count,
                        Reduction::Sum => c,
                        Reduction::SumSquare => 2.0 * c * x,
                        Reduction::Max | Reduction::Min if x == y || x.is_nan() => {
                            // Whoever comes first takes it all.
                            cotangent[group][lane] = 0.0;
                            c
                        }
                        Reduction::Max | Reduction::Min => 0.0,
                    };
                }
            },
        );
    }
}

/// Where everything is −∞, exp(x − max) would be exp(NaN).
#[inline(always)]
fn finite(largest: f32) -> f32 {
    if largest.is_infinite() { 0.0 } else { largest }
}

/// Calls `visit` with each element of the operand, in order, and the element of the result that it belongs to.
#[inline(always)]
fn for_each_pair<const LANES: usize>(walk: &Walk<1>, floats: usize, mut visit: impl FnMut(usize, usize)) {
    if floats == 0 {
        return;
    }
    walk.for_each_run(
        #[inline(always)]
        |first, [group]| {
            for position in 0..walk.run {
                visit(first + position, group + position * walk.steps[0]);
            }
        },
    );
}

/// Folds the operand into `output`. A run that belongs to one element is folded by itself and in parts before it is
/// added: sums of sums are much closer to the exact sum than one long chain.
#[inline(always)]
fn fold<const LANES: usize>(
    walk: &Walk<1>,
    input: &[f32],
    output: &mut [f32],
    start: f32,
    step: fn(f32, f32) -> f32,
) {
    output.fill(start);
    let (input, output) = (input.as_chunks::<LANES>().0, output.as_chunks_mut::<LANES>().0);
    let join = |into: &mut [f32; LANES], from: &[f32; LANES]| {
        for (into, &from) in into.iter_mut().zip(from) {
            *into = step(*into, from);
        }
    };
    walk.for_each_run(
        #[inline(always)]
        |first, [group]| {
            let run = &input[first..first + walk.run];
            if walk.steps[0] != 0 {
                for (position, values) in run.iter().enumerate() {
                    join(&mut output[group + position * walk.steps[0]], values);
                }
                return;
            }
            for part in run.chunks(walk.run.isqrt().max(1)) {
                let mut partial = [start; LANES];
                for values in part {
                    join(&mut partial, values);
                }
                join_partial(&mut output[group], &partial, start, step);
            }
        },
    );
}

/// Adds a partial result: sums of squares and of sizes are not squared or sized again.
#[inline(always)]
fn join_partial<const LANES: usize>(
    into: &mut [f32; LANES],
    partial: &[f32; LANES],
    start: f32,
    step: fn(f32, f32) -> f32,
) {
    for (into, &partial) in into.iter_mut().zip(partial) {
        *into = if start == 0.0 { *into + partial } else { step(*into, partial) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::{OneImage, integers, ints};
    use super::*;
    use crate::load::{Axes, Input};

    pub(super) fn cases(random: &mut Random, reduction: Reduction) -> Vec<Case> {
        let mut case = || {
            let shape = random.shape(0..=4);
            let axes = (0..shape.rank()).filter(|_| random.flip()).collect();
            Case::new(Reduce { reduction, axes, keeps_axes: random.flip() }).batched(shape)
        };
        let mut cases: Vec<Case> = (0..3).map(|_| case()).collect();
        let long = Shape::from([2, 30]);
        cases.push(Case::new(Reduce { reduction, axes: vec![1], keeps_axes: false }).batched(long));
        cases
    }

    #[test]
    fn axes_are_an_attribute_or_an_input_and_all_where_none_are_given() {
        let image = Shape::from([3, 4]);
        let parsed = |opset, axes: Axes, attributes: &[_], inputs: &[_]| {
            parse(&Node { opset, attributes, inputs, axes, ..Node::default() }, Reduction::Mean)
                .map(|parsed| format!("{:?}", parsed.op))
        };
        let (batched, constant) = (Input::Batched(&image), integers(&[-1]));
        let expected = "Reduce { reduction: Mean, axes: [1], keeps_axes: true }";
        assert_eq!(parsed(13, Axes::OfImage, &[ints("axes", &[2])], &[batched]).unwrap(), expected);
        assert_eq!(parsed(18, Axes::OfImage, &[], &[batched, Input::Constant(&constant)]).unwrap(), expected);
        assert!(parsed(13, Axes::OfImage, &[], &[batched]).unwrap_err().message.contains("batch"));
        let all = "Reduce { reduction: Mean, axes: [0, 1], keeps_axes: true }";
        assert_eq!(parsed(13, Axes::All, &[], &[batched]).unwrap(), all);
        assert!(parsed(13, Axes::OfImage, &[ints("axes", &[1, -2])], &[batched]).is_err());
    }

    #[test]
    fn equals_and_nothing_have_a_gradient_too() {
        let image = |reduction, values: &[f32]| {
            let op = Reduce { reduction, axes: vec![0], keeps_axes: false };
            OneImage::new(op, vec![(Shape::from([values.len()]), values.to_vec())])
        };
        assert_eq!(image(Reduction::Max, &[1.0, 3.0, 3.0]).gradients(&[2.0]), [[0.0, 2.0, 0.0]]);
        assert_eq!(image(Reduction::Min, &[1.0, 1.0, 3.0]).gradients(&[2.0]), [[2.0, 0.0, 0.0]]);
        assert_eq!(image(Reduction::L2, &[0.0, 0.0]).gradients(&[2.0]), [[0.0, 0.0]]);
        assert!(image(Reduction::Max, &[1.0, f32::NAN, 3.0]).forward()[0].is_nan());
        assert!(image(Reduction::Min, &[f32::NAN, 1.0]).forward()[0].is_nan());
        let mean = image(Reduction::Mean, &vec![0.1; 1 << 20]).forward()[0];
        assert!((mean - 0.1).abs() < 1e-5, "{mean}");
        let nothing = [f32::NEG_INFINITY; 2];
        assert_eq!(image(Reduction::LogSumExp, &nothing).forward(), [f32::NEG_INFINITY]);
    }
}

//! Transpose: the axes of an image in another order.

use super::walk::Walk;
use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Transpose",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// Axis `k` of the result is axis `axes[k]` of the operand, both without the batch.
#[derive(Debug)]
pub(crate) struct Transpose {
    pub(crate) axes: Vec<usize>,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    let in_front = node.axes_in_front();
    let rank = node.varying(0)?.rank() + in_front;
    let reversed: Vec<i64> = (0..rank as i64).rev().collect();
    let axes = node.ints("perm")?.unwrap_or(&reversed);
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank as i64) {
        return Err(OpError::new(format!("attribute `perm` {axes:?} does not order the {rank} axes")));
    }
    if in_front > 0 && axes[0] != 0 {
        return Err(OpError::new(format!("the order {axes:?} moves the batch from the first axis")));
    }
    Ok(Parsed::new(
        Transpose { axes: axes[in_front..].iter().map(|&axis| axis as usize - in_front).collect() },
        [0],
    ))
}

impl Op for Transpose {
    fn name(&self) -> &'static str {
        "Transpose"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        if operands[0].rank() != self.axes.len() {
            return Err(OpError::new(format!(
                "one image has {} values, expected {} axes",
                operands[0],
                self.axes.len()
            )));
        }
        Ok(Shape::new(self.axes.iter().map(|&axis| operands[0].extents()[axis]).collect::<Vec<_>>()))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let walk = self.walk(operands[0].shape);
        match lanes {
            16 => forward::<16>(&walk, operands[0].values, output),
            _ => forward::<1>(&walk, operands[0].values, output),
        }
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let walk = self.walk(pass.operands[0].shape);
        vectorized(
            #[inline(always)]
            || match pass.lanes {
                16 => backward::<16>(&walk, pass.cotangent, gradient),
                _ => backward::<1>(&walk, pass.cotangent, gradient),
            },
        );
    }

    fn save(&self, node: &mut NodeWriter) {
        let axes = std::iter::once(0).chain(self.axes.iter().map(|&axis| axis as i64 + 1));
        node.attribute("perm", Attribute::Ints(axes.collect()));
    }

    fn only_moves(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let shape = self.output_shape(&[&operands[0].shape]).unwrap();
        let strides = operands[0].shape.strides();
        (0..shape.count())
            .map(|element| {
                let position = |axis| element / shape.strides()[axis] % shape.extents()[axis];
                let source: usize =
                    self.axes.iter().enumerate().map(|(k, &axis)| position(k) * strides[axis]).sum();
                operands[0].values[source]
            })
            .collect()
    }
}

impl Transpose {
    fn walk(&self, image: &Shape) -> Walk<1> {
        let result = self.output_shape(&[image]).expect("the shape rule has seen the operand");
        let strides = image.strides();
        Walk::new(&result, [&self.axes.iter().map(|&axis| strides[axis]).collect::<Vec<_>>()])
    }
}

fn forward<const LANES: usize>(walk: &Walk<1>, input: &[f32], output: &mut [f32]) {
    let (input, output) = (input.as_chunks::<LANES>().0, output.as_chunks_mut::<LANES>().0);
    walk.for_each_run(|first, [source]| {
        let run = &mut output[first..first + walk.run];
        if walk.steps == [1] {
            run.copy_from_slice(&input[source..source + walk.run]);
        } else {
            for (y, x) in run.iter_mut().zip(input[source..].iter().step_by(walk.steps[0])) {
                *y = *x;
            }
        }
    });
}

#[inline(always)]
fn backward<const LANES: usize>(walk: &Walk<1>, cotangent: &[f32], gradient: &mut [f32]) {
    let (cotangent, gradient) = (cotangent.as_chunks::<LANES>().0, gradient.as_chunks_mut::<LANES>().0);
    walk.for_each_run(
        #[inline(always)]
        |first, [source]| {
            let run = gradient[source..].iter_mut().step_by(walk.steps[0]);
            for (gradient, cotangent) in run.zip(&cotangent[first..first + walk.run]) {
                for (gradient, cotangent) in gradient.iter_mut().zip(cotangent) {
                    *gradient += cotangent;
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::{OneImage, ints};
    use super::*;
    use crate::load::Input;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let shape = random.shape(0..=4);
        let mut axes: Vec<usize> = (0..shape.rank()).collect();
        for last in (1..axes.len()).rev() {
            axes.swap(last, random.int(0..=last));
        }
        vec![Case::new(Transpose { axes }).batched(shape)]
    }

    #[test]
    fn channels_go_behind_height_and_width() {
        let values: Vec<f32> = (0..12).map(|value| value as f32).collect();
        let image = OneImage::new(Transpose { axes: vec![1, 2, 0] }, vec![(Shape::from([3, 2, 2]), values)]);
        assert_eq!(image.forward(), [0.0, 4.0, 8.0, 1.0, 5.0, 9.0, 2.0, 6.0, 10.0, 3.0, 7.0, 11.0]);
    }

    #[test]
    fn orders_that_are_none_or_move_the_batch_are_refused() {
        let image = Shape::from([3, 4, 5]);
        let parsed = |attributes: &[_], image: &Shape| {
            parse(&Node { opset: 13, attributes, inputs: &[Input::Batched(image)], ..Node::default() })
                .map(|parsed| format!("{:?}", parsed.op))
                .map_err(|error| error.message)
        };
        assert_eq!(parsed(&[ints("perm", &[0, 2, 3, 1])], &image).unwrap(), "Transpose { axes: [1, 2, 0] }");
        assert_eq!(parsed(&[], &Shape::from([])).unwrap(), "Transpose { axes: [] }");
        assert!(parsed(&[], &image).unwrap_err().contains("batch"));
        assert!(parsed(&[ints("perm", &[1, 0, 2, 3])], &image).unwrap_err().contains("batch"));
        for bad in [&[0, 1, 2][..], &[0, 1, 2, 2], &[0, 1, 2, 4], &[0, 1, 2, -1], &[]] {
            assert!(parsed(&[ints("perm", bad)], &image).unwrap_err().contains("order"), "{bad:?}");
        }
    }
}

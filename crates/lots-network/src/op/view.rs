//! [`View`]: a result whose every element is one of the operand's, found by strides: parts, copies, other orders.

use super::walk::Walk;
use super::{Backward, Operand, vectorized};
use crate::shape::Shape;

/// The way from a result to the operand it looks at.
#[derive(Debug)]
pub(crate) struct View {
    /// The operand's element at the origin of the result.
    pub(crate) first: usize,
    /// The axes of the result, maybe split into several.
    pub(crate) extents: Shape,
    /// For each of them, how far apart neighbours are in the operand; backward wraps around.
    pub(crate) strides: Vec<usize>,
}

impl View {
    /// Copies the elements.
    pub(crate) fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let walk = self.walk();
        match lanes {
            16 => self.copy::<16>(&walk, operands[0].values, output),
            _ => self.copy::<1>(&walk, operands[0].values, output),
        }
    }

    /// Adds the cotangent to the elements that were looked at.
    pub(crate) fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let walk = self.walk();
        vectorized(
            #[inline(always)]
            || match pass.lanes {
                16 => self.add::<16>(&walk, pass.cotangent, gradient),
                _ => self.add::<1>(&walk, pass.cotangent, gradient),
            },
        );
    }

    fn walk(&self) -> Walk<1> {
        Walk::new(&self.extents, [&self.strides])
    }

    fn copy<const LANES: usize>(&self, walk: &Walk<1>, input: &[f32], output: &mut [f32]) {
        let (input, output) = (input.as_chunks::<LANES>().0, output.as_chunks_mut::<LANES>().0);
        walk.for_each_run(|first, [source]| {
            let source = self.first.wrapping_add(source);
            let run = &mut output[first..first + walk.run];
            match walk.steps[0] {
                1 => run.copy_from_slice(&input[source..source + walk.run]),
                0 => run.fill(input[source]),
                step => {
                    for (position, y) in run.iter_mut().enumerate() {
                        *y = input[source.wrapping_add(step.wrapping_mul(position))];
                    }
                }
            }
        });
    }

    #[inline(always)]
    fn add<const LANES: usize>(&self, walk: &Walk<1>, cotangent: &[f32], gradient: &mut [f32]) {
        let (cotangent, gradient) = (cotangent.as_chunks::<LANES>().0, gradient.as_chunks_mut::<LANES>().0);
        walk.for_each_run(
            #[inline(always)]
            |first, [source]| {
                let source = self.first.wrapping_add(source);
                for (position, cotangent) in cotangent[first..first + walk.run].iter().enumerate() {
                    let element = source.wrapping_add(walk.steps[0].wrapping_mul(position));
                    for (gradient, cotangent) in gradient[element].iter_mut().zip(cotangent) {
                        *gradient += cotangent;
                    }
                }
            },
        );
    }

    /// The slow, obvious twin: every element by its position.
    #[cfg(test)]
    pub(crate) fn reference(&self, values: &[f64]) -> Vec<f64> {
        let own = self.extents.strides();
        (0..self.extents.count())
            .map(|element| {
                let axes = own.iter().zip(self.extents.extents()).zip(&self.strides);
                let offset = axes.fold(self.first, |offset, ((stride, extent), step)| {
                    offset.wrapping_add((element / stride % extent).wrapping_mul(*step))
                });
                values[offset]
            })
            .collect()
    }
}

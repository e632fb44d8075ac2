//! [`WeightedSums`] with a single column for one image: a fully connected layer. Every weight is used once, so the
//! memory's speed is all that counts, and the weights are read where they lie.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::turned_rows;
use super::weighted_sum::{Start, WORTH_DIVIDING, WeightedSums, load, store};

/// Taps that are added to the rows at a time where rows lie side by side.
const TAPS: usize = 8;

/// How the weights lie.
#[derive(Clone, Copy)]
enum Layout {
    /// The weights of a row are neighbours.
    RowsApart,
    /// The weights of a tap are neighbours.
    RowsSideBySide,
}

fn layout(sums: &WeightedSums<'_>) -> Option<Layout> {
    let first = sums.taps.first()?.weight;
    if sums.taps.iter().enumerate().all(|(index, tap)| tap.weight == first + index) {
        Some(Layout::RowsApart)
    } else {
        (sums.weight_row == 1).then_some(Layout::RowsSideBySide)
    }
}

/// Whether the sums have one column, and the weights lie in one of the two usual ways.
pub(super) fn suits(sums: &WeightedSums<'_>) -> bool {
    sums.lanes == 1
        && sums.rounds.count == 1
        && sums.columns.len() == 1
        && sums.output_row == 1
        && layout(sums).is_some()
}

/// Computes sums that [`suits`] has seen, dividing the rows among the threads if there are enough weights.
///
/// # Panics
/// If a table points outside its array.
pub(super) fn compute(sums: &WeightedSums<'_>, output: &mut [f32]) {
    sums.check_bounds(output);
    let Some(layout) = layout(sums) else { unreachable!("`suits` has seen the sums") };
    let column = sums.columns[0];
    let input: Vec<f32> = sums.taps.iter().map(|tap| sums.input[column.input + tap.input]).collect();
    let output = &mut output[column.output..][..sums.rows];
    let run = |(first, output): (usize, &mut [f32])| {
        let rows = first..first + output.len();
        super::architecture().dispatch(Task { sums, layout, input: &input, rows, output });
    };
    // As many multiply-adds as are worth dividing elsewhere take longer here, because they wait for the memory.
    if sums.rows * sums.taps.len() < WORTH_DIVIDING / 16 {
        run((0, output));
    } else {
        let rows_each = sums.rows.div_ceil(4 * rayon::current_num_threads()).next_multiple_of(48);
        let parts = output.par_chunks_mut(rows_each).enumerate();
        parts.for_each(|(part, output)| run((part * rows_each, output)));
    }
}

struct Task<'a, 'b> {
    sums: &'a WeightedSums<'a>,
    layout: Layout,
    /// What each tap sees.
    input: &'a [f32],
    rows: Range<usize>,
    /// One element for each of `rows`.
    output: &'b mut [f32],
}

impl WithSimd for Task<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.sums.start {
            Start::Zero => self.output.fill(0.0),
            Start::Bias(bias) => self.output.copy_from_slice(&bias[self.rows.clone()]),
            Start::Output | Start::OutputCopied(_) => {}
        }
        match self.layout {
            Layout::RowsApart => self.rows_apart(),
            Layout::RowsSideBySide => self.rows_side_by_side(simd),
        }
    }
}

impl Task<'_, '_> {
    /// Several rows at a time: as many chains as keep the multiply-add units busy.
    #[inline(always)]
    fn rows_apart(self) {
        const ROWS: usize = 12;
        let weights = |row: usize| {
            let first = (self.rows.start + row) * self.sums.weight_row + self.sums.taps[0].weight;
            &self.sums.weights[first..][..self.input.len()]
        };
        if turned_rows::are_available() {
            for (block, sums) in self.output.chunks_mut(turned_rows::ROWS).enumerate() {
                // Rows behind the last are the last once more; what comes of them is dropped.
                let last = sums.len() - 1;
                let rows: [&[f32]; turned_rows::ROWS] =
                    std::array::from_fn(|i| weights(block * turned_rows::ROWS + i.min(last)));
                let mut chains = [0.0; turned_rows::ROWS];
                chains[..=last].copy_from_slice(sums);
                turned_rows::add_products(&rows, self.input, &mut chains);
                sums.copy_from_slice(&chains[..=last]);
            }
            return;
        }
        let (whole, rest) = self.output.as_chunks_mut::<ROWS>();
        let behind = whole.len() * ROWS;
        for (block, sums) in whole.iter_mut().enumerate() {
            let rows: [&[f32]; ROWS] = std::array::from_fn(|i| weights(block * ROWS + i));
            let mut chains = *sums;
            for (term, &input) in self.input.iter().enumerate() {
                for i in 0..ROWS {
                    chains[i] = rows[i][term].mul_add(input, chains[i]);
                }
            }
            *sums = chains;
        }
        for (row, sum) in rest.iter_mut().enumerate() {
            for (weight, &input) in weights(behind + row).iter().zip(self.input) {
                *sum = weight.mul_add(input, *sum);
            }
        }
    }

    /// Several taps at a time, so that the sums are loaded and stored less often.
    #[inline(always)]
    fn rows_side_by_side<S: Simd>(self, simd: S) {
        let weights = |tap: usize| {
            &self.sums.weights[self.sums.taps[tap].weight + self.rows.start..][..self.rows.len()]
        };
        let whole = self.input.len() / TAPS * TAPS;
        for first in (0..whole).step_by(TAPS) {
            let rows: [&[f32]; TAPS] = std::array::from_fn(|k| weights(first + k));
            let inputs: [S::f32s; TAPS] = std::array::from_fn(|k| simd.splat_f32s(self.input[first + k]));
            let vectors = self.output.len() / S::F32_LANES * S::F32_LANES;
            for at in (0..vectors).step_by(S::F32_LANES) {
                let mut sum = load::<S>(&self.output[at..]);
                for k in 0..TAPS {
                    sum = simd.mul_add_f32s(load::<S>(&rows[k][at..]), inputs[k], sum);
                }
                store::<S>(&mut self.output[at..], sum);
            }
            for at in vectors..self.output.len() {
                for k in 0..TAPS {
                    self.output[at] = rows[k][at].mul_add(self.input[first + k], self.output[at]);
                }
            }
        }
        for tap in whole..self.input.len() {
            for (sum, weight) in self.output.iter_mut().zip(weights(tap)) {
                *sum = weight.mul_add(self.input[tap], *sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::on_every_instruction_set;
    use super::super::weighted_sum::tests::{bits, reference};
    use super::super::weighted_sum::{Column, Rounds, Tap};
    use super::*;
    use crate::op::gradient_check::Random;

    #[test]
    fn both_layouts_give_the_bytes_of_the_definition() {
        let mut random = Random::new(8);
        for case in 0..40 {
            // The last cases are divided among threads.
            let (rows, count) = if case < 36 {
                (random.int(1..=40), random.int(1..=40))
            } else {
                (700, WORTH_DIVIDING / 16 / 700 + 1)
            };
            let side_by_side = random.flip();
            let (weight_row, tap_distance) = if side_by_side { (1, rows + 3) } else { (count + 3, 1) };
            let taps: Vec<Tap> =
                (0..count).map(|tap| Tap { input: 2 * tap, weight: 1 + tap * tap_distance }).collect();
            let mut values = |count: usize| -> Vec<f32> {
                random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect()
            };
            let (input, weights) = (values(2 * count + 1), values((rows + 3) * (count + 3)));
            let (bias, before) = (values(rows), values(rows + 2));
            let sums = WeightedSums {
                input: &input,
                weights: &weights,
                start: [Start::Zero, Start::Bias(&bias), Start::Output][case % 3],
                taps: &taps,
                rounds: Rounds::ONE,
                columns: &[Column { input: 1, output: 2 }],
                rows,
                weight_row,
                output_row: 1,
                lanes: 1,
            };
            assert!(suits(&sums));
            let mut expected = before.clone();
            reference(&sums, &mut expected);
            for got in on_every_instruction_set(|| {
                let mut output = before.clone();
                compute(&sums, &mut output);
                output
            }) {
                assert_eq!(
                    bits(&got),
                    bits(&expected),
                    "{rows} rows, {count} taps, side by side: {side_by_side}"
                );
            }
        }
    }
}

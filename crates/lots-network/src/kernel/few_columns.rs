//! [`WeightedSums`] of one image of few pixels: the same chains of multiply-adds, with rows in the SIMD lanes.
//!
//! Columns in the lanes would leave many of them empty: 49 pixels take four registers of 16. Rows are many where pixels
//! are few, so that a tile of registers holds some columns of many rows: its sums stay turned until the last term.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::apart::Apart;
use super::fetch_ahead;
use super::register_tile::add_products;
use super::thread_memory::{Memories, with_memory};
use super::weighted_sum::{Column, Start, Tap, WeightedSums};

/// Terms whose weights are copied at once: those of all rows of a tile fill a first-level cache of 32 KiB.
const TERMS: usize = 128;

/// Rows of the widest register, which are divided among the threads.
const ROW_STEP: usize = 16;

/// More columns than this leave few lanes empty.
const MOST_COLUMNS: usize = 64;

/// Floats of a cache line.
const LINE: usize = 16;

/// Whether enough lanes would be empty otherwise.
pub(super) fn suits(sums: &WeightedSums<'_>) -> bool {
    let columns = sums.columns.len();
    sums.lanes == 1
        && sums.rows >= 2 * ROW_STEP
        && !sums.taps.is_empty()
        && (8..=MOST_COLUMNS).contains(&columns)
        && columns.next_multiple_of(ROW_STEP) * 10 >= columns * 11
        && sums.columns.iter().all(|column| column.output < sums.output_row)
}

/// Computes sums that [`suits`] has seen, dividing the work among the threads.
///
/// # Panics
/// If a table points outside its array.
pub(super) fn compute(sums: &WeightedSums<'_>, output: &mut [f32]) {
    sums.check_bounds(output);
    let output = Apart::new(output);
    let steps = sums.rows.div_ceil(ROW_STEP);
    let parts = (2 * rayon::current_num_threads()).min(steps);
    let first_row = |part: usize| sums.rows.min(part * steps / parts * ROW_STEP);
    (0..parts).into_par_iter().for_each(|part| {
        let rows = first_row(part)..first_row(part + 1);
        with_memory(|memory| super::architecture().dispatch(Task { sums, rows, memory, output: &output }));
    });
}

struct Task<'a, 'b> {
    sums: &'a WeightedSums<'a>,
    rows: Range<usize>,
    memory: &'b mut Memories,
    output: &'a Apart<'a>,
}

impl WithSimd for Task<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.run::<S, 3, 7>(simd) } else { self.run::<S, 2, 6>(simd) }
    }
}

impl Task<'_, '_> {
    #[inline(always)]
    fn run<S: Simd, const VECTORS: usize, const COLUMNS: usize>(self, simd: S) {
        let Self { sums, rows, memory: [weights, columns, tile_sums], output } = self;
        let tiles = sums.columns.len().div_ceil(COLUMNS);
        let columns = columns.at_least(tiles * sums.taps.len() * COLUMNS);
        let copies = columns.chunks_exact_mut(sums.taps.len() * COLUMNS);
        for (columns, copy) in sums.columns.chunks(COLUMNS).zip(copies) {
            copy_columns::<COLUMNS>(sums.input, columns, sums.taps, copy);
        }
        let weights = weights.at_least(TERMS * VECTORS * S::F32_LANES);
        let tile_sums = tile_sums.at_least(tiles * COLUMNS * VECTORS * S::F32_LANES);
        for row in rows.clone().step_by(VECTORS * S::F32_LANES) {
            let strip = Strip { sums, rows: row..rows.end.min(row + VECTORS * S::F32_LANES), output };
            match strip.rows.len().div_ceil(S::F32_LANES) {
                1 => strip.compute::<S, 1, COLUMNS>(simd, columns, weights, tile_sums),
                2 => strip.compute::<S, 2, COLUMNS>(simd, columns, weights, tile_sums),
                _ => strip.compute::<S, VECTORS, COLUMNS>(simd, columns, weights, tile_sums),
            }
        }
    }
}

/// Copies what `taps` see of some columns to `[taps][COLUMNS]`; what is beyond the last column is left.
#[inline(always)]
fn copy_columns<const COLUMNS: usize>(input: &[f32], columns: &[Column], taps: &[Tap], copy: &mut [f32]) {
    let first = columns[0].input;
    let neighbours = columns.len() == COLUMNS && (0..COLUMNS).all(|j| columns[j].input == first + j);
    for (tap, copy) in taps.iter().zip(copy.as_chunks_mut::<COLUMNS>().0) {
        let seen = &input[tap.input..];
        if neighbours {
            *copy = *seen[first..].first_chunk().expect("the bounds have been checked");
        } else {
            for (copy, column) in copy.iter_mut().zip(columns) {
                *copy = seen[column.input];
            }
        }
    }
}

/// The rows of one tile, with all columns.
struct Strip<'a> {
    sums: &'a WeightedSums<'a>,
    rows: Range<usize>,
    output: &'a Apart<'a>,
}

impl Strip<'_> {
    /// `columns` holds all columns, `[tiles][taps][COLUMNS]`; `weights` has room for those of [`TERMS`] terms, `sums` for
    /// those of all tiles, `[tiles][COLUMNS][width]`.
    #[inline(always)]
    fn compute<S: Simd, const VECTORS: usize, const COLUMNS: usize>(
        self,
        simd: S,
        columns: &[f32],
        weights: &mut [f32],
        sums: &mut [f32],
    ) {
        let width = VECTORS * S::F32_LANES;
        let tile = COLUMNS * width;
        let taps = self.sums.taps;
        self.start(sums, width);
        for first in (0..taps.len()).step_by(TERMS) {
            let terms = first..taps.len().min(first + TERMS);
            let copy = &mut weights[..terms.len() * width];
            self.sums.copy_weights(&self.rows, &taps[terms.clone()], copy, width);
            let next = &taps[terms.end..taps.len().min(terms.end + TERMS)];
            let tiles = sums.chunks_exact_mut(tile);
            let columns = columns.chunks_exact(taps.len() * COLUMNS);
            let parts = columns.len();
            for (part, (sums, columns)) in tiles.zip(columns).enumerate() {
                self.fetch_ahead(next, part, parts);
                let sums = S::as_mut_simd_f32s(sums).0.as_chunks_mut::<VECTORS>().0;
                let sums: &mut [_; COLUMNS] = sums.first_chunk_mut().expect("a tile");
                let mut tile = *sums;
                add_products::<S, COLUMNS, VECTORS>(
                    simd,
                    &columns[terms.start * COLUMNS..terms.end * COLUMNS],
                    copy,
                    &mut tile,
                );
                *sums = tile;
            }
        }
        self.finish(sums, width);
    }

    /// What the chains start from.
    fn start(&self, sums: &mut [f32], width: usize) {
        for (column, sums) in self.sums.columns.iter().zip(sums.chunks_exact_mut(width)) {
            match self.sums.start {
                Start::Zero => sums.fill(0.0),
                Start::Bias(bias) => sums[..self.rows.len()].copy_from_slice(&bias[self.rows.clone()]),
                Start::Output | Start::OutputCopied(_) => {
                    for (sum, row) in sums.iter_mut().zip(self.rows.clone()) {
                        *sum = *self.element(row, column);
                    }
                }
            }
        }
    }

    fn finish(&self, sums: &[f32], width: usize) {
        for (index, row) in self.rows.clone().enumerate() {
            for (column, sums) in self.sums.columns.iter().zip(sums.chunks_exact(width)) {
                *self.element(row, column) = sums[index];
            }
        }
    }

    #[expect(clippy::mut_from_ref, reason = "the rows are of this task alone")]
    #[inline(always)]
    fn element(&self, row: usize, column: &Column) -> &mut f32 {
        // SAFETY: the rows are of this task alone, and its elements are held one at a time.
        unsafe { &mut self.output.part(row * self.sums.output_row + column.output, 1)[0] }
    }

    /// Calls for part `part` of `parts` of the weights of `taps`, which are wanted soon.
    #[inline(always)]
    fn fetch_ahead(&self, taps: &[Tap], part: usize, parts: usize) {
        let Self { sums, rows, .. } = self;
        let neighbours = if sums.weight_row == 1 { rows.len() } else { taps.len() };
        let lines_each = neighbours.div_ceil(LINE);
        let lines = lines_each * if sums.weight_row == 1 { taps.len() } else { rows.len() };
        for line in lines * part / parts..lines * (part + 1) / parts {
            let (index, place) = (line / lines_each, line % lines_each * LINE);
            let (row, tap) = if sums.weight_row == 1 { (place, index) } else { (index, place) };
            fetch_ahead(sums.weights, (rows.start + row) * sums.weight_row + taps[tap].weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::weighted_sum::Rounds;
    use super::super::weighted_sum::tests::expect_bytes_of_definition;
    use super::*;
    use crate::op::gradient_check::Random;

    #[test]
    fn weights_in_any_order_give_the_bytes_of_the_definition() {
        let mut random = Random::new(5);
        for case in 0..36 {
            let (rows, count) = (random.int(2 * ROW_STEP..=7 * ROW_STEP + 3), [9, 17, 25, 36, 49][case % 5]);
            let (taps, gap) = (random.int(1..=2 * TERMS + 9), random.int(0..=1));
            // With a gap, columns are neighbours only within each seven of them.
            let columns: Vec<Column> = (0..count)
                .map(|index| Column { input: index + gap * (index / 7), output: index * (gap + 1) })
                .collect();
            let (weight_row, step) = [(taps + 2, 1), (1, rows), (2 * taps, 2), (9, 9 * rows)][case % 4];
            let taps: Vec<Tap> =
                (0..taps).map(|tap| Tap { input: tap * 3, weight: 1 + tap * step }).collect();
            let mut values = |count: usize| -> Vec<f32> {
                random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect()
            };
            let input = values(2 * count + 3 * taps.len());
            let weights = values(2 + rows * weight_row + taps.len() * step);
            let output_row = 2 * count;
            let (bias, before) = (values(rows), values(rows * output_row));
            let sums = WeightedSums {
                input: &input,
                weights: &weights,
                start: [Start::Zero, Start::Bias(&bias), Start::Output][case % 3],
                taps: &taps,
                rounds: Rounds::ONE,
                columns: &columns,
                rows,
                weight_row,
                output_row,
                lanes: 1,
            };
            assert!(suits(&sums));
            expect_bytes_of_definition(&sums, &before, compute);
        }
    }
}

//! [`WeightedSums`] of one large image: the same chains of multiply-adds, but weights and inputs are first copied to
//! where the registers and caches want them.
//!
//! Columns lie in the SIMD lanes. A block of them is copied together with a part of the taps, small enough for the
//! second-level cache; then each few rows of weights, small enough for the first, meet all of its columns.
//! A part of the taps goes on from the sums that the part before has left in the output, so no chain is broken.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::apart::Apart;
use super::register_tile::add_products;
use super::weighted_sum::{Column, Start, Tap, WeightedSums, load, store};

/// Taps that are copied at once.
const TAPS: usize = 256;

/// About so many columns are copied at once: with as many taps they fill half of a second-level cache of 512 KiB.
const COLUMNS_AT_ONCE: usize = 240;

/// Rows are divided among the threads in multiples of this, which all register tiles divide.
const ROW_STEP: usize = 24;

/// Register vectors side by side in a tile of the widest machine, times their floats.
const MOST_COLUMNS: usize = 48;

/// Whether the sums are many enough, and lie apart.
pub(super) fn suits(sums: &WeightedSums<'_>) -> bool {
    sums.lanes == 1
        && sums.rows >= 4
        && sums.columns.len() >= 16
        && !sums.taps.is_empty()
        && sums.columns.windows(2).all(|pair| pair[0].output < pair[1].output)
        && sums.columns.last().is_some_and(|last| last.output < sums.output_row)
}

/// Computes sums that [`suits`] has seen, dividing the work among the threads.
///
/// # Panics
/// If a table points outside its array.
pub(super) fn compute(sums: &WeightedSums<'_>, output: &mut [f32]) {
    sums.check_bounds(output);
    let output = Apart::new(output);
    let tasks = tasks(sums);
    let run = |buffers: &mut Buffers, (rows, columns)| {
        super::architecture().dispatch(Task { sums, rows, columns, buffers, output: &output });
    };
    // Sums that are worth copying for are worth dividing.
    tasks.into_par_iter().for_each_init(Buffers::default, run);
}

/// Ranges of rows and of columns: every element of the output is in exactly one pair.
fn tasks(sums: &WeightedSums<'_>) -> Vec<(Range<usize>, Range<usize>)> {
    let count = sums.columns.len();
    let columns_each = count.div_ceil(count.div_ceil(COLUMNS_AT_ONCE)).next_multiple_of(MOST_COLUMNS);
    let column_blocks = count.div_ceil(columns_each);
    let row_blocks = (4 * rayon::current_num_threads()).div_ceil(column_blocks);
    let rows_each = sums.rows.div_ceil(row_blocks).next_multiple_of(ROW_STEP);
    let mut tasks = Vec::new();
    for column in (0..count).step_by(columns_each) {
        for row in (0..sums.rows).step_by(rows_each) {
            tasks.push((row..sums.rows.min(row + rows_each), column..count.min(column + columns_each)));
        }
    }
    tasks
}

/// Copies of weights and inputs.
#[derive(Default)]
struct Buffers {
    /// `[terms][rows of a tile]`.
    rows: Vec<f32>,
    /// `[tiles][terms][columns of a tile]`.
    columns: Vec<f32>,
}

struct Task<'a, 'b> {
    sums: &'a WeightedSums<'a>,
    rows: Range<usize>,
    columns: Range<usize>,
    buffers: &'b mut Buffers,
    output: &'a Apart<'a>,
}

impl WithSimd for Task<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.run::<S, 8, 3>(simd) } else { self.run::<S, 6, 2>(simd) }
    }
}

impl Task<'_, '_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const COLUMNS: usize>(self, simd: S) {
        let Self { sums, rows, columns, buffers, output } = self;
        let width = COLUMNS * S::F32_LANES;
        let columns = &sums.columns[columns];
        buffers.rows.resize(TAPS * ROWS, 0.0);
        buffers.columns.resize(columns.len().next_multiple_of(width) * TAPS, 0.0);
        for (part, taps) in sums.taps.chunks(TAPS).enumerate() {
            for (tile, copy) in
                columns.chunks(width).zip(buffers.columns.chunks_exact_mut(taps.len() * width))
            {
                copy_columns(sums.input, tile, taps, copy, width);
            }
            for row in rows.clone().step_by(ROWS) {
                let valid = ROWS.min(rows.end - row);
                let copy = &mut buffers.rows[..taps.len() * ROWS];
                copy_rows::<ROWS>(sums, row..row + valid, taps, copy);
                let copies = buffers.columns.chunks_exact(taps.len() * width);
                for (tile, columns) in columns.chunks(width).zip(copies) {
                    let place = Place { sums, row, valid, tile, output };
                    let mut tile = [[simd.splat_f32s(0.0); COLUMNS]; ROWS];
                    place.start::<S, ROWS, COLUMNS>(simd, part > 0, &mut tile);
                    add_products::<S, ROWS, COLUMNS>(simd, copy, columns, &mut tile);
                    place.store::<S, ROWS, COLUMNS>(&tile);
                }
            }
        }
    }
}

/// Copies what `taps` see of the columns of a tile to `[taps][width]`; what is beyond the last column is left.
#[inline(always)]
fn copy_columns(input: &[f32], tile: &[Column], taps: &[Tap], copy: &mut [f32], width: usize) {
    let first = tile[0].input;
    if tile.len() == width && tile.iter().enumerate().all(|(index, column)| column.input == first + index) {
        for (tap, copy) in taps.iter().zip(copy.chunks_exact_mut(width)) {
            copy.copy_from_slice(&input[first + tap.input..][..width]);
        }
    } else {
        for (tap, copy) in taps.iter().zip(copy.chunks_exact_mut(width)) {
            for (value, column) in copy.iter_mut().zip(tile) {
                *value = input[column.input + tap.input];
            }
        }
    }
}

/// Copies the weights of `rows`, at most `ROWS`, to `[taps][ROWS]`.
#[inline(always)]
fn copy_rows<const ROWS: usize>(sums: &WeightedSums<'_>, rows: Range<usize>, taps: &[Tap], copy: &mut [f32]) {
    let copy = copy.as_chunks_mut::<ROWS>().0;
    let first = taps[0].weight;
    if rows.len() == ROWS && taps.iter().enumerate().all(|(index, tap)| tap.weight == first + index) {
        // The weights of a row are neighbours: all rows are read at once, and what is written are whole rows.
        let weights: [&[f32]; ROWS] = std::array::from_fn(|index| {
            &sums.weights[(rows.start + index) * sums.weight_row + first..][..taps.len()]
        });
        for (tap, copy) in copy.iter_mut().enumerate() {
            for (copy, weights) in copy.iter_mut().zip(&weights) {
                *copy = weights[tap];
            }
        }
        return;
    }
    for (index, row) in rows.enumerate() {
        let weights = &sums.weights[row * sums.weight_row..];
        for (tap, copy) in taps.iter().zip(&mut *copy) {
            copy[index] = weights[tap.weight];
        }
    }
}

/// Where a tile of sums lies in the output.
struct Place<'a> {
    sums: &'a WeightedSums<'a>,
    row: usize,
    /// Rows that there are.
    valid: usize,
    tile: &'a [Column],
    output: &'a Apart<'a>,
}

impl Place<'_> {
    /// Sets `tile` to what the chains start from, or with `further` to what they have come to.
    #[inline(always)]
    fn start<S: Simd, const ROWS: usize, const COLUMNS: usize>(
        &self,
        simd: S,
        further: bool,
        tile: &mut [[S::f32s; COLUMNS]; ROWS],
    ) {
        match self.sums.start {
            Start::Bias(bias) if !further => {
                for i in 0..self.valid {
                    tile[i] = [simd.splat_f32s(bias[self.row + i]); COLUMNS];
                }
            }
            Start::Zero if !further => {}
            _ => {
                for i in 0..self.valid {
                    self.load::<S, COLUMNS>(i, &mut tile[i]);
                }
            }
        }
    }

    #[inline(always)]
    fn load<S: Simd, const COLUMNS: usize>(&self, i: usize, values: &mut [S::f32s; COLUMNS]) {
        let mut floats = [0.0_f32; MOST_COLUMNS];
        if let Some(row) = self.contiguous::<S, COLUMNS>(i) {
            *values = S::as_simd_f32s(row).0.as_chunks::<COLUMNS>().0[0];
            return;
        }
        for (value, column) in floats.iter_mut().zip(self.tile) {
            *value = *self.element(i, column);
        }
        for j in 0..COLUMNS {
            values[j] = load::<S>(&floats[j * S::F32_LANES..]);
        }
    }

    #[inline(always)]
    fn store<S: Simd, const ROWS: usize, const COLUMNS: usize>(&self, tile: &[[S::f32s; COLUMNS]; ROWS]) {
        for i in 0..self.valid {
            if let Some(row) = self.contiguous::<S, COLUMNS>(i) {
                S::as_mut_simd_f32s(row).0.as_chunks_mut::<COLUMNS>().0[0] = tile[i];
                continue;
            }
            let mut floats = [0.0_f32; MOST_COLUMNS];
            for j in 0..COLUMNS {
                store::<S>(&mut floats[j * S::F32_LANES..], tile[i][j]);
            }
            for (value, column) in floats.iter().zip(self.tile) {
                *self.element(i, column) = *value;
            }
        }
    }

    /// The elements of a row, if the tile is whole and they are neighbours in the output.
    #[expect(clippy::mut_from_ref, reason = "the tile is of this task alone")]
    #[inline(always)]
    fn contiguous<S: Simd, const COLUMNS: usize>(&self, i: usize) -> Option<&mut [f32]> {
        let width = COLUMNS * S::F32_LANES;
        let first = self.tile[0].output;
        // Outputs ascend, see `suits`.
        let contiguous = self.tile.len() == width && self.tile[width - 1].output - first == width - 1;
        // SAFETY: the tile is of this task alone, and its elements are held one row at a time.
        contiguous.then(|| unsafe { self.output.part((self.row + i) * self.sums.output_row + first, width) })
    }

    #[expect(clippy::mut_from_ref, reason = "the tile is of this task alone")]
    #[inline(always)]
    fn element(&self, i: usize, column: &Column) -> &mut f32 {
        let place = (self.row + i) * self.sums.output_row + column.output;
        // SAFETY: the tile is of this task alone, and its elements are held one at a time.
        unsafe { &mut self.output.part(place, 1)[0] }
    }
}

#[cfg(test)]
mod tests {
    use super::super::on_every_instruction_set;
    use super::super::weighted_sum::Rounds;
    use super::super::weighted_sum::tests::{bits, reference};
    use super::*;
    use crate::op::gradient_check::Random;

    #[test]
    fn many_taps_and_scattered_columns_give_the_bytes_of_the_definition() {
        let mut random = Random::new(3);
        for case in 0..24 {
            let (rows, count) = (random.int(4..=30), random.int(16..=300));
            let (taps, stride) = (random.int(1..=2 * TAPS + 9), random.int(1..=2));
            let gap = random.int(0..=1);
            // With a gap, columns are neighbours only within each ten of them.
            let columns: Vec<Column> = (0..count)
                .map(|index| Column { input: index * stride, output: index + gap * (index / 10) })
                .collect();
            let weight_row = taps + 2;
            let taps: Vec<Tap> =
                (0..taps).map(|tap| Tap { input: tap * 3, weight: weight_row - 1 - tap }).collect();
            let mut values = |count: usize| -> Vec<f32> {
                random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect()
            };
            let input = values(count * stride + 3 * taps.len());
            let weights = values(rows * weight_row);
            let output_row = columns.last().map_or(0, |last| last.output) + 1;
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
            let mut expected = before.clone();
            reference(&sums, &mut expected);
            for got in on_every_instruction_set(|| {
                let mut output = before.clone();
                compute(&sums, &mut output);
                output
            }) {
                assert_eq!(bits(&got), bits(&expected), "{rows} rows, {count} columns, {} taps", taps.len());
            }
        }
    }
}

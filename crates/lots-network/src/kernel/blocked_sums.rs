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
use super::thread_memory::{Memories, with_memory};
use super::turned_rows::GROUP;
use super::weighted_sum::{Column, Start, Tap, WeightedSums, load, store};

/// Taps that are copied at once.
const TAPS: usize = 256;

/// About so many columns are copied at once: with as many taps they fill half of a second-level cache of 512 KiB.
const COLUMNS_AT_ONCE: usize = 240;

/// Rows are divided among the threads in multiples of this, which all register tiles divide.
const ROW_STEP: usize = 24;

/// Register vectors side by side in a tile of the widest machine, times their floats.
const MOST_COLUMNS: usize = 48;

/// So many rows that are left over make a tile of their own.
const FEW_ROWS: usize = 4;

/// Neighbouring columns are copied so many at a time, the last ones with what lies behind them.
const COPIED: usize = 16;

/// Whether the sums are many enough, and lie apart.
pub(super) fn suits(sums: &WeightedSums<'_>) -> bool {
    sums.lanes == 1
        && sums.rows >= 3
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
    // Sums that are worth copying for are worth dividing.
    tasks.into_par_iter().for_each(|(rows, columns)| {
        with_memory(|memory| {
            super::architecture().dispatch(Task { sums, rows, columns, memory, output: &output });
        });
    });
}

/// Ranges of rows and of columns: every element of the output is in exactly one pair.
fn tasks(sums: &WeightedSums<'_>) -> Vec<(Range<usize>, Range<usize>)> {
    let count = sums.columns.len();
    let (column_blocks, tiles) = (count.div_ceil(COLUMNS_AT_ONCE), count.div_ceil(MOST_COLUMNS));
    let first_column = |block: usize| count.min(block * tiles / column_blocks * MOST_COLUMNS);
    // Each part of the rows copies the columns anew.
    let row_blocks = (2 * rayon::current_num_threads()).div_ceil(column_blocks);
    let rows_each = sums.rows.div_ceil(row_blocks).next_multiple_of(ROW_STEP);
    let mut tasks = Vec::new();
    for block in 0..column_blocks {
        let columns = first_column(block)..first_column(block + 1);
        for row in (0..sums.rows).step_by(rows_each) {
            tasks.push((row..sums.rows.min(row + rows_each), columns.clone()));
        }
    }
    tasks
}

/// Columns that are neighbours in the input, within one tile.
struct Run {
    /// The first one's place in the tile, and in the input.
    column: usize,
    input: usize,
    count: usize,
}

/// Columns that meet each few rows together.
#[derive(Clone)]
struct Tile<'a> {
    columns: &'a [Column],
    /// Registers side by side.
    vectors: usize,
    /// Places for columns, [`Self::columns`] or more.
    width: usize,
    /// Among those of all tiles.
    runs: Range<usize>,
}

impl<'a> Tile<'a> {
    /// As many tiles of `most` registers as there are, then one of what is left; and the runs of all of them.
    fn all(columns: &'a [Column], lanes: usize, most: usize) -> (Vec<Self>, Vec<Run>) {
        let mut tiles = Vec::with_capacity(columns.len() / (lanes * most) + 2);
        let mut rest = columns;
        let mut runs: Vec<Run> = Vec::new();
        while !rest.is_empty() {
            let vectors = rest.len().div_ceil(lanes).min(most);
            let width = vectors * lanes;
            let (columns, behind) = rest.split_at(width.min(rest.len()));
            let first_run = runs.len();
            for (index, column) in columns.iter().enumerate() {
                match runs[first_run..].last_mut() {
                    Some(run) if run.input + run.count == column.input => run.count += 1,
                    _ => runs.push(Run { column: index, input: column.input, count: 1 }),
                }
            }
            tiles.push(Self { columns, vectors, width, runs: first_run..runs.len() });
            rest = behind;
        }
        (tiles, runs)
    }
}

struct Task<'a, 'b> {
    sums: &'a WeightedSums<'a>,
    rows: Range<usize>,
    columns: Range<usize>,
    memory: &'b mut Memories,
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
        let Self { sums, rows, columns, memory: [row_copy, column_copy, _], output } = self;
        let (tiles, runs) = Tile::all(&sums.columns[columns], S::F32_LANES, COLUMNS);
        let places: usize = tiles.iter().map(|tile| tile.width).sum();
        let row_copy = row_copy.at_least(TAPS * ROWS + GROUP);
        let column_copy = column_copy.at_least(places * TAPS + COPIED);
        for (part, taps) in sums.taps.chunks(TAPS).enumerate() {
            let mut copy = &mut *column_copy;
            for tile in &tiles {
                copy_columns(sums.input, &runs[tile.runs.clone()], taps, copy, tile.width);
                copy = &mut copy[taps.len() * tile.width..];
            }
            for row in rows.clone().step_by(ROWS) {
                let valid = ROWS.min(rows.end - row);
                let place = Place { sums, row, valid, further: part > 0, output };
                if valid <= FEW_ROWS {
                    place.sweep::<S, FEW_ROWS, COLUMNS>(simd, taps, &tiles, row_copy, column_copy);
                } else {
                    place.sweep::<S, ROWS, COLUMNS>(simd, taps, &tiles, row_copy, column_copy);
                }
            }
        }
    }
}

/// Copies what `taps` see of the columns of a tile to `[taps][width]`; what is beyond the last column is left. Behind
/// that, `copy` has room for [`COPIED`] more.
#[inline(always)]
fn copy_columns(input: &[f32], runs: &[Run], taps: &[Tap], copy: &mut [f32], width: usize) {
    for (index, tap) in taps.iter().enumerate() {
        let (seen, copy) = (&input[tap.input..], &mut copy[index * width..]);
        for run in runs {
            let (from, to) = (&seen[run.input..], &mut copy[run.column..]);
            let whole = run.count.next_multiple_of(COPIED);
            if from.len() >= whole && to.len() >= whole {
                // What is written too much is written anew later: places are filled in their order.
                let chunks = from.as_chunks::<COPIED>().0.iter().zip(to.as_chunks_mut::<COPIED>().0);
                chunks.take(whole / COPIED).for_each(|(from, to)| *to = *from);
            } else {
                to[..run.count].copy_from_slice(&from[..run.count]);
            }
        }
    }
}

/// Where the tiles of a few rows lie in the output.
#[derive(Clone, Copy)]
struct Place<'a> {
    sums: &'a WeightedSums<'a>,
    row: usize,
    /// Rows that there are.
    valid: usize,
    /// Whether the chains have begun.
    further: bool,
    output: &'a Apart<'a>,
}

impl Place<'_> {
    /// Adds to the sums of all tiles. The rows are copied to the first of `copies`, the columns are in the second.
    #[inline(always)]
    fn sweep<S: Simd, const ROWS: usize, const COLUMNS: usize>(
        &self,
        simd: S,
        taps: &[Tap],
        tiles: &[Tile<'_>],
        rows: &mut [f32],
        mut columns: &[f32],
    ) {
        self.sums.copy_weights(&(self.row..self.row + self.valid), taps, rows, ROWS);
        let rows = &rows[..taps.len() * ROWS];
        for tile in tiles {
            let (copy, behind) = columns.split_at(taps.len() * tile.width);
            match tile.vectors {
                1 => self.add::<S, ROWS, 1>(simd, tile.columns, rows, copy),
                2 => self.add::<S, ROWS, 2>(simd, tile.columns, rows, copy),
                _ => self.add::<S, ROWS, COLUMNS>(simd, tile.columns, rows, copy),
            }
            columns = behind;
        }
    }

    #[inline(always)]
    fn add<S: Simd, const ROWS: usize, const COLUMNS: usize>(
        &self,
        simd: S,
        tile: &[Column],
        rows: &[f32],
        columns: &[f32],
    ) {
        let mut sums = [[simd.splat_f32s(0.0); COLUMNS]; ROWS];
        self.start::<S, ROWS, COLUMNS>(simd, tile, &mut sums);
        add_products::<S, ROWS, COLUMNS>(simd, rows, columns, &mut sums);
        self.store::<S, ROWS, COLUMNS>(tile, &sums);
    }

    /// Sets `sums` to what the chains start from, or to what they have come to.
    #[inline(always)]
    fn start<S: Simd, const ROWS: usize, const COLUMNS: usize>(
        &self,
        simd: S,
        tile: &[Column],
        sums: &mut [[S::f32s; COLUMNS]; ROWS],
    ) {
        match self.sums.start {
            Start::Bias(bias) if !self.further => {
                for i in 0..self.valid {
                    sums[i] = [simd.splat_f32s(bias[self.row + i]); COLUMNS];
                }
            }
            Start::Zero if !self.further => {}
            _ => {
                for i in 0..self.valid {
                    self.load::<S, COLUMNS>(tile, i, &mut sums[i]);
                }
            }
        }
    }

    #[inline(always)]
    fn load<S: Simd, const COLUMNS: usize>(
        &self,
        tile: &[Column],
        i: usize,
        values: &mut [S::f32s; COLUMNS],
    ) {
        let mut floats = [0.0_f32; MOST_COLUMNS];
        if let Some(row) = self.contiguous::<S, COLUMNS>(tile, i) {
            *values = S::as_simd_f32s(row).0.as_chunks::<COLUMNS>().0[0];
            return;
        }
        for (value, column) in floats.iter_mut().zip(tile) {
            *value = *self.element(i, column);
        }
        for j in 0..COLUMNS {
            values[j] = load::<S>(&floats[j * S::F32_LANES..]);
        }
    }

    #[inline(always)]
    fn store<S: Simd, const ROWS: usize, const COLUMNS: usize>(
        &self,
        tile: &[Column],
        sums: &[[S::f32s; COLUMNS]; ROWS],
    ) {
        for i in 0..self.valid {
            if let Some(row) = self.contiguous::<S, COLUMNS>(tile, i) {
                S::as_mut_simd_f32s(row).0.as_chunks_mut::<COLUMNS>().0[0] = sums[i];
                continue;
            }
            let mut floats = [0.0_f32; MOST_COLUMNS];
            for j in 0..COLUMNS {
                store::<S>(&mut floats[j * S::F32_LANES..], sums[i][j]);
            }
            for (value, column) in floats.iter().zip(tile) {
                *self.element(i, column) = *value;
            }
        }
    }

    /// The elements of a row, if the tile is whole and they are neighbours in the output.
    #[expect(clippy::mut_from_ref, reason = "the tile is of this task alone")]
    #[inline(always)]
    fn contiguous<S: Simd, const COLUMNS: usize>(&self, tile: &[Column], i: usize) -> Option<&mut [f32]> {
        let width = COLUMNS * S::F32_LANES;
        let first = tile[0].output;
        // Outputs ascend, see `suits`.
        let contiguous = tile.len() == width && tile[width - 1].output - first == width - 1;
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
    use super::super::weighted_sum::Rounds;
    use super::super::weighted_sum::tests::expect_bytes_of_definition;
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
            expect_bytes_of_definition(&sums, &before, compute);
        }
    }
}

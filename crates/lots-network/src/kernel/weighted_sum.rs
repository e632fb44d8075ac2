//! Weighted sums: `out[row][column] = start + Σ_k weight[row][k] · input[column][k]`, the one loop nest behind
//! convolution, matrix products and their gradients.
//!
//! What differs between them is only where things lie, so the addresses are tables:
//! tap `k` reads input element `columns[column].input + taps[k].input` and weight `taps[k].weight + row · row_step`.
//! A stride, a dilation, the channels of a group, a transposed matrix are all just other tables.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::turned_rows::{self, GROUP};
use super::{blocked_sums, few_columns, matrix_vector};

pub(crate) mod largest;
mod register_blocks;

use register_blocks::{Neighbours, run};

/// One term of the sums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tap {
    /// Element offset in the input, added to the column's.
    pub(crate) input: usize,
    /// Offset in the weights, added to the row's.
    pub(crate) weight: usize,
}

/// How often the taps are walked, and how much further on in input and weights each time: once a channel of the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    pub(crate) count: usize,
    /// Element offset from one round to the next.
    pub(crate) input: usize,
    /// Offset in the weights from one round to the next.
    pub(crate) weight: usize,
}

impl Rounds {
    /// The taps are all there are.
    pub(crate) const ONE: Self = Self { count: 1, input: 0, weight: 0 };

    /// The taps of all rounds in one table.
    pub(crate) fn all(self, taps: &[Tap]) -> Vec<Tap> {
        (0..self.count)
            .flat_map(|round| {
                taps.iter().map(move |tap| Tap {
                    input: tap.input + round * self.input,
                    weight: tap.weight + round * self.weight,
                })
            })
            .collect()
    }
}

/// One column of the result: an output pixel of a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Element offset in the input.
    pub(crate) input: usize,
    /// Element offset in the output, added to the row's.
    pub(crate) output: usize,
}

/// What the chain of multiply-adds starts from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// 0.
    Zero,
    /// One number a row.
    Bias(&'a [f32]),
    /// What the output holds already.
    Output,
    /// Likewise, and this is a copy of the output: so columns of a single image may be computed twice.
    OutputCopied(&'a [f32]),
}

/// The weighted sums of `rows × columns` outputs over `taps`, for `lanes` images side by side.
pub(crate) struct WeightedSums<'a> {
    /// `[elements][lanes]`.
    pub(crate) input: &'a [f32],
    /// Shared by all lanes.
    pub(crate) weights: &'a [f32],
    pub(crate) start: Start<'a>,
    pub(crate) taps: &'a [Tap],
    pub(crate) rounds: Rounds,
    pub(crate) columns: &'a [Column],
    pub(crate) rows: usize,
    /// Distance in `weights` from one row to the next.
    pub(crate) weight_row: usize,
    /// Distance in output elements from one row to the next.
    pub(crate) output_row: usize,
    pub(crate) lanes: usize,
}

/// From so many multiply-adds on, rows are divided among the threads: a large image fills the machine by itself.
pub(super) const WORTH_DIVIDING: usize = 1 << 23;

/// So few rows see too little of a copy of the inputs, and are summed by columns, so many at a time.
const FEW_ROWS: usize = 4;
const COLUMNS_EACH: usize = 1 << 10;

/// From so many multiply-adds on, weights and inputs of a single image are copied to where they are at hand.
const WORTH_COPYING: usize = 1 << 21;

impl WeightedSums<'_> {
    /// Computes the sums into `output`, `[elements][lanes]`.
    ///
    /// # Panics
    /// If a table points outside its array.
    pub(crate) fn compute(&self, output: &mut [f32]) {
        if matrix_vector::suits(self) {
            matrix_vector::compute(self, output);
            return;
        }
        let work = self.rows * self.columns.len() * self.rounds.count * self.taps.len() * self.lanes;
        if self.lanes == 1 && self.rows <= FEW_ROWS && work >= WORTH_COPYING && !self.taps.is_empty() {
            self.compute_by_columns(output);
            return;
        }
        let few_columns = few_columns::suits(self);
        if work >= WORTH_COPYING && (few_columns || blocked_sums::suits(self)) {
            let taps = self.rounds.all(self.taps);
            let sums = WeightedSums { taps: &taps, rounds: Rounds::ONE, ..*self };
            if few_columns {
                few_columns::compute(&sums, output);
            } else {
                blocked_sums::compute(&sums, output);
            }
            return;
        }
        if let (Start::Output, 1) = (self.start, self.lanes) {
            let before = output.to_vec();
            WeightedSums { start: Start::OutputCopied(&before), ..*self }.compute_in_place(work, output);
        } else {
            self.compute_in_place(work, output);
        }
    }

    /// As [`Self::compute`], dividing the columns among the threads: for so few rows nothing is worth copying.
    fn compute_by_columns(&self, output: &mut [f32]) {
        let parts: Vec<Vec<f32>> = (self.columns.par_chunks(COLUMNS_EACH))
            .map(|columns| {
                let rows = (0..self.rows).flat_map(|row| columns.iter().map(move |it| (row, it.output)));
                let before: Vec<f32> = match self.start {
                    Start::Output | Start::OutputCopied(_) => {
                        rows.map(|(row, place)| output[row * self.output_row + place]).collect()
                    }
                    Start::Zero | Start::Bias(_) => vec![0.0; self.rows * columns.len()],
                };
                let start = match self.start {
                    Start::Output | Start::OutputCopied(_) => Start::OutputCopied(&before),
                    start => start,
                };
                let neighbours = columns.iter().enumerate();
                let own: Vec<Column> =
                    neighbours.map(|(index, it)| Column { input: it.input, output: index }).collect();
                let sums = WeightedSums { start, columns: &own, output_row: own.len(), ..*self };
                let mut output = vec![0.0; before.len()];
                super::architecture().dispatch(Run { sums: &sums, output: &mut output });
                output
            })
            .collect();
        for (columns, part) in self.columns.chunks(COLUMNS_EACH).zip(&parts) {
            for (row, part) in part.chunks_exact(columns.len()).enumerate() {
                for (column, &value) in columns.iter().zip(part) {
                    output[row * self.output_row + column.output] = value;
                }
            }
        }
    }

    /// As [`Self::compute`], with weights and inputs where they are.
    fn compute_in_place(&self, work: usize, output: &mut [f32]) {
        let apart = self.columns.iter().all(|column| column.output < self.output_row);
        if work < WORTH_DIVIDING || !apart || self.rows < 2 {
            super::architecture().dispatch(Run { sums: self, output });
            return;
        }
        // A block of registers has some rows; how they are divided changes no sum.
        let rows_each = self.rows.div_ceil(4 * rayon::current_num_threads()).next_multiple_of(10);
        let parts = output.par_chunks_mut(rows_each * self.output_row * self.lanes).enumerate();
        parts.for_each(|(part, output)| {
            let first = part * rows_each;
            let rows = rows_each.min(self.rows.saturating_sub(first));
            let start = match self.start {
                Start::Bias(bias) => Start::Bias(&bias[first.min(bias.len())..]),
                Start::OutputCopied(copy) => {
                    Start::OutputCopied(&copy[first * self.output_row * self.lanes..][..output.len()])
                }
                start => start,
            };
            let weights = &self.weights[(first * self.weight_row).min(self.weights.len())..];
            super::architecture()
                .dispatch(Run { sums: &WeightedSums { weights, start, rows, ..*self }, output });
        });
    }

    /// Copies the weights of `rows` to `[taps][width]`; what is beyond the last row is left. Where `width` is no multiple of
    /// [`GROUP`], `copy` has room for so many more.
    #[inline(always)]
    pub(super) fn copy_weights(&self, rows: &Range<usize>, taps: &[Tap], copy: &mut [f32], width: usize) {
        if self.weight_row == 1 && rows.len() == width {
            // The weights of a tap are neighbours.
            for (tap, copy) in taps.iter().zip(copy.chunks_exact_mut(width)) {
                copy.copy_from_slice(&self.weights[tap.weight + rows.start..][..width]);
            }
            return;
        }
        // Setting out to turn rows takes as long as copying a few weights.
        let runs = || taps.chunk_by(|tap, next| next.weight == tap.weight + 1);
        if turned_rows::are_available() && taps.len() >= 4 * runs().count() {
            let mut term = 0;
            for taps in runs() {
                for group in rows.clone().step_by(GROUP) {
                    let turned: [&[f32]; GROUP] = std::array::from_fn(|index| {
                        let row = (group + index).min(rows.end - 1);
                        &self.weights[row * self.weight_row + taps[0].weight..][..taps.len()]
                    });
                    let copy = &mut copy[term * width + group - rows.start..];
                    turned_rows::copy(&turned, taps.len(), copy, width);
                }
                term += taps.len();
            }
            return;
        }
        for (index, row) in rows.clone().enumerate() {
            let weights = &self.weights[row * self.weight_row..];
            for (tap, copy) in taps.iter().zip(copy.chunks_exact_mut(width)) {
                copy[index] = weights[tap.weight];
            }
        }
    }

    /// Checks every address once, so that the inner loop need not.
    pub(super) fn check_bounds(&self, output: &[f32]) {
        if self.columns.is_empty() || self.rows == 0 {
            return;
        }
        let largest = |offsets: &mut dyn Iterator<Item = usize>| offsets.max().unwrap_or(0);
        let out =
            largest(&mut self.columns.iter().map(|column| column.output)) + (self.rows - 1) * self.output_row;
        assert!((out + 1) * self.lanes <= output.len(), "output table points outside the output");
        match self.start {
            Start::Bias(bias) => assert!(bias.len() >= self.rows, "one bias a row"),
            Start::OutputCopied(copy) => assert_eq!(copy.len(), output.len(), "a copy of the output"),
            Start::Zero | Start::Output => {}
        }
        let (false, Some(further)) = (self.taps.is_empty(), self.rounds.count.checked_sub(1)) else { return };
        let input = largest(&mut self.taps.iter().map(|tap| tap.input))
            + largest(&mut self.columns.iter().map(|column| column.input))
            + further * self.rounds.input;
        assert!((input + 1) * self.lanes <= self.input.len(), "input table points outside the input");
        let weight = largest(&mut self.taps.iter().map(|tap| tap.weight))
            + further * self.rounds.weight
            + (self.rows - 1) * self.weight_row;
        assert!(weight < self.weights.len(), "weight table points outside the weights");
    }
}

struct Run<'a, 'b> {
    sums: &'a WeightedSums<'a>,
    output: &'b mut [f32],
}

impl WithSimd for Run<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let sums = self.sums;
        sums.check_bounds(self.output);
        let Neighbours { whole, single } = if sums.lanes.is_multiple_of(S::F32_LANES) {
            Neighbours { whole: sums.columns.into(), single: Vec::new() }
        } else {
            // One image: neighbouring pixels take the place of the lanes where they lie side by side.
            let overlap = !matches!(sums.start, Start::Output);
            Neighbours::new(sums.columns, S::F32_LANES / sums.lanes, overlap)
        };
        run(simd, sums, &whole, self.output);
        if single.is_empty() {
            return;
        }
        // Rows that are too short for the widest registers may fill the narrower ones.
        #[cfg(target_arch = "x86_64")]
        if let (16, Some(narrower)) = (S::F32_LANES, pulp::x86::V3::try_new()) {
            let sums = &WeightedSums { columns: &single, ..*sums };
            Simd::vectorize(narrower, Run { sums, output: self.output });
            return;
        }
        run(pulp::Scalar, sums, &single, self.output);
    }
}

/// A register's floats from any float address.
///
/// # Safety
/// `S::F32_LANES` floats may be read there.
#[inline(always)]
pub(super) unsafe fn read<S: Simd>(address: *const f32) -> S::f32s {
    // SAFETY: the caller's promise; `S::f32s` is plain floats.
    unsafe { address.cast::<S::f32s>().read_unaligned() }
}

#[inline(always)]
pub(super) fn load<S: Simd>(values: &[f32]) -> S::f32s {
    S::as_simd_f32s(&values[..S::F32_LANES]).0[0]
}

#[inline(always)]
pub(super) fn store<S: Simd>(values: &mut [f32], vector: S::f32s) {
    S::as_mut_simd_f32s(&mut values[..S::F32_LANES]).0[0] = vector;
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::on_every_instruction_set;
    use super::*;
    use crate::op::gradient_check::Random;

    /// The definition: one chain of fused multiply-adds for each output, in the order of the taps.
    pub(in super::super) fn reference(sums: &WeightedSums<'_>, output: &mut [f32]) {
        for row in 0..sums.rows {
            for column in sums.columns {
                for lane in 0..sums.lanes {
                    let address = (column.output + row * sums.output_row) * sums.lanes + lane;
                    let mut sum = match sums.start {
                        Start::Zero => 0.0,
                        Start::Bias(bias) => bias[row],
                        Start::Output | Start::OutputCopied(_) => output[address],
                    };
                    for tap in sums.rounds.all(sums.taps) {
                        let weight = sums.weights[tap.weight + row * sums.weight_row];
                        let input = sums.input[(column.input + tap.input) * sums.lanes + lane];
                        sum = weight.mul_add(input, sum);
                    }
                    output[address] = sum;
                }
            }
        }
    }

    /// `compute` must give the bytes of the definition with every instruction set, from what the output holds `before`.
    pub(in super::super) fn expect_bytes_of_definition(
        sums: &WeightedSums<'_>,
        before: &[f32],
        compute: impl Fn(&WeightedSums<'_>, &mut [f32]) + Sync,
    ) {
        let mut expected = before.to_vec();
        reference(sums, &mut expected);
        for got in on_every_instruction_set(|| {
            let mut output = before.to_vec();
            compute(sums, &mut output);
            output
        }) {
            let (rows, columns, taps) = (sums.rows, sums.columns.len(), sums.taps.len());
            assert_eq!(bits(&got), bits(&expected), "{rows} rows, {columns} columns, {taps} taps");
        }
    }

    pub(in super::super) fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    /// Every instruction set of this machine.
    fn compute_on_each(sums: &WeightedSums<'_>, before: &[f32]) -> Vec<Vec<f32>> {
        let run = |dispatch: &dyn Fn(Run<'_, '_>)| {
            let mut output = before.to_vec();
            dispatch(Run { sums, output: &mut output });
            output
        };
        let mut results = vec![run(&|task| Simd::vectorize(pulp::Scalar, task)), {
            let mut output = before.to_vec();
            sums.compute(&mut output);
            output
        }];
        #[cfg(target_arch = "x86_64")]
        {
            results.extend(pulp::x86::V3::try_new().map(|simd| run(&|task| Simd::vectorize(simd, task))));
            results.extend(pulp::x86::V4::try_new().map(|simd| run(&|task| Simd::vectorize(simd, task))));
        }
        results
    }

    #[test]
    fn every_instruction_set_and_layout_gives_the_bytes_of_the_definition() {
        let mut random = Random::new(11);
        for case in 0..120 {
            let (rows, height, width) = (random.int(1..=19), random.int(1..=3), random.int(1..=45));
            let (stride, reach) = (random.int(1..=2), random.int(1..=4));
            let lanes = [1, 8, 16][case % 3];
            let [high, wide] = [height * stride + reach, width * stride + reach];
            let rounds = Rounds { count: random.int(0..=3), input: high * wide, weight: reach * reach };
            let columns: Vec<Column> = (0..height * width)
                .map(|output| Column {
                    input: output / width * stride * wide + output % width * stride,
                    output,
                })
                .collect();
            let taps: Vec<Tap> = (0..reach * reach)
                .map(|weight| Tap { input: weight / reach * wide + weight % reach, weight })
                .collect();
            let mut values = |count: usize| -> Vec<f32> {
                random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect()
            };
            let input = values(rounds.count * high * wide * lanes);
            let weights = values(rows * rounds.count * taps.len());
            let (bias, before) = (values(rows), values(rows * columns.len() * lanes));
            let starts = [Start::Zero, Start::Bias(&bias), Start::Output, Start::OutputCopied(&before)];
            let start = starts[case % 4];
            let sums = WeightedSums {
                input: &input,
                weights: &weights,
                start,
                taps: &taps,
                rounds,
                columns: &columns,
                rows,
                weight_row: rounds.count * taps.len(),
                output_row: columns.len(),
                lanes,
            };
            let mut expected = before.clone();
            reference(&sums, &mut expected);
            for got in compute_on_each(&sums, &before) {
                assert_eq!(
                    bits(&got),
                    bits(&expected),
                    "{rows} rows, {height}×{width} columns, {lanes} lanes"
                );
            }
        }
    }

    #[test]
    fn work_divided_among_threads_gives_the_same_bytes() {
        // Many rows are divided by rows, few by columns.
        for (rows, tap_count, adds) in [(50, 5, false), (FEW_ROWS, 15, false), (3, 20, true), (1, 60, true)] {
            let count = 40 * 1024;
            // Every 112 columns begin a row of pixels that have a border, and lie apart in the output.
            let column =
                |index: usize| Column { input: index + 2 * (index / 112), output: index + index / 112 };
            let columns: Vec<Column> = (0..count).map(column).collect();
            let taps: Vec<Tap> = (0..tap_count).map(|index| Tap { input: index, weight: index }).collect();
            let output_row = column(count).output;
            let input: Vec<f32> =
                (0..column(count).input + 60).map(|index| (index % 97) as f32 * 0.013 - 0.5).collect();
            let weights: Vec<f32> =
                (0..rows * tap_count).map(|index| (index % 31) as f32 * 0.07 - 1.0).collect();
            let bias: Vec<f32> = (0..rows).map(|index| index as f32).collect();
            let before: Vec<f32> = (0..rows * output_row).map(|index| (index % 89) as f32 * 0.11).collect();
            let sums = WeightedSums {
                input: &input,
                weights: &weights,
                start: if adds { Start::Output } else { Start::Bias(&bias) },
                taps: &taps,
                rounds: Rounds::ONE,
                columns: &columns,
                rows,
                weight_row: tap_count,
                output_row,
                lanes: 1,
            };
            let least = if rows <= FEW_ROWS { WORTH_COPYING } else { WORTH_DIVIDING };
            assert!(rows * count * tap_count >= least, "the case is large enough to be divided");
            let mut expected = before.clone();
            reference(&sums, &mut expected);
            for threads in [1, 2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut got = before.clone();
                pool.install(|| sums.compute(&mut got));
                assert_eq!(bits(&got), bits(&expected), "{rows} rows, {threads} threads");
            }
        }
    }
}

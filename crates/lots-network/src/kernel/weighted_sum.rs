//! Weighted sums: `out[row][column] = start + Σ_k weight[row][k] · input[column][k]`, the one loop nest behind
//! convolution, matrix products and their gradients.
//!
//! What differs between them is only where things lie, so the addresses are tables:
//! tap `k` reads input element `columns[column].input + taps[k].input` and weight `taps[k].weight + row · row_step`.
//! A stride, a dilation, the channels of a group, a transposed matrix are all just other tables.

use pulp::{Simd, WithSimd};

/// One term of the sums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tap {
    /// Element offset in the input, added to the column's.
    pub(crate) input: usize,
    /// Offset in the weights, added to the row's.
    pub(crate) weight: usize,
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
}

/// The weighted sums of `rows × columns` outputs over `taps`, for `lanes` images side by side.
pub(crate) struct WeightedSums<'a> {
    /// `[elements][lanes]`.
    pub(crate) input: &'a [f32],
    /// Shared by all lanes.
    pub(crate) weights: &'a [f32],
    pub(crate) start: Start<'a>,
    pub(crate) taps: &'a [Tap],
    pub(crate) columns: &'a [Column],
    pub(crate) rows: usize,
    /// Distance in `weights` from one row to the next.
    pub(crate) weight_row: usize,
    /// Distance in output elements from one row to the next.
    pub(crate) output_row: usize,
    pub(crate) lanes: usize,
}

impl WeightedSums<'_> {
    /// Computes the sums into `output`, `[elements][lanes]`.
    ///
    /// # Panics
    /// If a table points outside its array.
    pub(crate) fn compute(&self, output: &mut [f32]) {
        super::architecture().dispatch(Run { sums: self, output });
    }

    /// Checks every address once, so that the inner loop need not.
    fn check_bounds(&self, output: &[f32]) {
        let (Some(_), Some(_), true) = (self.taps.first(), self.columns.first(), self.rows > 0) else {
            return;
        };
        let largest = |offsets: &mut dyn Iterator<Item = usize>| offsets.max().unwrap_or(0);
        let input = largest(&mut self.taps.iter().map(|tap| tap.input))
            + largest(&mut self.columns.iter().map(|column| column.input));
        assert!((input + 1) * self.lanes <= self.input.len(), "input table points outside the input");
        let weight = largest(&mut self.taps.iter().map(|tap| tap.weight)) + (self.rows - 1) * self.weight_row;
        assert!(weight < self.weights.len(), "weight table points outside the weights");
        let out =
            largest(&mut self.columns.iter().map(|column| column.output)) + (self.rows - 1) * self.output_row;
        assert!((out + 1) * self.lanes <= output.len(), "output table points outside the output");
        if let Start::Bias(bias) = self.start {
            assert!(bias.len() >= self.rows, "one bias a row");
        }
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
        self.sums.check_bounds(self.output);
        if self.sums.lanes.is_multiple_of(S::F32_LANES) {
            run(simd, self.sums, self.output);
        } else {
            run(pulp::Scalar, self.sums, self.output);
        }
    }
}

/// Chooses register blocks: rows × columns accumulators, one load a row and one a column for each tap.
#[inline(always)]
fn run<S: Simd>(simd: S, sums: &WeightedSums<'_>, output: &mut [f32]) {
    let many_registers = S::REGISTER_COUNT >= 32;
    if sums.columns.len() == 1 {
        if many_registers {
            sweep::<S, 16, 1>(simd, sums, output);
        } else {
            sweep::<S, 8, 1>(simd, sums, output);
        }
    } else if many_registers {
        sweep::<S, 4, 6>(simd, sums, output);
    } else {
        sweep::<S, 3, 4>(simd, sums, output);
    }
}

#[inline(always)]
fn sweep<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    sums: &WeightedSums<'_>,
    output: &mut [f32],
) {
    let mut row = 0;
    while row < sums.rows {
        let rows_left = sums.rows - row;
        let mut column = 0;
        while column < sums.columns.len() {
            let columns_left = sums.columns.len() - column;
            match (rows_left >= ROWS, columns_left >= COLUMNS) {
                (true, true) => block::<S, ROWS, COLUMNS>(simd, sums, row, column, output),
                (true, false) => edge::<S, ROWS, 1>(simd, sums, [row, 1, column, columns_left], output),
                (false, true) => edge::<S, 1, COLUMNS>(simd, sums, [row, rows_left, column, 1], output),
                (false, false) => edge::<S, 1, 1>(simd, sums, [row, rows_left, column, columns_left], output),
            }
            column += COLUMNS;
        }
        row += ROWS;
    }
}

/// What is left over at the border of the full blocks.
#[inline(always)]
fn edge<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    sums: &WeightedSums<'_>,
    [row, rows, column, columns]: [usize; 4],
    output: &mut [f32],
) {
    for row in row..row + rows {
        for column in column..column + columns {
            block::<S, ROWS, COLUMNS>(simd, sums, row, column, output);
        }
    }
}

#[inline(always)]
fn block<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    sums: &WeightedSums<'_>,
    row: usize,
    column: usize,
    output: &mut [f32],
) {
    let lanes = sums.lanes;
    let columns: [Column; COLUMNS] = std::array::from_fn(|j| sums.columns[column + j]);
    for part in (0..lanes).step_by(S::F32_LANES) {
        let inputs: [*const f32; COLUMNS] =
            std::array::from_fn(|j| sums.input.as_ptr().wrapping_add(columns[j].input * lanes + part));
        let weights: [*const f32; ROWS] =
            std::array::from_fn(|i| sums.weights.as_ptr().wrapping_add((row + i) * sums.weight_row));
        let address = |i: usize, j: usize| (columns[j].output + (row + i) * sums.output_row) * lanes + part;

        let mut sum: [[S::f32s; COLUMNS]; ROWS] = std::array::from_fn(|i| {
            std::array::from_fn(|j| match sums.start {
                Start::Zero => simd.splat_f32s(0.0),
                Start::Bias(bias) => simd.splat_f32s(bias[row + i]),
                Start::Output => load::<S>(&output[address(i, j)..]),
            })
        });
        for tap in sums.taps {
            // SAFETY: `check_bounds` has verified that the largest tap, column and row stay inside both arrays, and
            // `S::f32s` is plain floats of size `F32_LANES`, which may be read from any float address.
            unsafe {
                let input: [S::f32s; COLUMNS] = std::array::from_fn(|j| {
                    inputs[j].add(tap.input * lanes).cast::<S::f32s>().read_unaligned()
                });
                for i in 0..ROWS {
                    let weight = simd.splat_f32s(*weights[i].add(tap.weight));
                    for j in 0..COLUMNS {
                        sum[i][j] = simd.mul_add_f32s(weight, input[j], sum[i][j]);
                    }
                }
            }
        }
        for i in 0..ROWS {
            for j in 0..COLUMNS {
                store::<S>(&mut output[address(i, j)..], sum[i][j]);
            }
        }
    }
}

#[inline(always)]
pub(super) fn load<S: Simd>(values: &[f32]) -> S::f32s {
    S::as_simd_f32s(&values[..S::F32_LANES]).0[0]
}

#[inline(always)]
pub(super) fn store<S: Simd>(values: &mut [f32], vector: S::f32s) {
    S::as_mut_simd_f32s(&mut values[..S::F32_LANES]).0[0] = vector;
}

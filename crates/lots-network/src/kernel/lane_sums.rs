//! Sums over columns *and* lanes: `out[row][k] += Σ_column Σ_lane cotangent[row][column] · input[column][k]`,
//! the gradient of a convolution's weights.
//!
//! Each lane is one chain of fused multiply-adds over the columns; the lanes are then added in their order, so that
//! the register width does not matter.

use pulp::{Simd, WithSimd};

use super::weighted_sum::{Column, Tap};

/// More lanes than this are never side by side.
const MOST_LANES: usize = 16;

/// The sums of all rows × taps. Rows are outputs' channels, columns their pixels.
pub(crate) struct LaneSums<'a> {
    /// `[elements][lanes]`; column and tap offsets as in [`super::weighted_sum`].
    pub(crate) input: &'a [f32],
    /// `[rows × cotangent_row][lanes]`; column offsets are [`Column::output`].
    pub(crate) cotangent: &'a [f32],
    pub(crate) cotangent_row: usize,
    pub(crate) taps: &'a [Tap],
    pub(crate) columns: &'a [Column],
    pub(crate) rows: usize,
    /// Distance in `weights` from one row to the next; tap offsets are [`Tap::weight`].
    pub(crate) weight_row: usize,
    pub(crate) lanes: usize,
}

impl LaneSums<'_> {
    /// Adds the sums to `weights`.
    ///
    /// # Panics
    /// If a table points outside its array, or with more than 16 lanes.
    pub(crate) fn add_to(&self, weights: &mut [f32]) {
        super::architecture().dispatch(Run { sums: self, weights });
    }

    /// Checks every address once, so that the inner loop need not.
    fn check_bounds(&self) {
        assert!(self.lanes <= MOST_LANES, "at most {MOST_LANES} lanes");
        let (Some(_), Some(_), true) = (self.taps.first(), self.columns.first(), self.rows > 0) else {
            return;
        };
        let largest = |offsets: &mut dyn Iterator<Item = usize>| offsets.max().unwrap_or(0);
        let input = largest(&mut self.taps.iter().map(|tap| tap.input))
            + largest(&mut self.columns.iter().map(|column| column.input));
        assert!((input + 1) * self.lanes <= self.input.len(), "input table points outside the input");
        let cotangent = largest(&mut self.columns.iter().map(|column| column.output))
            + (self.rows - 1) * self.cotangent_row;
        assert!((cotangent + 1) * self.lanes <= self.cotangent.len(), "columns point outside the cotangent");
    }
}

struct Run<'a, 'b> {
    sums: &'a LaneSums<'a>,
    weights: &'b mut [f32],
}

impl WithSimd for Run<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.sums.check_bounds();
        if !self.sums.lanes.is_multiple_of(S::F32_LANES) {
            sweep::<pulp::Scalar, 4, 5>(pulp::Scalar, self.sums, self.weights);
        } else if S::REGISTER_COUNT >= 32 {
            sweep::<S, 4, 5>(simd, self.sums, self.weights);
        } else {
            sweep::<S, 2, 5>(simd, self.sums, self.weights);
        }
    }
}

#[inline(always)]
fn sweep<S: Simd, const ROWS: usize, const TAPS: usize>(simd: S, sums: &LaneSums<'_>, weights: &mut [f32]) {
    let full_rows = sums.rows - sums.rows % ROWS;
    let full_taps = sums.taps.len() - sums.taps.len() % TAPS;
    for row in (0..full_rows).step_by(ROWS) {
        for tap in (0..full_taps).step_by(TAPS) {
            block::<S, ROWS, TAPS>(simd, sums, row, tap, weights);
        }
        for tap in full_taps..sums.taps.len() {
            block::<S, ROWS, 1>(simd, sums, row, tap, weights);
        }
    }
    for row in full_rows..sums.rows {
        for tap in (0..full_taps).step_by(TAPS) {
            block::<S, 1, TAPS>(simd, sums, row, tap, weights);
        }
        for tap in full_taps..sums.taps.len() {
            block::<S, 1, 1>(simd, sums, row, tap, weights);
        }
    }
}

#[inline(always)]
fn block<S: Simd, const ROWS: usize, const TAPS: usize>(
    simd: S,
    sums: &LaneSums<'_>,
    row: usize,
    tap: usize,
    weights: &mut [f32],
) {
    let lanes = sums.lanes;
    let mut by_lane = [[[0.0_f32; MOST_LANES]; TAPS]; ROWS];
    for part in (0..lanes).step_by(S::F32_LANES) {
        let inputs: [*const f32; TAPS] = std::array::from_fn(|j| {
            sums.input.as_ptr().wrapping_add(sums.taps[tap + j].input * lanes + part)
        });
        let cotangents: [*const f32; ROWS] = std::array::from_fn(|i| {
            sums.cotangent.as_ptr().wrapping_add((row + i) * sums.cotangent_row * lanes + part)
        });
        let mut sum = [[simd.splat_f32s(0.0); TAPS]; ROWS];
        for column in sums.columns {
            // SAFETY: `check_bounds` has verified that the largest tap, column and row stay inside both arrays, and
            // `S::f32s` is plain floats of size `F32_LANES`, which may be read from any float address.
            unsafe {
                let input: [S::f32s; TAPS] = std::array::from_fn(|j| {
                    inputs[j].add(column.input * lanes).cast::<S::f32s>().read_unaligned()
                });
                for i in 0..ROWS {
                    let cotangent =
                        cotangents[i].add(column.output * lanes).cast::<S::f32s>().read_unaligned();
                    for j in 0..TAPS {
                        sum[i][j] = simd.mul_add_f32s(cotangent, input[j], sum[i][j]);
                    }
                }
            }
        }
        for i in 0..ROWS {
            for j in 0..TAPS {
                super::weighted_sum::store::<S>(&mut by_lane[i][j][part..], sum[i][j]);
            }
        }
    }
    for i in 0..ROWS {
        for j in 0..TAPS {
            let sum: f32 = by_lane[i][j][..lanes].iter().sum();
            weights[(row + i) * sums.weight_row + sums.taps[tap + j].weight] += sum;
        }
    }
}

//! The largest of the sums of four columns: of a convolution, when its outputs go to a maximum under windows of 2×2 and
//! nowhere else. They are never written to memory, which would take as long as pooling them.

use pulp::{Simd, WithSimd};

use super::register_blocks::add_products;
use super::{Column, Start, WeightedSums, store};
use crate::kernel::window_maximum::larger;

/// Columns of a window.
pub(crate) const WINDOW: usize = 4;

impl WeightedSums<'_> {
    /// Writes the largest of the sums of every four columns in their order, which have the same place in the output, as
    /// [`maxima`](crate::kernel::window_maximum::maxima) would. For images side by side, and sums that start from nothing
    /// or a bias.
    ///
    /// # Panics
    /// If a table points outside its array, or columns are not four to a place.
    pub(crate) fn compute_largest(&self, output: &mut [f32]) {
        let is_window = |columns: &[Column]| {
            columns.len() == WINDOW && columns.iter().all(|column| column.output == columns[0].output)
        };
        assert!(self.columns.chunks(WINDOW).all(is_window), "four columns to a place");
        assert!(matches!(self.start, Start::Zero | Start::Bias(_)), "the output holds nothing yet");
        self.check_bounds(output);
        crate::kernel::architecture().dispatch(Largest { sums: self, output });
    }
}

struct Largest<'a, 'b> {
    sums: &'a WeightedSums<'a>,
    output: &'b mut [f32],
}

impl WithSimd for Largest<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        assert!(self.sums.lanes.is_multiple_of(S::F32_LANES), "the lanes fill registers");
        let mut row = 0;
        if S::REGISTER_COUNT >= 32 {
            row = self.sweep::<S, 5>(simd, row);
        }
        row = self.sweep::<S, 2>(simd, row);
        self.sweep::<S, 1>(simd, row);
    }
}

impl Largest<'_, '_> {
    /// Walks all whole blocks of `ROWS` rows from `row` on. Returns the first row that is not done.
    #[inline(always)]
    fn sweep<S: Simd, const ROWS: usize>(&mut self, simd: S, mut row: usize) -> usize {
        let sums = self.sums;
        while row + ROWS <= sums.rows {
            for columns in sums.columns.as_chunks::<WINDOW>().0 {
                for part in (0..sums.lanes).step_by(S::F32_LANES) {
                    let largest = self.window::<S, ROWS>(simd, row, columns, part);
                    for i in 0..ROWS {
                        let place = columns[0].output + (row + i) * sums.output_row;
                        store::<S>(&mut self.output[place * sums.lanes + part..], largest[i]);
                    }
                }
            }
            row += ROWS;
        }
        row
    }

    /// The largest under one window, of `ROWS` rows from `row` on, in the lanes from `part` on.
    #[inline(always)]
    fn window<S: Simd, const ROWS: usize>(
        &self,
        simd: S,
        row: usize,
        columns: &[Column; WINDOW],
        part: usize,
    ) -> [S::f32s; ROWS] {
        let sums = self.sums;
        let mut sum = [[simd.splat_f32s(0.0); WINDOW]; ROWS];
        if let Start::Bias(bias) = sums.start {
            for i in 0..ROWS {
                sum[i] = [simd.splat_f32s(bias[row + i]); WINDOW];
            }
        }
        let inputs: [*const f32; WINDOW] =
            std::array::from_fn(|j| sums.input.as_ptr().wrapping_add(columns[j].input * sums.lanes + part));
        let weights: [*const f32; ROWS] =
            std::array::from_fn(|i| sums.weights.as_ptr().wrapping_add((row + i) * sums.weight_row));
        // SAFETY: `check_bounds` has seen the sums; columns and rows are theirs, and a register lies within the lanes.
        unsafe { add_products::<S, ROWS, WINDOW>(simd, sums, inputs, weights, &mut sum) };
        let mut largest = [simd.splat_f32s(f32::NEG_INFINITY); ROWS];
        for i in 0..ROWS {
            for j in 0..WINDOW {
                largest[i] = larger(simd, sum[i][j], largest[i]);
            }
        }
        largest
    }
}

#[cfg(test)]
mod tests {
    use crate::kernel::on_every_instruction_set;
    use crate::kernel::weighted_sum::tests::{bits, reference};
    use crate::kernel::weighted_sum::{Rounds, Tap};
    use crate::op::gradient_check::Random;

    use super::*;

    #[test]
    fn it_is_the_largest_of_the_sums_of_the_definition() {
        const LANES: usize = crate::forward::LANES;
        let mut random = Random::new(12);
        for case in 0..20 {
            let (rows, windows) = (random.int(1..=13), random.int(1..=6));
            let (taps, rounds) = (random.int(1..=5), random.int(1..=3));
            let mut values = |count: usize| -> Vec<f32> {
                random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect()
            };
            let mut input = values((4 * windows + 2 * taps) * rounds * LANES);
            if case % 4 == 3 {
                input[5] = f32::NAN;
            }
            let (weights, bias) = (values(rows * taps * rounds), values(rows));
            let columns: Vec<Column> =
                (0..4 * windows).map(|column| Column { input: column, output: column }).collect();
            let mut sums = WeightedSums {
                input: &input,
                weights: &weights,
                start: if case % 2 == 0 { Start::Zero } else { Start::Bias(&bias) },
                taps: &(0..taps).map(|tap| Tap { input: 2 * tap, weight: tap }).collect::<Vec<_>>(),
                rounds: Rounds { count: rounds, input: 4 * windows + 2 * taps, weight: taps },
                columns: &columns,
                rows,
                weight_row: taps * rounds,
                output_row: 4 * windows,
                lanes: LANES,
            };
            let mut all = vec![0.0; rows * 4 * windows * LANES];
            reference(&sums, &mut all);
            let expected: Vec<f32> = (0..rows * windows * LANES)
                .map(|index| {
                    let under = (0..4).map(|tap| all[(index / LANES * 4 + tap) * LANES + index % LANES]);
                    under.fold(f32::NEG_INFINITY, |most, it| if it > most || it.is_nan() { it } else { most })
                })
                .collect();
            let pooled: Vec<Column> =
                columns.iter().map(|it| Column { output: it.output / 4, ..*it }).collect();
            (sums.columns, sums.output_row) = (&pooled, windows);
            for got in on_every_instruction_set(|| {
                let mut output = vec![f32::INFINITY; expected.len()];
                sums.compute_largest(&mut output);
                output
            }) {
                assert!(
                    got.iter()
                        .zip(&expected)
                        .all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()),
                    "case {case}: {:?} instead of {:?}",
                    bits(&got),
                    bits(&expected)
                );
            }
        }
    }
}

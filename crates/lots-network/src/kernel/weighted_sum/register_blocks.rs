//! Weighted sums in register blocks: rows × vectors of accumulators, a vector the lanes of one column or neighbouring
//! columns of a single image.

use std::borrow::Cow;

use pulp::Simd;

use super::{Column, Start, WeightedSums, read};

/// Floats of the widest register; where there is such a one, there is one of half its width.
const WIDEST: usize = 16;

/// Columns that lie side by side in input and output, as many as a register holds.
pub(super) struct Neighbours<'a> {
    /// The first of as many neighbours.
    pub(super) whole: Cow<'a, [Column]>,
    /// The others.
    pub(super) single: Vec<Column>,
}

impl Neighbours<'_> {
    /// With `overlap` the last neighbours of a row may be computed twice, which is only right if the chains do not start
    /// from what the first time has left.
    pub(super) fn new(columns: &[Column], width: usize, overlap: bool) -> Self {
        let (mut starts, mut single) = (Vec::new(), Vec::new());
        let mut rest = columns;
        while let Some(first) = rest.first() {
            let apart = |(index, column): (usize, &Column)| {
                column.input != first.input + index || column.output != first.output + index
            };
            let length = rest.iter().enumerate().position(apart).unwrap_or(rest.len());
            let (row, behind) = rest.split_at(length);
            let whole = if width > 1 { row.len() / width * width } else { 0 };
            starts.extend(row[..whole].iter().step_by(width));
            // What is left may fill a register of half the width, which saves computing anything twice.
            let is_half = width == WIDEST && row.len() - whole == WIDEST / 2;
            if whole < row.len() && whole > 0 && overlap && !is_half {
                starts.push(row[row.len() - width]);
            } else {
                single.extend_from_slice(&row[whole..]);
            }
            rest = behind;
        }
        Self { whole: starts.into(), single }
    }
}

/// Chooses register blocks: rows × vectors accumulators, one load a row and one a vector for each tap.
///
/// A block must leave registers for the thinner side of what it multiplies, and one for the other side, or the compiler
/// puts accumulators into memory and the chains wait for it.
#[inline(always)]
pub(super) fn run<S: Simd>(simd: S, sums: &WeightedSums<'_>, columns: &[Column], output: &mut [f32]) {
    let parts = (sums.lanes / S::F32_LANES).max(1);
    let vectors = Vectors { columns, lanes: sums.lanes, width: S::F32_LANES, shift: parts.trailing_zeros() };
    let (count, rows) = (vectors.count(), sums.rows);
    let walk = Walk { simd, sums, vectors };
    if S::REGISTER_COUNT >= 32 {
        let mut row = 0;
        if count < 3 {
            row = walk.sweep::<16, 1, 1>(row, output);
        } else {
            row = walk.sweep::<5, 4, 2>(row, output);
        }
        match rows - row {
            1 => walk.sweep::<1, 16, 4>(row, output),
            2 => walk.sweep::<2, 8, 2>(row, output),
            3 => walk.sweep::<3, 6, 2>(row, output),
            4 => walk.sweep::<4, 4, 2>(row, output),
            _ => walk.sweep::<1, 1, 1>(walk.sweep::<4, 1, 1>(row, output), output),
        };
    } else {
        let mut row = 0;
        if count == 1 {
            row = walk.sweep::<8, 1, 1>(row, output);
        } else {
            row = walk.sweep::<6, 2, 1>(row, output);
        }
        match rows - row {
            1 => walk.sweep::<1, 8, 2>(row, output),
            2 => walk.sweep::<2, 6, 2>(row, output),
            3 => walk.sweep::<3, 4, 2>(row, output),
            4 => walk.sweep::<4, 3, 1>(row, output),
            5 => walk.sweep::<5, 2, 1>(row, output),
            _ => walk.sweep::<1, 1, 1>(walk.sweep::<4, 1, 1>(row, output), output),
        };
    }
}

/// The columns cut into registers: all lanes of one column, then of the next.
#[derive(Clone, Copy)]
struct Vectors<'a> {
    columns: &'a [Column],
    lanes: usize,
    width: usize,
    /// Registers a column, as a power of two.
    shift: u32,
}

impl Vectors<'_> {
    fn count(&self) -> usize {
        self.columns.len() << self.shift
    }

    /// Where register number `index` lies in the input and, for the first row, in the output; in floats.
    #[inline(always)]
    fn offsets(&self, index: usize) -> [usize; 2] {
        let column = self.columns[index >> self.shift];
        let part = (index & ((1 << self.shift) - 1)) * self.width;
        [column.input * self.lanes + part, column.output * self.lanes + part]
    }
}

#[derive(Clone, Copy)]
struct Walk<'a, S> {
    simd: S,
    sums: &'a WeightedSums<'a>,
    vectors: Vectors<'a>,
}

impl<S: Simd> Walk<'_, S> {
    /// Walks all whole blocks of `ROWS` rows from `row` on, each over all registers: `WIDE` at once, what is left over
    /// `NARROW` at once, then one by one. Returns the first row that is not done.
    #[inline(always)]
    fn sweep<const ROWS: usize, const WIDE: usize, const NARROW: usize>(
        self,
        mut row: usize,
        output: &mut [f32],
    ) -> usize {
        let count = self.vectors.count();
        while row + ROWS <= self.sums.rows {
            let mut vector = 0;
            while vector + WIDE <= count {
                self.block::<ROWS, WIDE>(row, vector, output);
                vector += WIDE;
            }
            while vector + NARROW <= count {
                self.block::<ROWS, NARROW>(row, vector, output);
                vector += NARROW;
            }
            while vector < count {
                self.block::<ROWS, 1>(row, vector, output);
                vector += 1;
            }
            row += ROWS;
        }
        row
    }

    /// The sums of `ROWS` rows × `WIDE` registers.
    #[inline(always)]
    fn block<const ROWS: usize, const WIDE: usize>(self, row: usize, first: usize, output: &mut [f32]) {
        let Self { simd, sums, vectors } = self;
        let lanes = sums.lanes;
        let offsets: [[usize; 2]; WIDE] = std::array::from_fn(|j| vectors.offsets(first + j));
        let inputs: [*const f32; WIDE] =
            std::array::from_fn(|j| sums.input.as_ptr().wrapping_add(offsets[j][0]));
        let weights: [*const f32; ROWS] =
            std::array::from_fn(|i| sums.weights.as_ptr().wrapping_add((row + i) * sums.weight_row));
        let outputs: [[*mut f32; WIDE]; ROWS] = std::array::from_fn(|i| {
            let start = (row + i) * sums.output_row * lanes;
            std::array::from_fn(|j| output.as_mut_ptr().wrapping_add(start + offsets[j][1]))
        });

        // SAFETY: `check_bounds` has verified that the largest tap, column and row stay inside all three arrays, and that
        // there is a bias for each row; where neighbouring columns are read at once, each of them has been verified.
        // `S::f32s` is plain floats of size `F32_LANES`, which may be read from and written to any float address.
        unsafe {
            let mut sum = [[simd.splat_f32s(0.0); WIDE]; ROWS];
            match sums.start {
                Start::Zero => {}
                Start::Bias(bias) => {
                    for i in 0..ROWS {
                        sum[i] = [simd.splat_f32s(*bias.get_unchecked(row + i)); WIDE];
                    }
                }
                Start::Output => {
                    for i in 0..ROWS {
                        sum[i] = outputs[i].map(|output| read::<S>(output));
                    }
                }
                Start::OutputCopied(copy) => {
                    for i in 0..ROWS {
                        let start = (row + i) * sums.output_row * lanes;
                        for j in 0..WIDE {
                            sum[i][j] = read::<S>(copy.as_ptr().add(start + offsets[j][1]));
                        }
                    }
                }
            }
            add_products(simd, sums, inputs, weights, &mut sum);
            for i in 0..ROWS {
                for j in 0..WIDE {
                    outputs[i][j].cast::<S::f32s>().write_unaligned(sum[i][j]);
                }
            }
        }
    }
}

/// Adds the products of all taps to the sums of `ROWS` rows × `WIDE` registers: one chain of fused multiply-adds each.
///
/// - `inputs`: where the registers lie in the input; `weights`: where the rows lie in the weights.
///
/// # Safety
/// `check_bounds` has seen the sums, and registers and rows are among theirs.
#[inline(always)]
pub(super) unsafe fn add_products<S: Simd, const ROWS: usize, const WIDE: usize>(
    simd: S,
    sums: &WeightedSums<'_>,
    inputs: [*const f32; WIDE],
    weights: [*const f32; ROWS],
    sum: &mut [[S::f32s; WIDE]; ROWS],
) {
    let lanes = sums.lanes;
    for round in 0..sums.rounds.count {
        let [further_in, further_on] = [round * sums.rounds.input, round * sums.rounds.weight];
        for tap in sums.taps {
            let (input, tap_weight) = ((tap.input + further_in) * lanes, tap.weight + further_on);
            // SAFETY: the caller's promise.
            unsafe {
                if ROWS < WIDE {
                    let weight: [S::f32s; ROWS] =
                        std::array::from_fn(|i| simd.splat_f32s(*weights[i].add(tap_weight)));
                    for j in 0..WIDE {
                        let input = read::<S>(inputs[j].add(input));
                        for i in 0..ROWS {
                            sum[i][j] = simd.mul_add_f32s(weight[i], input, sum[i][j]);
                        }
                    }
                } else {
                    let input: [S::f32s; WIDE] = std::array::from_fn(|j| read::<S>(inputs[j].add(input)));
                    for i in 0..ROWS {
                        let weight = simd.splat_f32s(*weights[i].add(tap_weight));
                        for j in 0..WIDE {
                            sum[i][j] = simd.mul_add_f32s(weight, input[j], sum[i][j]);
                        }
                    }
                }
            }
        }
    }
}

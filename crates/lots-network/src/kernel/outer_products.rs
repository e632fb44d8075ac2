//! Sums of outer products: `out[row][column] += Σ_lane left[row][lane] · right[column][lane]`, block of images by block
//! of images: the gradient of a fully connected layer's weights.
//!
//! The sum over the lanes of a block is one chain of fused multiply-adds in their order, which is then added to what is
//! there. Neighbouring columns lie in the SIMD lanes.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::weighted_sum::{load, read, store};

/// The two sides of one block of images.
pub(crate) struct Factors<'a> {
    /// `[rows][lanes]`.
    pub(crate) left: &'a [f32],
    /// `[columns][lanes]`.
    pub(crate) right: &'a [f32],
}

/// Columns are padded with zeros to a multiple of the widest block of them.
const WIDEST: usize = 32;

/// Adds to `out`, `[rows][columns]`, the outer products of all `blocks` in their order; `right` is multiplied with
/// `factor` before.
///
/// # Panics
/// If the extents of the blocks and of `out` do not fit each other.
pub(crate) fn add_outer_products(blocks: &[Factors<'_>], factor: f32, lanes: usize, out: &mut [f32]) {
    let Some(first) = blocks.first() else { return };
    let (rows, columns) = (first.left.len() / lanes, first.right.len() / lanes);
    assert_eq!(out.len(), rows * columns, "one result for each row and column");
    if out.is_empty() {
        return;
    }
    let padded = columns.next_multiple_of(WIDEST);
    let rights: Vec<Vec<f32>> =
        blocks.par_iter().map(|block| across(block.right, factor, lanes, padded)).collect();
    // How rows are divided changes no sum.
    let rows_each = rows.div_ceil(4 * rayon::current_num_threads()).next_multiple_of(12);
    out.par_chunks_mut(rows_each * columns).enumerate().for_each(|(part, out)| {
        let rows = part * rows_each..part * rows_each + out.len() / columns;
        let blocks: Vec<Factors<'_>> = blocks
            .iter()
            .zip(&rights)
            .map(|(block, right)| Factors { left: &block.left[rows.start * lanes..rows.end * lanes], right })
            .collect();
        super::architecture().dispatch(Run { blocks: &blocks, lanes, columns, padded, out });
    });
}

/// `right` with the columns side by side: `[lanes][padded]`.
fn across(right: &[f32], factor: f32, lanes: usize, padded: usize) -> Vec<f32> {
    let mut across = vec![0.0; lanes * padded];
    for (column, values) in right.chunks_exact(lanes).enumerate() {
        for (lane, value) in values.iter().enumerate() {
            across[lane * padded + column] = factor * value;
        }
    }
    across
}

/// Blocks with `left`: `[rows][lanes]` and `right`: `[lanes][padded]`.
struct Run<'a, 'b> {
    blocks: &'a [Factors<'a>],
    lanes: usize,
    columns: usize,
    padded: usize,
    out: &'b mut [f32],
}

impl WithSimd for Run<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let rows = self.out.len() / self.columns;
        for block in self.blocks {
            assert!(block.left.len() >= rows * self.lanes, "a factor for each row");
            assert!(block.right.len() >= self.lanes * self.padded, "a factor for each column");
        }
        let mut row = 0;
        while row + 6 <= rows {
            self.rows::<S, 6>(simd, row);
            row += 6;
        }
        while row < rows {
            self.rows::<S, 1>(simd, row);
            row += 1;
        }
    }
}

impl Run<'_, '_> {
    #[inline(always)]
    fn rows<S: Simd, const ROWS: usize>(&mut self, simd: S, row: usize) {
        /// Registers of columns at once.
        const WIDE: usize = 2;
        for column in (0..self.columns).step_by(WIDE * S::F32_LANES) {
            for block in self.blocks {
                let mut sum = [[simd.splat_f32s(0.0); WIDE]; ROWS];
                for lane in 0..self.lanes {
                    // SAFETY: `with_simd` has verified the extents of both sides, and `WIDE` registers divide
                    // `padded`, so that `column` and the columns behind it are inside.
                    unsafe {
                        let right = block.right.as_ptr().add(lane * self.padded + column);
                        let right: [S::f32s; WIDE] =
                            std::array::from_fn(|j| read::<S>(right.add(j * S::F32_LANES)));
                        for i in 0..ROWS {
                            let left = *block.left.get_unchecked((row + i) * self.lanes + lane);
                            let left = simd.splat_f32s(left);
                            for j in 0..WIDE {
                                sum[i][j] = simd.mul_add_f32s(left, right[j], sum[i][j]);
                            }
                        }
                    }
                }
                for i in 0..ROWS {
                    for j in 0..WIDE {
                        let start = (row + i) * self.columns;
                        let first = column + j * S::F32_LANES;
                        add(simd, sum[i][j], &mut self.out[start..start + self.columns], first);
                    }
                }
            }
        }
    }
}

/// Adds a register to `out` from `first` on, as far as `out` reaches.
#[inline(always)]
fn add<S: Simd>(simd: S, sum: S::f32s, out: &mut [f32], first: usize) {
    if first + S::F32_LANES <= out.len() {
        let out = &mut out[first..];
        store::<S>(out, simd.add_f32s(load::<S>(out), sum));
        return;
    }
    let mut sums = [0.0; WIDEST];
    store::<S>(&mut sums, sum);
    for (out, sum) in out.iter_mut().skip(first).zip(sums) {
        *out += sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::gradient_check::Random;

    /// The definition, a number at a time.
    fn reference(blocks: &[Factors<'_>], factor: f32, lanes: usize, out: &mut [f32]) {
        let columns = blocks[0].right.len() / lanes;
        for (index, out) in out.iter_mut().enumerate() {
            let (row, column) = (index / columns, index % columns);
            for block in blocks {
                let lane = |sum: f32, lane: usize| {
                    block.left[row * lanes + lane].mul_add(factor * block.right[column * lanes + lane], sum)
                };
                *out += (0..lanes).fold(0.0, lane);
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_bytes_of_the_definition() {
        let mut random = Random::new(5);
        for _ in 0..20 {
            let (rows, columns, lanes) = (random.int(1..=40), random.int(1..=70), [1, 16][random.int(0..=1)]);
            let mut values = |count: usize| -> Vec<f32> {
                random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect()
            };
            let sides: Vec<[Vec<f32>; 2]> =
                (0..3).map(|_| [values(rows * lanes), values(columns * lanes)]).collect();
            let blocks: Vec<Factors<'_>> =
                sides.iter().map(|[left, right]| Factors { left, right }).collect();
            let before = values(rows * columns);
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            let mut expected = before.clone();
            reference(&blocks, 0.7, lanes, &mut expected);

            let mut got = before.clone();
            add_outer_products(&blocks, 0.7, lanes, &mut got);
            assert_eq!(bits(&got), bits(&expected), "{rows}×{columns}, {lanes} lanes");

            let padded = columns.next_multiple_of(WIDEST);
            let rights: Vec<Vec<f32>> =
                blocks.iter().map(|block| across(block.right, 0.7, lanes, padded)).collect();
            let across: Vec<Factors<'_>> = blocks
                .iter()
                .zip(&rights)
                .map(|(block, right)| Factors { left: block.left, right })
                .collect();
            let run = |dispatch: &dyn Fn(Run<'_, '_>)| {
                let mut got = before.clone();
                dispatch(Run { blocks: &across, lanes, columns, padded, out: &mut got });
                assert_eq!(bits(&got), bits(&expected), "{rows}×{columns}, {lanes} lanes");
            };
            run(&|task| Simd::vectorize(pulp::Scalar, task));
            #[cfg(target_arch = "x86_64")]
            if let Some(simd) = pulp::x86::V3::try_new() {
                run(&|task| Simd::vectorize(simd, task));
            }
        }
    }
}

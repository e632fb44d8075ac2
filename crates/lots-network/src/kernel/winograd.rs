//! Convolutions of 3×3 with stride 1 in a quarter of the multiplications: Winograd's F(4×4, 3×3).
//!
//! A tile of 4×4 outputs sees 6×6 inputs. Seen as polynomials, filter and inputs are replaced by their values at six
//! points along each axis; products of values take the place of the 3×3 sums, and a matrix product over the channels
//! for each of the 36 pairs of points does all the work. Tiles lie in the SIMD lanes.
//!
//! The arithmetic of an output is the same for any number of threads, register width and division into blocks: fixed
//! formulas for the transforms and one chain of fused multiply-adds over the channels.
//!
//! Source: Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks"; the points: see [`transform`].

mod block;
mod transform;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::weighted_sum::{Start, WORTH_DIVIDING};
use block::{Block, Buffers};
use transform::{INPUTS, OUTPUTS};

/// Pairs of points: matrix products that a convolution becomes.
const PAIRS: usize = INPUTS * INPUTS;

/// Transformed inputs and products of a block of tiles take about so many floats: they should stay in the cache that
/// the cores share.
const BLOCK_FLOATS: usize = 1 << 21;

/// Filters of 3×3, transformed.
pub(crate) struct Filters {
    outputs: usize,
    inputs: usize,
    /// Outputs whose values lie side by side: the height of a register tile.
    rows: usize,
    /// `[outputs / rows][pairs][inputs][rows]`, zero where there is no output.
    values: Vec<f32>,
}

impl Filters {
    /// Of `weights`, `[outputs][inputs][3][3]`.
    pub(crate) fn new(weights: &[f32], [outputs, inputs]: [usize; 2]) -> Self {
        Self::transformed([outputs, inputs], |output, input| {
            weights.as_chunks::<9>().0[output * inputs + input]
        })
    }

    /// For the way back, from outputs to inputs: each filter is turned by 180°.
    pub(crate) fn turned(weights: &[f32], [outputs, inputs]: [usize; 2]) -> Self {
        Self::transformed([inputs, outputs], |input, output| {
            let mut filter = weights.as_chunks::<9>().0[output * inputs + input];
            filter.reverse();
            filter
        })
    }

    fn transformed([outputs, inputs]: [usize; 2], filter: impl Fn(usize, usize) -> [f32; 9] + Sync) -> Self {
        let rows = super::architecture().dispatch(TileRows);
        let panel = PAIRS * inputs * rows;
        let mut values = vec![0.0; outputs.div_ceil(rows) * panel];
        values.par_chunks_mut(panel).enumerate().for_each(|(index, panel)| {
            for row in 0..rows.min(outputs - index * rows) {
                for input in 0..inputs {
                    let filter = transform::filter(filter(index * rows + row, input));
                    for (pair, value) in filter.into_iter().enumerate() {
                        panel[(pair * inputs + input) * rows + row] = value;
                    }
                }
            }
        });
        Self { outputs, inputs, rows, values }
    }
}

impl std::fmt::Debug for Filters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Filters({}×{})", self.outputs, self.inputs)
    }
}

/// How many rows a register tile has on this machine.
struct TileRows;

impl WithSimd for TileRows {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> usize {
        if S::REGISTER_COUNT >= 32 { block::MANY_REGISTERS_ROWS } else { block::FEW_REGISTERS_ROWS }
    }
}

/// One convolution.
#[derive(Clone, Copy)]
pub(crate) struct Convolution<'a> {
    pub(crate) filters: &'a Filters,
    /// `[inputs][height][width]`.
    pub(crate) input: &'a [f32],
    /// Height and width of the input.
    pub(crate) input_extent: [usize; 2],
    /// Height and width of the output.
    pub(crate) output_extent: [usize; 2],
    /// Row and column of the input under the first weight of the first output: negative where there is padding.
    pub(crate) origin: [isize; 2],
    pub(crate) start: Start<'a>,
}

impl Convolution<'_> {
    /// Computes the convolution into `output`, `[outputs][height][width]`.
    ///
    /// # Panics
    /// If an array has another size than its extents say.
    pub(crate) fn compute(&self, output: &mut [f32]) {
        let Filters { outputs, inputs, .. } = *self.filters;
        let [height, width] = self.output_extent;
        assert_eq!(
            self.input.len(),
            inputs * self.input_extent[0] * self.input_extent[1],
            "extents of the input"
        );
        assert_eq!(output.len(), outputs * height * width, "extents of the output");
        if output.is_empty() {
            return;
        }
        let grid = [height.div_ceil(OUTPUTS), width.div_ceil(OUTPUTS)];
        let tiles = grid[0] * grid[1];
        let blocks = (tiles * PAIRS * (inputs + outputs)).div_ceil(BLOCK_FLOATS);
        let tiles_each = tiles.div_ceil(blocks).next_multiple_of(16);
        let divided = tiles * PAIRS * inputs * outputs >= WORTH_DIVIDING;
        let mut buffers = Buffers::take();
        for first in (0..tiles).step_by(tiles_each) {
            let tiles = first..tiles.min(first + tiles_each);
            Block { convolution: self, grid, tiles, divided }.compute(&mut buffers, output);
        }
        buffers.give_back();
    }
}

#[cfg(test)]
mod tests;

//! Convolutions of 3×3 and 5×5 with stride 1 in a fraction of the multiplications: Winograd's F(4×4, 3×3) and
//! F(4×4, 5×5).
//!
//! A tile of 4×4 outputs sees 6×6 or 8×8 inputs. Seen as polynomials, filter and inputs are replaced by their values at
//! as many points along each axis; products of values take the place of the sums over the filter's taps, and a matrix
//! product over the channels for each pair of points does all the work. In the SIMD lanes lie the tiles of a large image,
//! small images, or the channels of a single small one.
//!
//! The arithmetic of an output is the same for any number of threads, register width and division into blocks, and
//! whatever lies in the lanes: fixed formulas for the transforms and one chain of fused multiply-adds over the channels.
//!
//! Source: Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks"; the points: see [`transform`].

mod block;
mod few_tiles;
mod side_by_side;
mod transform;

use std::sync::OnceLock;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::thread_memory::with_memory;
use super::weighted_sum::{Start, WORTH_DIVIDING};
use block::Block;
use few_tiles::FewTiles;
use side_by_side::SideBySide;
use transform::{OUTPUTS, Tile, Transform};

/// Transformed inputs and products of a block of tiles take about so many floats: they should stay in the cache that
/// the cores share.
const BLOCK_FLOATS: usize = 1 << 21;

/// From so many tiles on, the tiles of a single image fill the lanes. With fewer, one thread does the work, unless there
/// is so much of it that it is worth dividing.
const MANY_TILES: usize = 32;

/// The extents of filters that can be transformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taps {
    /// 3×3.
    Three,
    /// 5×5.
    Five,
}

impl Taps {
    /// Of filters of this height and width.
    pub(crate) fn new(kernel: [usize; 2]) -> Option<Self> {
        match kernel {
            [3, 3] => Some(Self::Three),
            [5, 5] => Some(Self::Five),
            _ => None,
        }
    }

    /// Along an axis.
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Three => 3,
            Self::Five => 5,
        }
    }

    /// Multiplications by tiles for a pair of channels and an output of this height and width.
    pub(crate) fn multiplications(self, [height, width]: [usize; 2]) -> usize {
        let points = self.count() + OUTPUTS - 1;
        points.pow(2) * height.div_ceil(OUTPUTS) * width.div_ceil(OUTPUTS)
    }
}

/// Filters, transformed.
pub(crate) struct Filters {
    taps: Taps,
    outputs: usize,
    inputs: usize,
    /// Outputs whose values lie side by side: the height of a register tile.
    rows: usize,
    /// `[outputs / rows][pairs of points][inputs][rows]`, zero where there is no output.
    values: Vec<f32>,
    /// `[pairs of points][inputs][outputs]`, the outputs rounded up: made when a single image of few tiles comes.
    side_by_side: OnceLock<Vec<f32>>,
}

impl Filters {
    /// Of `weights`, `[outputs][inputs][taps][taps]`.
    pub(crate) fn new(weights: &[f32], counts: [usize; 2], taps: Taps) -> Self {
        let [_, inputs] = counts;
        Self::transformed(counts, taps, |output, input, filter| {
            let size = filter.len();
            filter.copy_from_slice(&weights[(output * inputs + input) * size..][..size]);
        })
    }

    /// For the way back, from outputs to inputs: each filter is turned by 180°.
    pub(crate) fn turned(weights: &[f32], [outputs, inputs]: [usize; 2], taps: Taps) -> Self {
        Self::transformed([inputs, outputs], taps, |input, output, filter| {
            let size = filter.len();
            filter.copy_from_slice(&weights[(output * inputs + input) * size..][..size]);
            filter.reverse();
        })
    }

    fn transformed(counts: [usize; 2], taps: Taps, filter: impl Fn(usize, usize, &mut [f32]) + Sync) -> Self {
        match taps {
            Taps::Three => Self::transformed_at::<6>(counts, taps, filter),
            Taps::Five => Self::transformed_at::<8>(counts, taps, filter),
        }
    }

    fn transformed_at<const POINTS: usize>(
        [outputs, inputs]: [usize; 2],
        taps: Taps,
        filter: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) -> Self
    where
        Tile: Transform<POINTS>,
    {
        let rows = super::architecture().dispatch(TileRows);
        let panel = POINTS * POINTS * inputs * rows;
        let mut values = vec![0.0; outputs.div_ceil(rows) * panel];
        values.par_chunks_mut(panel).enumerate().for_each(|(index, panel)| {
            let mut weights = vec![0.0; taps.count().pow(2)];
            for row in 0..rows.min(outputs - index * rows) {
                for input in 0..inputs {
                    filter(index * rows + row, input, &mut weights);
                    let transformed = transform::filter::<POINTS>(&weights);
                    for (pair, value) in transformed.as_flattened().iter().enumerate() {
                        panel[(pair * inputs + input) * rows + row] = *value;
                    }
                }
            }
        });
        Self { taps, outputs, inputs, rows, values, side_by_side: OnceLock::new() }
    }

    fn side_by_side(&self) -> &[f32] {
        self.side_by_side.get_or_init(|| {
            let Self { outputs, inputs, rows, ref values, .. } = *self;
            let across = outputs.next_multiple_of(few_tiles::CHANNELS);
            let pairs = (self.taps.count() + OUTPUTS - 1).pow(2);
            let mut side_by_side = vec![0.0; pairs * inputs * across];
            for (panel, values) in values.chunks_exact(pairs * inputs * rows).enumerate() {
                for (term, values) in values.chunks_exact(rows).enumerate() {
                    let first = panel * rows;
                    let count = rows.min(outputs - first);
                    side_by_side[term * across + first..][..count].copy_from_slice(&values[..count]);
                }
            }
            side_by_side
        })
    }
}

impl std::fmt::Debug for Filters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Filters({}×{}, {:?})", self.outputs, self.inputs, self.taps)
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
    /// `[inputs][height][width][lanes]`.
    pub(crate) input: &'a [f32],
    /// Height and width of the input.
    pub(crate) input_extent: [usize; 2],
    /// Height and width of the output.
    pub(crate) output_extent: [usize; 2],
    /// Row and column of the input under the first weight of the first output: negative where there is padding.
    pub(crate) origin: [isize; 2],
    pub(crate) start: Start<'a>,
    /// Images side by side: one, or a multiple of what the widest register holds.
    pub(crate) lanes: usize,
}

impl Convolution<'_> {
    /// Computes the convolution into `output`, `[outputs][height][width][lanes]`.
    ///
    /// # Panics
    /// If an array has another size than its extents say.
    pub(crate) fn compute(&self, output: &mut [f32]) {
        let Filters { taps, outputs, inputs, .. } = *self.filters;
        let area = |[height, width]: [usize; 2]| height * width * self.lanes;
        assert_eq!(self.input.len(), inputs * area(self.input_extent), "extents of the input");
        assert_eq!(output.len(), outputs * area(self.output_extent), "extents of the output");
        if output.is_empty() {
            return;
        }
        match taps {
            Taps::Three => self.compute_at::<6>(output),
            Taps::Five => self.compute_at::<8>(output),
        }
    }

    fn compute_at<const POINTS: usize>(&self, output: &mut [f32])
    where
        Tile: Transform<POINTS>,
    {
        let Filters { outputs, inputs, .. } = *self.filters;
        let (tiles, pairs) = (self.tiles(), POINTS * POINTS);
        let divided = tiles * pairs * inputs * outputs >= WORTH_DIVIDING;
        with_memory(|memory| {
            if self.lanes > 1 {
                let task = SideBySide::<POINTS> { convolution: self, memory, output };
                super::architecture().dispatch(task);
            } else if tiles < MANY_TILES && !divided {
                let task = FewTiles::<POINTS> { convolution: self, memory, output };
                super::architecture().dispatch(task);
            } else {
                let blocks = (tiles * pairs * (inputs + outputs)).div_ceil(BLOCK_FLOATS);
                let tiles_each = tiles.div_ceil(blocks).next_multiple_of(16);
                for first in (0..tiles).step_by(tiles_each) {
                    let tiles = first..tiles.min(first + tiles_each);
                    Block::<POINTS> { convolution: self, tiles, divided }.compute(memory, output);
                }
            }
        });
    }

    /// Rows and columns of the input that a tile sees; none where there is padding.
    fn places<const POINTS: usize>(&self, tile: usize) -> [[Option<usize>; POINTS]; 2] {
        let columns = self.grid()[1];
        let first = [tile / columns, tile % columns];
        [0, 1].map(|axis| {
            std::array::from_fn(|place| {
                let place = self.origin[axis] + (first[axis] * OUTPUTS + place) as isize;
                usize::try_from(place).ok().filter(|&place| place < self.input_extent[axis])
            })
        })
    }

    fn tiles(&self) -> usize {
        self.grid().iter().product()
    }

    /// Rows and columns of tiles.
    fn grid(&self) -> [usize; 2] {
        self.output_extent.map(|extent| extent.div_ceil(OUTPUTS))
    }
}

#[cfg(test)]
mod tests;

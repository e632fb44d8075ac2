//! Tiles of images that lie side by side in the lanes: inputs of a tile are read where they lie, and the products of a
//! few filters are transformed to outputs while they are in the nearest cache.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::Convolution;
use super::block::{self, Layout, group_product};
use super::transform::{self, OUTPUTS, Tile, Transform};
use crate::kernel::thread_memory::Memories;
use crate::kernel::weighted_sum::{Start, load, store};

/// Transformed inputs that are held at a time take about so many floats: they should stay in the cache of a core.
const HELD_FLOATS: usize = 40 << 10;

/// The convolution of all images, at so many points along each axis.
pub(super) struct SideBySide<'a, const POINTS: usize> {
    pub(super) convolution: &'a Convolution<'a>,
    pub(super) memory: &'a mut Memories,
    /// `[outputs][height][width][lanes]`.
    pub(super) output: &'a mut [f32],
}

impl<const POINTS: usize> WithSimd for SideBySide<'_, POINTS>
where
    Tile: Transform<POINTS>,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 {
            self.run::<S, { block::MANY_REGISTERS_ROWS }, { block::MANY_REGISTERS_COLUMNS }>(simd);
        } else {
            self.run::<S, { block::FEW_REGISTERS_ROWS }, { block::FEW_REGISTERS_COLUMNS }>(simd);
        }
    }
}

impl<const POINTS: usize> SideBySide<'_, POINTS>
where
    Tile: Transform<POINTS>,
{
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const COLUMNS: usize>(self, simd: S) {
        let Self { convolution, memory: [inputs, products, _], output } = self;
        let Convolution { filters, lanes, start, .. } = *convolution;
        assert_eq!(filters.rows, ROWS, "the filters are laid out for this machine");
        let pairs = POINTS * POINTS;
        let tiles = convolution.tiles();
        let tiles_each = (HELD_FLOATS / (pairs * filters.inputs * lanes)).clamp(1, tiles);
        for first in (0..tiles).step_by(tiles_each) {
            let tiles = first..tiles.min(first + tiles_each);
            let layout = Layout::new::<S>(tiles.len() * lanes);
            let inputs = inputs.at_least(pairs * layout.pair_distance(filters.inputs));
            let products = products.at_least(pairs * ROWS * layout.padded);
            transform_inputs::<S, POINTS>(simd, convolution, layout, tiles.clone(), inputs);
            for (panel, values) in filters.values.chunks_exact(pairs * filters.inputs * ROWS).enumerate() {
                let panels = values.chunks_exact(filters.inputs * ROWS);
                for ((rows, inputs), products) in panels
                    .zip(inputs.chunks_exact(layout.pair_distance(filters.inputs)))
                    .zip(products.chunks_exact_mut(ROWS * layout.padded))
                {
                    for column in (0..layout.padded).step_by(layout.group) {
                        let (columns, products) =
                            (&inputs[column * filters.inputs..], &mut products[column..]);
                        let extents = [layout.padded, layout.padded - column];
                        let rows = (rows, filters.outputs - panel * ROWS);
                        group_product::<S, ROWS, COLUMNS>(simd, rows, columns, products, extents);
                    }
                }
                for row in 0..ROWS.min(filters.outputs - panel * ROWS) {
                    let channel = panel * ROWS + row;
                    let [height, width] = convolution.output_extent;
                    let plane = height * width * lanes;
                    let output = &mut output[channel * plane..][..plane];
                    let bias = match start {
                        Start::Bias(bias) => bias[channel],
                        Start::Zero | Start::Output | Start::OutputCopied(_) => 0.0,
                    };
                    let products = &products[row * layout.padded..];
                    let distance = ROWS * layout.padded;
                    let task = Outputs { convolution, tiles: tiles.clone(), products, distance, bias };
                    task.transform::<S, POINTS>(simd, output);
                }
            }
        }
    }
}

/// Transforms the inputs of `tiles`, all channels.
#[inline(always)]
fn transform_inputs<S: Simd, const POINTS: usize>(
    simd: S,
    convolution: &Convolution<'_>,
    layout: Layout,
    tiles: Range<usize>,
    inputs: &mut [f32],
) where
    Tile: Transform<POINTS>,
{
    let Convolution { filters, input, input_extent: [height, width], lanes, .. } = *convolution;
    let distance = layout.pair_distance(filters.inputs);
    let zero = simd.splat_f32s(0.0);
    for tile in tiles.clone() {
        let [rows, columns] = convolution.places::<POINTS>(tile);
        for (channel, plane) in input.chunks_exact(height * width * lanes).enumerate() {
            for lane in (0..lanes).step_by(S::F32_LANES) {
                let at = |row: Option<usize>, column: Option<usize>| match (row, column) {
                    (Some(row), Some(column)) => load::<S>(&plane[(row * width + column) * lanes + lane..]),
                    _ => zero,
                };
                let place = layout.input((tile - tiles.start) * lanes + lane, channel, filters.inputs);
                transform::inputs::<S, POINTS>(
                    simd,
                    #[inline(always)]
                    |y, x| at(rows[y], columns[x]),
                    #[inline(always)]
                    |y, x, value| store::<S>(&mut inputs[(y * POINTS + x) * distance + place..], value),
                );
            }
        }
    }
}

/// The outputs of some tiles in one channel.
struct Outputs<'a> {
    convolution: &'a Convolution<'a>,
    tiles: Range<usize>,
    /// For each pair of points the products of all tiles, `distance` behind those of the pair before.
    products: &'a [f32],
    distance: usize,
    bias: f32,
}

impl Outputs<'_> {
    /// Transforms the products to `output`, `[height][width][lanes]`.
    #[inline(always)]
    fn transform<S: Simd, const POINTS: usize>(self, simd: S, output: &mut [f32])
    where
        Tile: Transform<POINTS>,
    {
        let Convolution { output_extent: [height, width], lanes, start, .. } = *self.convolution;
        let columns = self.convolution.grid()[1];
        let bias = simd.splat_f32s(self.bias);
        for tile in self.tiles.clone() {
            let [first_row, first_column] = [tile / columns * OUTPUTS, tile % columns * OUTPUTS];
            for lane in (0..lanes).step_by(S::F32_LANES) {
                let products = &self.products[(tile - self.tiles.start) * lanes + lane..];
                transform::outputs::<S, POINTS>(
                    simd,
                    #[inline(always)]
                    |y, x| load::<S>(&products[(y * POINTS + x) * self.distance..]),
                    #[inline(always)]
                    |y, x, value| {
                        let (row, column) = (first_row + y, first_column + x);
                        if row >= height || column >= width {
                            return;
                        }
                        let output = &mut output[(row * width + column) * lanes + lane..];
                        let value = match start {
                            Start::Zero => value,
                            Start::Bias(_) => simd.add_f32s(value, bias),
                            Start::Output | Start::OutputCopied(_) => simd.add_f32s(load::<S>(output), value),
                        };
                        store::<S>(output, value);
                    },
                );
            }
        }
    }
}

//! A single image of few tiles: channels lie in the lanes, because there are too few tiles to fill them.

use pulp::{Simd, WithSimd};

use super::transform::{self, OUTPUTS, Tile, Transform};
use super::{Convolution, Filters};
use crate::kernel::thread_memory::Memories;
use crate::kernel::weighted_sum::{Start, load, store};
use crate::workspace::Memory;

/// Channels are rounded up to a multiple of what the widest register holds.
pub(super) const CHANNELS: usize = 16;

/// The convolution of one image, at so many points along each axis.
pub(super) struct FewTiles<'a, const POINTS: usize> {
    pub(super) convolution: &'a Convolution<'a>,
    pub(super) memory: &'a mut Memories,
    /// `[outputs][height][width]`.
    pub(super) output: &'a mut [f32],
}

impl<const POINTS: usize> WithSimd for FewTiles<'_, POINTS>
where
    Tile: Transform<POINTS>,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { convolution, memory: [input_memory, product_memory, turned], output } = self;
        let Filters { outputs, inputs, .. } = *convolution.filters;
        let tiles = convolution.tiles();
        let pairs = POINTS * POINTS;
        let across = [inputs, outputs].map(|channels| channels.next_multiple_of(CHANNELS));
        let inputs = input_memory.at_least(tiles * pairs * across[0]);
        let products = product_memory.at_least(tiles * pairs * across[1]);
        let turned = turn(convolution, across[0], turned);
        transform_inputs::<S, POINTS>(simd, convolution, across[0], turned, inputs);
        let product = Product { convolution, tiles, pairs, across, inputs };
        for pair in 0..pairs {
            product.pair::<S>(simd, pair, products);
        }
        transform_outputs::<S, POINTS>(simd, convolution, across[1], products, output);
    }
}

/// The image as `[height][width][channels]`, with room for `across` channels.
fn turn<'m>(convolution: &Convolution<'_>, across: usize, memory: &'m mut Memory) -> &'m [f32] {
    let [height, width] = convolution.input_extent;
    let turned = memory.at_least(height * width * across);
    for (channel, plane) in convolution.input.chunks_exact(height * width).enumerate() {
        for (pixel, value) in turned.chunks_exact_mut(across).zip(plane) {
            pixel[channel] = *value;
        }
    }
    turned
}

/// Transforms the inputs of all tiles to `[tiles][pairs][across]`.
#[inline(always)]
fn transform_inputs<S: Simd, const POINTS: usize>(
    simd: S,
    convolution: &Convolution<'_>,
    across: usize,
    turned: &[f32],
    inputs: &mut [f32],
) where
    Tile: Transform<POINTS>,
{
    let zero = simd.splat_f32s(0.0);
    let width = convolution.input_extent[1];
    for (tile, inputs) in inputs.chunks_exact_mut(POINTS * POINTS * across).enumerate() {
        let [rows, columns] = convolution.places::<POINTS>(tile);
        for channel in (0..convolution.filters.inputs).step_by(S::F32_LANES) {
            let at = |row: Option<usize>, column: Option<usize>| match (row, column) {
                (Some(row), Some(column)) => load::<S>(&turned[(row * width + column) * across + channel..]),
                _ => zero,
            };
            transform::inputs::<S, POINTS>(
                simd,
                #[inline(always)]
                |y, x| at(rows[y], columns[x]),
                #[inline(always)]
                |y, x, value| store::<S>(&mut inputs[(y * POINTS + x) * across + channel..], value),
            );
        }
    }
}

/// The matrix products of the pairs of points.
struct Product<'a> {
    convolution: &'a Convolution<'a>,
    tiles: usize,
    pairs: usize,
    /// Channels of inputs and outputs, rounded up.
    across: [usize; 2],
    /// `[tiles][pairs][across]`.
    inputs: &'a [f32],
}

impl Product<'_> {
    /// One pair: so many tiles and registers of outputs at a time that there are enough chains to wait for none.
    #[inline(always)]
    fn pair<S: Simd>(&self, simd: S, pair: usize, products: &mut [f32]) {
        let many = S::REGISTER_COUNT >= 32;
        let mut tile = 0;
        while tile < self.tiles {
            let place = [pair, tile];
            tile += match self.tiles - tile {
                // Nine are five and four, not eight and one.
                5..=7 | 9 if many => self.tiles::<S, 5, 4>(simd, place, products),
                5 | 9 => self.tiles::<S, 5, 2>(simd, place, products),
                8.. if many => self.tiles::<S, 8, 3>(simd, place, products),
                4.. if many => self.tiles::<S, 4, 4>(simd, place, products),
                4.. => self.tiles::<S, 4, 3>(simd, place, products),
                _ => self.tiles::<S, 1, 8>(simd, place, products),
            };
        }
    }

    /// `TILES` tiles, `COLUMNS` registers at a time, then two, then one. Returns how many tiles that is.
    #[inline(always)]
    fn tiles<S: Simd, const TILES: usize, const COLUMNS: usize>(
        &self,
        simd: S,
        [pair, tile]: [usize; 2],
        products: &mut [f32],
    ) -> usize {
        let registers = self.convolution.filters.outputs.div_ceil(S::F32_LANES);
        let mut column = 0;
        while column + COLUMNS <= registers {
            self.block::<S, TILES, COLUMNS>(simd, [pair, tile, column], products);
            column += COLUMNS;
        }
        while column + 2 <= registers {
            self.block::<S, TILES, 2>(simd, [pair, tile, column], products);
            column += 2;
        }
        if column < registers {
            self.block::<S, TILES, 1>(simd, [pair, tile, column], products);
        }
        TILES
    }

    #[inline(always)]
    fn block<S: Simd, const TILES: usize, const COLUMNS: usize>(
        &self,
        simd: S,
        [pair, tile, column]: [usize; 3],
        products: &mut [f32],
    ) {
        let channels = self.convolution.filters.inputs;
        let [across_in, across_out] = self.across;
        let filters = &self.convolution.filters.side_by_side()[pair * channels * across_out..];
        let filters = filters[..channels * across_out].chunks_exact(across_out);
        let inputs: [&[f32]; TILES] =
            std::array::from_fn(|i| &self.inputs[((tile + i) * self.pairs + pair) * across_in..][..channels]);
        let mut sums = [[simd.splat_f32s(0.0); COLUMNS]; TILES];
        for (channel, filters) in filters.enumerate() {
            let filters = S::as_simd_f32s(filters).0;
            let filters: [S::f32s; COLUMNS] = std::array::from_fn(|j| filters[column + j]);
            for i in 0..TILES {
                let input = simd.splat_f32s(inputs[i][channel]);
                for j in 0..COLUMNS {
                    sums[i][j] = simd.mul_add_f32s(filters[j], input, sums[i][j]);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let products = &mut products[((tile + i) * self.pairs + pair) * across_out..][..across_out];
            S::as_mut_simd_f32s(products).0[column..column + COLUMNS].copy_from_slice(sums);
        }
    }
}

/// Transforms the products, `[tiles][pairs][across]`, to `output`, `[outputs][height][width]`.
#[inline(always)]
fn transform_outputs<S: Simd, const POINTS: usize>(
    simd: S,
    convolution: &Convolution<'_>,
    across: usize,
    products: &[f32],
    output: &mut [f32],
) where
    Tile: Transform<POINTS>,
{
    let Convolution { filters, output_extent: [height, width], start, .. } = *convolution;
    let columns = convolution.grid()[1];
    for (tile, products) in products.chunks_exact(POINTS * POINTS * across).enumerate() {
        let [first_row, first_column] = [tile / columns * OUTPUTS, tile % columns * OUTPUTS];
        for channel in (0..filters.outputs).step_by(S::F32_LANES) {
            let mut tile = [[[0.0_f32; CHANNELS]; OUTPUTS]; OUTPUTS];
            transform::outputs::<S, POINTS>(
                simd,
                #[inline(always)]
                |y, x| load::<S>(&products[(y * POINTS + x) * across + channel..]),
                #[inline(always)]
                |y, x, value| store::<S>(&mut tile[y][x], value),
            );
            for lane in 0..S::F32_LANES.min(filters.outputs - channel) {
                let channel = channel + lane;
                let plane = &mut output[channel * height * width..][..height * width];
                for (y, row) in tile.iter().enumerate().take(height - first_row) {
                    let line = &mut plane[(first_row + y) * width + first_column..];
                    for (output, value) in line.iter_mut().zip(row).take(width - first_column) {
                        match start {
                            Start::Zero => *output = value[lane],
                            Start::Bias(bias) => *output = value[lane] + bias[channel],
                            Start::Output | Start::OutputCopied(_) => *output += value[lane],
                        }
                    }
                }
            }
        }
    }
}

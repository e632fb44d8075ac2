//! A block of tiles: its inputs are transformed, multiplied by the filters, and transformed to outputs.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::Convolution;
use super::transform::{self, OUTPUTS, Tile, Transform};
use crate::kernel::apart::Apart;
use crate::kernel::register_tile::add_products_of_some;
use crate::kernel::thread_memory::{Memories, with_memory};
use crate::kernel::weighted_sum::{Start, load, store};
use crate::workspace::Memory;

/// Heights and widths of register tiles: 24 or 12 sums, the width counted in registers.
pub(super) const MANY_REGISTERS_ROWS: usize = 8;
pub(super) const MANY_REGISTERS_COLUMNS: usize = 3;
pub(super) const FEW_REGISTERS_ROWS: usize = 6;
pub(super) const FEW_REGISTERS_COLUMNS: usize = 2;

/// So few rows that are left in a panel are not computed as if it were full.
const FEW_ROWS: usize = 2;

/// Distances between pairs are stretched by a cache line: their lines would else fall on the same place of the cache.
const STRETCH: usize = 16;

/// Neighbouring tiles in row-major order, computed together at so many points along each axis.
pub(super) struct Block<'a, const POINTS: usize> {
    pub(super) convolution: &'a Convolution<'a>,
    pub(super) tiles: Range<usize>,
    /// Whether the work is worth dividing among the threads.
    pub(super) divided: bool,
}

impl<const POINTS: usize> Block<'_, POINTS>
where
    Tile: Transform<POINTS>,
{
    /// Computes the outputs of the block's tiles.
    pub(super) fn compute(&self, [inputs, products, _]: &mut Memories, output: &mut [f32]) {
        let architecture = crate::kernel::architecture();
        let layout = architecture.dispatch(LayoutOf { tiles: self.tiles.len() });
        let filters = self.convolution.filters;
        let pairs = POINTS * POINTS;
        let transformed = inputs.at_least(pairs * layout.pair_distance(filters.inputs));
        let products = products.at_least(pairs * layout.pair_distance(filters.outputs));
        let [height, width] = self.convolution.output_extent;

        let inputs = Apart::new(transformed);
        for_each(self.divided, (0..filters.inputs).into_par_iter(), |scratch, channel| {
            architecture.dispatch(TransformInputs { block: self, layout, channel, scratch, inputs: &inputs });
        });
        let of_pairs = products.par_chunks_mut(layout.pair_distance(filters.outputs));
        for_each(self.divided, of_pairs.enumerate(), |_, (pair, products)| {
            let inputs = &transformed[pair * layout.pair_distance(filters.inputs)..];
            architecture.dispatch(Multiply { block: self, layout, pair, inputs, products });
        });
        let products = &*products;
        for_each(
            self.divided,
            output.par_chunks_mut(height * width).enumerate(),
            |scratch, (channel, output)| {
                architecture.dispatch(TransformOutputs {
                    block: self,
                    layout,
                    channel,
                    products,
                    scratch,
                    output,
                });
            },
        );
    }

    /// For each row of tiles that the block has a part of: the row, the columns, and where the first is in the block.
    fn segments(&self) -> impl Iterator<Item = (usize, Range<usize>, usize)> {
        let (columns, tiles) = (self.convolution.grid()[1], self.tiles.clone());
        (tiles.start / columns..tiles.end.div_ceil(columns)).map(move |row| {
            let part = tiles.start.max(row * columns)..tiles.end.min((row + 1) * columns);
            (row, part.start - row * columns..part.end - row * columns, part.start - tiles.start)
        })
    }
}

/// Calls `task` for every item, on all threads if the work is `divided`.
fn for_each<I: IndexedParallelIterator>(
    divided: bool,
    items: I,
    task: impl Fn(&mut Memory, I::Item) + Sync + Send,
) {
    let items = if divided { items.with_min_len(1) } else { items.with_min_len(usize::MAX) };
    items.for_each(|item| with_memory(|[scratch, ..]| task(scratch, item)));
}

/// Where the tiles of a block lie in its buffers.
///
/// - Inputs: for each pair, for each group of tiles, `[channels][tiles of the group]`: as the products want them.
/// - Products: for each pair `[channels][tiles]`.
///
/// A tile is a column of the matrix products. Where many images lie side by side, a tile has a column for each of them.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Tiles in a group: the width of a register tile. The last group may be narrower.
    pub(super) group: usize,
    /// Tiles, rounded up to whole registers.
    pub(super) padded: usize,
}

impl Layout {
    pub(super) fn new<S: Simd>(tiles: usize) -> Self {
        let columns = if S::REGISTER_COUNT >= 32 { MANY_REGISTERS_COLUMNS } else { FEW_REGISTERS_COLUMNS };
        Self { group: columns * S::F32_LANES, padded: tiles.next_multiple_of(S::F32_LANES) }
    }

    pub(super) fn pair_distance(self, channels: usize) -> usize {
        channels * self.padded + STRETCH
    }

    /// Where tile `tile` of `channel` is among the inputs of a pair.
    #[inline(always)]
    pub(super) fn input(self, tile: usize, channel: usize, channels: usize) -> usize {
        let first = tile / self.group * self.group;
        let width = self.group.min(self.padded - first);
        first * channels + channel * width + tile - first
    }
}

struct LayoutOf {
    tiles: usize,
}

impl WithSimd for LayoutOf {
    type Output = Layout;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Layout {
        Layout::new::<S>(self.tiles)
    }
}

/// The transformed inputs of one channel.
struct TransformInputs<'a, const POINTS: usize> {
    block: &'a Block<'a, POINTS>,
    layout: Layout,
    channel: usize,
    scratch: &'a mut Memory,
    inputs: &'a Apart<'a>,
}

impl<const POINTS: usize> TransformInputs<'_, POINTS>
where
    Tile: Transform<POINTS>,
{
    /// Sorts the inputs of all tiles by their place in the tile: `[POINTS][POINTS][tiles]`.
    #[inline(always)]
    fn sort(&mut self) -> &[f32] {
        let Convolution { input, input_extent: [height, width], origin, .. } = *self.block.convolution;
        let plane = &input[self.channel * height * width..][..height * width];
        let padded = self.layout.padded;
        let line = POINTS + OUTPUTS * self.block.convolution.grid()[1];
        let scratch = self.scratch.at_least(POINTS * POINTS * padded + line);
        let (sorted, line) = scratch.split_at_mut(POINTS * POINTS * padded);
        for (row, columns, place) in self.block.segments() {
            let count = columns.len();
            let line = &mut line[..OUTPUTS * count + POINTS - OUTPUTS];
            for (y, sorted) in sorted.chunks_exact_mut(POINTS * padded).enumerate() {
                let from_row = origin[0] + (row * OUTPUTS + y) as isize;
                let from_column = origin[1] + (columns.start * OUTPUTS) as isize;
                match usize::try_from(from_row) {
                    Ok(from_row) if from_row < height => {
                        copy_with_zeros(&plane[from_row * width..][..width], from_column, line);
                    }
                    _ => line.fill(0.0),
                }
                let mut sorted = sorted.chunks_exact_mut(padded).map(|values| &mut values[place..][..count]);
                let mut next = || sorted.next().expect("a place a point");
                let places = [next(), next(), next(), next()];
                let [zero, one, two, three] = places;
                for (tile, line) in line.as_chunks::<OUTPUTS>().0.iter().take(count).enumerate() {
                    zero[tile] = line[0];
                    one[tile] = line[1];
                    two[tile] = line[2];
                    three[tile] = line[3];
                }
                // The inputs behind the fourth are the first of the next tile.
                let befores = [&*zero, &*one, &*two, &*three];
                for (first, before) in befores.into_iter().enumerate().take(POINTS - OUTPUTS) {
                    let own = next();
                    own[..count - 1].copy_from_slice(&before[1..]);
                    own[count - 1] = line[OUTPUTS * count + first];
                }
            }
        }
        sorted
    }
}

/// Copies `row` from column `from` on to `line`, and zeros where there is no such column.
#[inline(always)]
fn copy_with_zeros(row: &[f32], from: isize, line: &mut [f32]) {
    let skipped = from.min(0).unsigned_abs().min(line.len());
    let first = from.max(0).unsigned_abs().min(row.len());
    let count = (line.len() - skipped).min(row.len() - first);
    line[..skipped].fill(0.0);
    line[skipped..skipped + count].copy_from_slice(&row[first..first + count]);
    line[skipped + count..].fill(0.0);
}

impl<const POINTS: usize> WithSimd for TransformInputs<'_, POINTS>
where
    Tile: Transform<POINTS>,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Self { layout, channel, inputs, .. } = self;
        let channels = self.block.convolution.filters.inputs;
        let padded = layout.padded;
        let sorted = self.sort();
        for tile in (0..padded).step_by(S::F32_LANES) {
            let place = layout.input(tile, channel, channels);
            transform::inputs::<S, POINTS>(
                simd,
                #[inline(always)]
                |y, x| load::<S>(&sorted[(y * POINTS + x) * padded + tile..]),
                #[inline(always)]
                |y, x, value| {
                    let place = (y * POINTS + x) * layout.pair_distance(channels) + place;
                    // SAFETY: no other channel has this place, and it is held for this line alone.
                    store::<S>(unsafe { inputs.part(place, S::F32_LANES) }, value);
                },
            );
        }
    }
}

/// The matrix product of one pair of points.
struct Multiply<'a, const POINTS: usize> {
    block: &'a Block<'a, POINTS>,
    layout: Layout,
    pair: usize,
    inputs: &'a [f32],
    products: &'a mut [f32],
}

impl<const POINTS: usize> WithSimd for Multiply<'_, POINTS>
where
    Tile: Transform<POINTS>,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 {
            self.run::<S, MANY_REGISTERS_ROWS, MANY_REGISTERS_COLUMNS>(simd);
        } else {
            self.run::<S, FEW_REGISTERS_ROWS, FEW_REGISTERS_COLUMNS>(simd);
        }
    }
}

impl<const POINTS: usize> Multiply<'_, POINTS>
where
    Tile: Transform<POINTS>,
{
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const COLUMNS: usize>(self, simd: S) {
        let Self { block, layout, pair, inputs, products } = self;
        let filters = block.convolution.filters;
        assert_eq!(filters.rows, ROWS, "the filters are laid out for this machine");
        let padded = layout.padded;
        for (panel, products) in products[..filters.outputs * padded].chunks_mut(ROWS * padded).enumerate() {
            let rows = (panel * POINTS * POINTS + pair) * filters.inputs * ROWS;
            let rows = &filters.values[rows..][..filters.inputs * ROWS];
            for tile in (0..padded).step_by(layout.group) {
                let columns = &inputs[tile * filters.inputs..];
                let (products, left) = (&mut products[tile..], padded - tile);
                let rows = (rows, filters.outputs - panel * ROWS);
                group_product::<S, ROWS, COLUMNS>(simd, rows, columns, products, [padded, left]);
            }
        }
    }
}

/// Writes the products of a panel of `ROWS` filters and a group of columns: a tile of `COLUMNS` registers, or what is
/// left. Products of a row are `distance` behind those of the row before.
///
/// - `count`: so many of the filters are wanted; of the others there may be products or not.
#[inline(always)]
pub(super) fn group_product<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    (rows, count): (&[f32], usize),
    columns: &[f32],
    products: &mut [f32],
    [distance, left]: [usize; 2],
) {
    if count <= FEW_ROWS {
        tile_products::<S, FEW_ROWS, ROWS, COLUMNS>(simd, rows, columns, products, [distance, left]);
    } else {
        tile_products::<S, ROWS, ROWS, COLUMNS>(simd, rows, columns, products, [distance, left]);
    }
}

#[inline(always)]
fn tile_products<S: Simd, const ROWS: usize, const ALL: usize, const COLUMNS: usize>(
    simd: S,
    rows: &[f32],
    columns: &[f32],
    products: &mut [f32],
    [distance, left]: [usize; 2],
) {
    if left >= COLUMNS * S::F32_LANES {
        tile_product::<S, ROWS, ALL, COLUMNS>(simd, rows, columns, products, distance);
    } else if left >= 2 * S::F32_LANES {
        tile_product::<S, ROWS, ALL, 2>(simd, rows, columns, products, distance);
    } else {
        tile_product::<S, ROWS, ALL, 1>(simd, rows, columns, products, distance);
    }
}

/// Writes a tile of products, the first `ROWS` of `ALL` rows.
#[inline(always)]
fn tile_product<S: Simd, const ROWS: usize, const ALL: usize, const COLUMNS: usize>(
    simd: S,
    rows: &[f32],
    columns: &[f32],
    products: &mut [f32],
    distance: usize,
) {
    let mut sums = [[simd.splat_f32s(0.0); COLUMNS]; ROWS];
    add_products_of_some::<S, ROWS, ALL, COLUMNS>(simd, rows, columns, &mut sums);
    for (sums, products) in sums.iter().zip(products.chunks_mut(distance)) {
        S::as_mut_simd_f32s(products).0[..COLUMNS].copy_from_slice(sums);
    }
}

/// The outputs of one channel.
struct TransformOutputs<'a, const POINTS: usize> {
    block: &'a Block<'a, POINTS>,
    layout: Layout,
    channel: usize,
    products: &'a [f32],
    scratch: &'a mut Memory,
    /// `[height][width]`.
    output: &'a mut [f32],
}

impl<const POINTS: usize> WithSimd for TransformOutputs<'_, POINTS>
where
    Tile: Transform<POINTS>,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { block, layout: Layout { padded, .. }, channel, products, scratch, output } = self;
        let distance = self.layout.pair_distance(block.convolution.filters.outputs);
        let products = &products[channel * padded..];
        let line = OUTPUTS * block.convolution.grid()[1];
        let scratch = scratch.at_least(OUTPUTS * OUTPUTS * padded + line);
        let (sorted, line) = scratch.split_at_mut(OUTPUTS * OUTPUTS * padded);
        for tile in (0..padded).step_by(S::F32_LANES) {
            transform::outputs::<S, POINTS>(
                simd,
                #[inline(always)]
                |y, x| load::<S>(&products[(y * POINTS + x) * distance + tile..]),
                #[inline(always)]
                |y, x, value| store::<S>(&mut sorted[(y * OUTPUTS + x) * padded + tile..], value),
            );
        }
        block.unsort(channel, sorted, line, output);
    }
}

impl<const POINTS: usize> Block<'_, POINTS>
where
    Tile: Transform<POINTS>,
{
    /// Writes the outputs of all tiles to where they belong in the image of a channel.
    ///
    /// - `sorted`: by their place in the tile, `[4][4][tiles]`.
    /// - `line`: room for a line of outputs.
    #[inline(always)]
    fn unsort(&self, channel: usize, sorted: &[f32], line: &mut [f32], output: &mut [f32]) {
        let Convolution { start, output_extent: [height, width], .. } = *self.convolution;
        let padded = sorted.len() / (OUTPUTS * OUTPUTS);
        for (row, columns, place) in self.segments() {
            let count = columns.len();
            for y in 0..OUTPUTS.min(height - row * OUTPUTS) {
                let places: [&[f32]; OUTPUTS] =
                    std::array::from_fn(|x| &sorted[(y * OUTPUTS + x) * padded + place..][..count]);
                let line = &mut line[..OUTPUTS * count];
                for (tile, line) in line.as_chunks_mut::<OUTPUTS>().0.iter_mut().enumerate() {
                    *line = [places[0][tile], places[1][tile], places[2][tile], places[3][tile]];
                }
                let columns = columns.start * OUTPUTS..width.min(columns.end * OUTPUTS);
                let output = &mut output[(row * OUTPUTS + y) * width..][columns];
                match start {
                    Start::Zero => output.copy_from_slice(&line[..output.len()]),
                    Start::Bias(bias) => {
                        for (output, value) in output.iter_mut().zip(line) {
                            *output = *value + bias[channel];
                        }
                    }
                    Start::Output | Start::OutputCopied(_) => {
                        for (output, value) in output.iter_mut().zip(line) {
                            *output += *value;
                        }
                    }
                }
            }
        }
    }
}

//! [`Plane`]: one channel as `f64`, with rows padded to whole [`Lanes`], and the symmetric separable filter that the
//! structural similarity and the alignment share.

#![expect(clippy::inline_always, reason = "what is not inlined stays compiled for the oldest processor")]

use super::lanes::{LANE_COUNT, Lanes, with_widest_registers};
use crate::image::Image;

/// One channel of numbers, `[height, width]`, each row padded to whole [`Lanes`] with numbers of no meaning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plane {
    height: usize,
    width: usize,
    values: Vec<Lanes>,
    /// The bits of a row's number that say where it lies: all, or so few that later rows take the place of earlier ones.
    row_bits: usize,
}

/// How a filter continues an image beyond its border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuation {
    /// `c b a | a b c | c b a`: the border pixel is repeated.
    Symmetric,
    /// `c b | a b c | b a`: the border pixel is the mirror (OpenCV's reflect-101).
    Reflect101,
}

/// A symmetric separable filter: `taps[0]` is the weight of the centre, `taps[d]` that of both pixels at distance `d`.
pub(crate) struct Filter<const TAPS: usize> {
    pub(crate) taps: [f64; TAPS],
    pub(crate) continuation: Continuation,
}

impl Plane {
    pub(crate) fn height(&self) -> usize {
        self.height
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// How many [`Lanes`] a row has.
    pub(crate) fn lanes_per_row(&self) -> usize {
        self.width.div_ceil(LANE_COUNT)
    }

    /// All rows with their padding.
    pub(crate) fn values(&self) -> &[Lanes] {
        debug_assert_eq!(self.row_bits, usize::MAX, "all rows are there");
        &self.values
    }

    /// One row with its padding.
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> &[Lanes] {
        let count = self.lanes_per_row();
        &self.values[(row & self.row_bits) * count..][..count]
    }

    /// One row with its padding.
    #[inline(always)]
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [Lanes] {
        let count = self.lanes_per_row();
        &mut self.values[(row & self.row_bits) * count..][..count]
    }

    /// One number.
    #[cfg(test)]
    pub(crate) fn get(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.lanes_per_row() + column / LANE_COUNT].0[column % LANE_COUNT]
    }

    /// Becomes a plane of this size; what it holds is not defined until it is written. Allocates only to grow.
    pub(crate) fn resize(&mut self, height: usize, width: usize) {
        (self.height, self.width, self.row_bits) = (height, width, usize::MAX);
        self.values.resize(height * self.lanes_per_row(), Lanes::ZERO);
    }

    /// As [`Self::resize`], for a plane whose rows are written in their order and of which only the last `rows` are read,
    /// a power of two.
    pub(crate) fn resize_to_last(&mut self, rows: usize, height: usize, width: usize) {
        debug_assert!(rows.is_power_of_two());
        (self.height, self.width, self.row_bits) = (height, width, rows - 1);
        self.values.resize(rows * self.lanes_per_row(), Lanes::ZERO);
    }

    /// Takes over one channel of an image.
    pub(crate) fn read_channel(&mut self, image: &Image, channel: usize) {
        self.resize(image.height(), image.width());
        self.for_each_pixel(
            image.plane(channel),
            #[inline(always)]
            |_, pixel| pixel,
        );
    }

    /// Takes over the luma of an image: 0.299 R + 0.587 G + 0.114 B of three channels, the mean of any other number.
    pub(crate) fn read_luma(&mut self, image: &Image) {
        if image.channels() == 1 {
            return self.read_channel(image, 0);
        }
        self.resize(image.height(), image.width());
        self.values.fill(Lanes::ZERO);
        for channel in 0..image.channels() {
            let weight = match image.channels() {
                // Rec. 601, the weights that OpenCV uses.
                3 => [0.299, 0.587, 0.114][channel],
                count => 1.0 / count as f64,
            };
            self.for_each_pixel(
                image.plane(channel),
                #[inline(always)]
                |sum, pixel| sum + weight * pixel,
            );
        }
    }

    /// Replaces every number by `function(number, pixel)`.
    fn for_each_pixel(&mut self, pixels: &[u8], function: impl Fn(f64, f64) -> f64) {
        let width = self.width;
        with_widest_registers(
            #[inline(always)]
            || {
                for (row, pixels) in pixels.chunks_exact(width).enumerate() {
                    let (whole, rest) = pixels.as_chunks::<LANE_COUNT>();
                    let lanes = self.row_mut(row);
                    for (lanes, pixels) in lanes.iter_mut().zip(whole) {
                        for (lane, pixel) in lanes.0.iter_mut().zip(pixels) {
                            *lane = function(*lane, f64::from(*pixel));
                        }
                    }
                    if let Some(last) = lanes.last_mut() {
                        for (lane, pixel) in last.0.iter_mut().zip(rest) {
                            *lane = function(*lane, f64::from(*pixel));
                        }
                    }
                }
            },
        );
    }

    /// Rounds to whole grey levels, halves away from zero.
    pub(crate) fn round(&mut self) {
        for lanes in &mut self.values {
            *lanes = lanes.map(f64::round);
        }
    }

    /// Becomes `function(a, b)` of two planes of the same size.
    pub(crate) fn combine(&mut self, a: &Self, b: &Self, function: impl Fn(Lanes, Lanes) -> Lanes) {
        self.resize(a.height, a.width);
        with_widest_registers(
            #[inline(always)]
            || {
                for ((out, a), b) in self.values.iter_mut().zip(&a.values).zip(&b.values) {
                    *out = function(*a, *b);
                }
            },
        );
    }
}

/// A plane in a frame of zeros, so that looking at or beyond its border is like looking anywhere else.
#[derive(Clone, Debug, Default)]
pub(crate) struct FramedPlane {
    height: usize,
    width: usize,
    values: Vec<f64>,
}

/// One pixel of frame above and to the left, two below and to the right: a look-up reads two by two pixels, and the
/// farthest one starts one pixel beyond the border.
pub(crate) const FRAME_BEFORE: usize = 1;
pub(crate) const FRAME: usize = 3;

impl FramedPlane {
    /// Takes over `plane`.
    pub(crate) fn read(&mut self, plane: &Plane) {
        if (self.height, self.width) != (plane.height, plane.width) {
            (self.height, self.width) = (plane.height, plane.width);
            // The frame is zero from here on, whatever is read later.
            self.values.clear();
            self.values.resize((self.height + FRAME) * (self.width + FRAME), 0.0);
        }
        for row in 0..self.height {
            let start = (row + FRAME_BEFORE) * (self.width + FRAME) + FRAME_BEFORE;
            let own = &mut self.values[start..start + self.width];
            for (own, lanes) in own.chunks_mut(LANE_COUNT).zip(plane.row(row)) {
                own.copy_from_slice(&lanes.0[..own.len()]);
            }
        }
    }

    pub(crate) fn height(&self) -> usize {
        self.height
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// What the plane shows at eight points, 0 beyond the border and at points that are not finite.
    #[inline(always)]
    pub(crate) fn look_up(&self, x: Lanes, y: Lanes) -> Lanes {
        // Far points are moved to the frame.
        let x = x.clamp(-1.0, self.width as f64) + Lanes::splat(FRAME_BEFORE as f64);
        let y = y.clamp(-1.0, self.height as f64) + Lanes::splat(FRAME_BEFORE as f64);
        let (left, top) = (x.floor(), y.floor());
        let stride = self.width + FRAME;
        let indices = (top * Lanes::splat(stride as f64) + left).indices();
        let (mut upper, mut lower) = ([Lanes::ZERO; 2], [Lanes::ZERO; 2]);
        for (lane, index) in indices.into_iter().enumerate() {
            let window = &self.values[index..index + stride + 2];
            (upper[0].0[lane], upper[1].0[lane]) = (window[0], window[1]);
            (lower[0].0[lane], lower[1].0[lane]) = (window[stride], window[stride + 1]);
        }
        let (right_share, lower_share) = (x - left, y - top);
        let upper = upper[0] + right_share * (upper[1] - upper[0]);
        let lower = lower[0] + right_share * (lower[1] - lower[0]);
        upper + lower_share * (lower - upper)
    }
}

impl<const TAPS: usize> Filter<TAPS> {
    /// Filters `plane` into `out`, which becomes a plane of the same size. `scratch` holds one row between the passes.
    pub(crate) fn apply(&self, plane: &Plane, scratch: &mut Vec<f64>, out: &mut Plane) {
        out.resize(plane.height, plane.width);
        self.resize_scratch(plane, scratch);
        with_widest_registers(
            #[inline(always)]
            || {
                for row in 0..plane.height {
                    self.vertically(plane, row, scratch);
                    for (index, lanes) in out.row_mut(row).iter_mut().enumerate() {
                        *lanes = self.horizontally(scratch, index);
                    }
                }
            },
        );
    }

    /// Makes `scratch` a row of `plane` with TAPS − 1 pixels more on both sides.
    pub(crate) fn resize_scratch(&self, plane: &Plane, scratch: &mut Vec<f64>) {
        scratch.resize(plane.lanes_per_row() * LANE_COUNT + 2 * (self.taps.len() - 1), 0.0);
    }

    /// The first pass of one row, into `scratch`.
    #[inline(always)]
    pub(crate) fn vertically(&self, plane: &Plane, row: usize, scratch: &mut [f64]) {
        self.filter_vertically(plane, row, scratch);
        self.continue_row(plane.width, scratch);
    }

    /// The second pass of eight pixels of a row.
    #[inline(always)]
    pub(crate) fn horizontally(&self, scratch: &[f64], index: usize) -> Lanes {
        self.filter_lanes(&scratch[index * LANE_COUNT..])
    }

    /// The row `row` of the vertically filtered plane, into `scratch[TAPS − 1..]`.
    #[inline(always)]
    fn filter_vertically(&self, plane: &Plane, row: usize, scratch: &mut [f64]) {
        let mut rows = [[plane.row(row); 2]; TAPS];
        for (distance, rows) in rows.iter_mut().enumerate().skip(1) {
            let (above, below) = (row.cast_signed() - distance.cast_signed(), (row + distance).cast_signed());
            rows[0] = plane.row(self.continuation.index(above, plane.height));
            rows[1] = plane.row(self.continuation.index(below, plane.height));
        }
        for index in 0..plane.lanes_per_row() {
            let mut sum = rows[0][0][index] * Lanes::splat(self.taps[0]);
            for (rows, tap) in rows.iter().zip(self.taps).skip(1) {
                sum = (rows[0][index] + rows[1][index]).mul_add(Lanes::splat(tap), sum);
            }
            sum.store(scratch, TAPS - 1 + index * LANE_COUNT);
        }
    }

    /// Writes the pixels beyond both ends of the row in `scratch[TAPS − 1..]`.
    #[inline(always)]
    fn continue_row(&self, width: usize, scratch: &mut [f64]) {
        let first = TAPS - 1;
        for distance in 1..TAPS {
            scratch[first - distance] =
                scratch[first + self.continuation.index(-distance.cast_signed(), width)];
            let beyond = width - 1 + distance;
            scratch[first + beyond] = scratch[first + self.continuation.index(beyond.cast_signed(), width)];
        }
    }

    /// Eight horizontally filtered pixels, of which the first stands at `row[TAPS − 1]`.
    #[inline(always)]
    fn filter_lanes(&self, row: &[f64]) -> Lanes {
        let row = &row[..LANE_COUNT + 2 * (TAPS - 1)];
        let mut sum = Lanes::load(row, TAPS - 1) * Lanes::splat(self.taps[0]);
        for (distance, tap) in self.taps.iter().enumerate().skip(1) {
            let (left, right) =
                (Lanes::load(row, TAPS - 1 - distance), Lanes::load(row, TAPS - 1 + distance));
            sum = (left + right).mul_add(Lanes::splat(*tap), sum);
        }
        sum
    }
}

impl Continuation {
    /// The index inside `0..length` whose pixel stands at `index`, any number of reflections away.
    pub(crate) fn index(self, index: isize, length: usize) -> usize {
        let length = length.cast_signed();
        if (0..length).contains(&index) {
            return index as usize;
        }
        let (period, mirrored) = match self {
            Self::Symmetric => (2 * length, 2 * length - 1),
            Self::Reflect101 => (2 * (length - 1), 2 * (length - 1)),
        };
        // A single pixel is its own mirror image.
        let wrapped = if period == 0 { 0 } else { index.rem_euclid(period) };
        (if wrapped < length { wrapped } else { mirrored - wrapped }) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn continuations_mirror_at_or_around_the_border_pixel() {
        let indices = |continuation: Continuation, length| {
            (-5..6).map(|index| continuation.index(index, length)).collect::<Vec<_>>()
        };
        assert_eq!(indices(Continuation::Symmetric, 3), [1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0]);
        assert_eq!(indices(Continuation::Reflect101, 3), [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1]);
        assert_eq!(indices(Continuation::Symmetric, 1), [0; 11]);
        assert_eq!(indices(Continuation::Reflect101, 1), [0; 11]);
    }

    /// The filter in two dimensions, one pixel at a time.
    fn filter_reference<const TAPS: usize>(
        filter: &Filter<TAPS>,
        plane: &Plane,
        row: usize,
        column: usize,
    ) -> f64 {
        let reach = TAPS.cast_signed() - 1;
        let mut sum = 0.0;
        for down in -reach..=reach {
            for right in -reach..=reach {
                let weight = filter.taps[down.unsigned_abs()] * filter.taps[right.unsigned_abs()];
                let row = filter.continuation.index(row.cast_signed() + down, plane.height);
                let column = filter.continuation.index(column.cast_signed() + right, plane.width);
                sum += weight * plane.get(row, column);
            }
        }
        sum
    }

    proptest! {
        #[test]
        fn the_separable_filter_equals_the_filter_in_two_dimensions(
            height in 1_usize..20, width in 1_usize..20, seed in any::<u8>(), symmetric in any::<bool>(),
        ) {
            let mut plane = Plane::default();
            plane.resize(height, width);
            for row in 0..height {
                for column in 0..width {
                    plane.row_mut(row)[column / LANE_COUNT].0[column % LANE_COUNT] = ((row * 37 + column * 91 + seed as usize * 13) % 256) as f64;
                }
            }
            let continuation = if symmetric { Continuation::Symmetric } else { Continuation::Reflect101 };
            let filter = Filter { taps: [0.4, 0.2, 0.1, 0.05], continuation };
            let (mut scratch, mut out) = (Vec::new(), Plane::default());
            filter.apply(&plane, &mut scratch, &mut out);
            for row in 0..height {
                for column in 0..width {
                    let expected = filter_reference(&filter, &plane, row, column);
                    prop_assert!((out.get(row, column) - expected).abs() < 1e-9);
                }
            }
        }
    }
}

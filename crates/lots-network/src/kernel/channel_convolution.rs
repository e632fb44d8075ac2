//! Convolutions that keep the channels apart (depthwise), for one image: each channel has a filter of its own.
//!
//! A plane is copied with a border of zeros, so that along the whole plane, row behind row, a tap always leads equally far
//! away: its products are one long run, whatever the width of the image. What falls between two rows is computed for
//! nothing. With a stride, the plane is sorted by phases first: pixels of a phase are a multiple of the stride apart along
//! both axes.
//!
//! An output is one chain of fused multiply-adds over the taps in row-major order.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::vectorized;

/// So many multiply-adds at least are worth a thread.
const WORTH_DIVIDING: usize = 1 << 19;

/// Registers that are summed in at a time.
const VECTORS: usize = 4;

/// Floats of so many of the widest registers. Sums are a multiple of it, and as much lies behind what they see.
const MOST_FLOATS: usize = 16 * VECTORS;

/// Where the filters lie over the image. Every pair is `[height, width]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChannelConvolution {
    /// Of the image.
    pub(crate) input: [usize; 2],
    /// Of the result.
    pub(crate) output: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) dilation: [usize; 2],
    /// Padding at the top and at the left.
    pub(crate) pads: [usize; 2],
}

impl ChannelConvolution {
    /// Computes `output`, `[channels][height][width]`, from `input` and `filters`, `[channels][kernel]`, starting from a
    /// bias a channel or from 0.
    pub(crate) fn forward(&self, input: &[f32], filters: &[f32], bias: Option<&[f32]>, output: &mut [f32]) {
        let seen = both(|axis| self.output[axis] + self.reach(axis));
        let phases = self.phases();
        let from_image = phases.iter().enumerate().map(|(index, phase)| Copied {
            count: both(|axis| phase[axis].count.min(seen[axis].saturating_sub(phase[axis].padded))),
            from: phase_of_plane(*phase, self.stride, self.input[1]),
            to: Places {
                first: index * area(seen) + phase[0].padded * seen[1] + phase[1].padded,
                row: seen[1],
                step: 1,
            },
        });
        let from_image: Vec<Copied> = from_image.collect();
        let taps = self.taps().map(|(tap, [y, x], phase)| (tap, phase * area(seen) + y * seen[1] + x));
        let taps: Vec<(usize, usize)> = taps.collect();
        let to_output = rows_of(self.output, seen[1], self.output[1]);
        let buffers = || (planes(phases.len(), seen), sums(self.output[0] * seen[1]));
        let channels = output
            .par_chunks_exact_mut(area(self.output))
            .zip(input.par_chunks_exact(area(self.input)).zip(filters.par_chunks_exact(area(self.kernel))));
        channels.enumerate().with_min_len(self.channels_each()).for_each_init(
            buffers,
            |(seen, sums), (channel, (output, (input, filter)))| {
                for copied in &from_image {
                    copied.copy(input, seen);
                }
                sums.fill(bias.map_or(0.0, |bias| bias[channel]));
                super::architecture().dispatch(LongRuns { values: seen, taps: &taps, filter, sums });
                to_output.copy(sums, output);
            },
        );
    }

    /// Adds to `gradient`, `[channels][height][width]` of the image, what `cotangent` sends back through `filters`.
    pub(crate) fn backward(&self, cotangent: &[f32], filters: &[f32], gradient: &mut [f32]) {
        // A pixel counts back from the output whose first tap it would be.
        let margin = both(|axis| self.reach(axis));
        let last = both(|axis| (self.input[axis] - 1 + self.pads[axis]) / self.stride[axis]);
        let seen = both(|axis| margin[axis] + last[axis] + 1);
        let from_cotangent = Copied {
            count: both(|axis| self.output[axis].min(last[axis] + 1)),
            from: Places { first: 0, row: self.output[1], step: 1 },
            to: Places { first: margin[0] * seen[1] + margin[1], row: seen[1], step: 1 },
        };
        let phases: Vec<(Copied, Vec<(usize, usize)>)> = (self.phases().iter().enumerate())
            .map(|(index, phase)| {
                let first = both(|axis| margin[axis] + phase[axis].padded);
                let taps = self.taps().filter(|(.., phase)| *phase == index);
                let taps = taps.map(|(tap, [y, x], _)| (tap, (first[0] - y) * seen[1] + first[1] - x));
                let pixels = Copied {
                    count: phase.map(|axis| axis.count),
                    from: phase_of_plane(*phase, self.stride, self.input[1]),
                    to: Places { first: 0, row: seen[1], step: 1 },
                };
                (pixels, taps.collect())
            })
            .collect();
        let most_rows = self.input[0].div_ceil(self.stride[0]);
        let buffers = || (planes(1, seen), sums(most_rows * seen[1]));
        let channels = gradient.par_chunks_exact_mut(area(self.input)).zip(
            cotangent.par_chunks_exact(area(self.output)).zip(filters.par_chunks_exact(area(self.kernel))),
        );
        channels.with_min_len(self.channels_each()).for_each_init(
            buffers,
            |(seen, sums), (gradient, (cotangent, filter))| {
                from_cotangent.copy(cotangent, seen);
                for (pixels, taps) in &phases {
                    pixels.copy(gradient, sums);
                    super::architecture().dispatch(LongRuns { values: seen, taps, filter, sums });
                    pixels.turned().copy(sums, gradient);
                }
            },
        );
    }

    /// How many pixels of its phase the last tap leads further than the first.
    fn reach(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilation[axis] / self.stride[axis]
    }

    /// All pairs of phases, those of a row first.
    fn phases(&self) -> Vec<[Phase; 2]> {
        let [rows, columns] = both(|axis| {
            let phase =
                |remainder| Phase::new(remainder, self.input[axis], self.stride[axis], self.pads[axis]);
            (0..self.stride[axis]).map(phase).collect::<Vec<_>>()
        });
        rows.iter().flat_map(|&row| columns.iter().map(move |&column| [row, column])).collect()
    }

    /// For each tap its index, how far it leads among the pixels of its phase, and the index of the phase.
    fn taps(&self) -> impl Iterator<Item = (usize, [usize; 2], usize)> {
        (0..area(self.kernel)).map(|tap| {
            let at = [tap / self.kernel[1], tap % self.kernel[1]];
            let shift = both(|axis| at[axis] * self.dilation[axis]);
            let [row, column] = both(|axis| shift[axis] % self.stride[axis]);
            (tap, both(|axis| shift[axis] / self.stride[axis]), row * self.stride[1] + column)
        })
    }

    /// How many channels are the least that a thread should take.
    fn channels_each(&self) -> usize {
        (WORTH_DIVIDING / (area(self.output) * area(self.kernel)).max(1)).max(1)
    }
}

/// Along an axis, the pixels whose padded coordinate leaves the same remainder by the stride.
#[derive(Clone, Copy)]
struct Phase {
    /// The first pixel of the image, and its padded coordinate over the stride.
    first: usize,
    padded: usize,
    count: usize,
}

impl Phase {
    fn new(remainder: usize, extent: usize, stride: usize, pad: usize) -> Self {
        let first = (remainder + stride - pad % stride) % stride;
        Self { first, padded: (first + pad) / stride, count: extent.saturating_sub(first).div_ceil(stride) }
    }
}

/// Places in an array, row by row.
#[derive(Clone, Copy)]
struct Places {
    first: usize,
    /// From a row to the next.
    row: usize,
    /// From a place in a row to the next.
    step: usize,
}

/// What is copied from some places to others.
#[derive(Clone, Copy)]
struct Copied {
    /// Rows, and places in each.
    count: [usize; 2],
    from: Places,
    to: Places,
}

impl Copied {
    fn copy(&self, from: &[f32], to: &mut [f32]) {
        let [rows, count] = self.count;
        if count == 0 {
            return;
        }
        let last = |places: Places| (count - 1) * places.step + 1;
        vectorized(
            #[inline(always)]
            || {
                for row in 0..rows {
                    let from = &from[self.from.first + row * self.from.row..][..last(self.from)];
                    let to = &mut to[self.to.first + row * self.to.row..][..last(self.to)];
                    match [self.from.step, self.to.step] {
                        [1, 1] => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
                        [step, 1] => {
                            to.iter_mut().zip(from.iter().step_by(step)).for_each(|(to, from)| *to = *from);
                        }
                        [_, step] => to.iter_mut().step_by(step).zip(from).for_each(|(to, from)| *to = *from),
                    }
                }
            },
        );
    }

    /// The way back.
    fn turned(&self) -> Self {
        Self { count: self.count, from: self.to, to: self.from }
    }
}

/// `sums[i] += Σ_tap filter[tap] · values[offset(tap) + i]`
struct LongRuns<'a> {
    values: &'a [f32],
    /// Index in the filter, and offset.
    taps: &'a [(usize, usize)],
    filter: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for LongRuns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { values, taps, filter, sums } = self;
        let width = VECTORS * S::F32_LANES;
        for (part, sums) in sums.chunks_exact_mut(width).enumerate() {
            let sums = &mut S::as_mut_simd_f32s(sums).0.as_chunks_mut::<VECTORS>().0[0];
            let mut sum = *sums;
            for &(tap, offset) in taps {
                let values = &values[offset + part * width..][..width];
                let values = &S::as_simd_f32s(values).0.as_chunks::<VECTORS>().0[0];
                let factor = simd.splat_f32s(filter[tap]);
                for j in 0..VECTORS {
                    sum[j] = simd.mul_add_f32s(factor, values[j], sum[j]);
                }
            }
            *sums = sum;
        }
    }
}

/// Zeros for so many planes, and for what the longest run of sums sees behind them.
fn planes(count: usize, extent: [usize; 2]) -> Vec<f32> {
    vec![0.0; count * area(extent) + extent[1] + MOST_FLOATS]
}

/// Sums for so many places, filled up to whole registers.
fn sums(places: usize) -> Vec<f32> {
    vec![0.0; places.next_multiple_of(MOST_FLOATS)]
}

fn phase_of_plane(phase: [Phase; 2], stride: [usize; 2], width: usize) -> Places {
    Places { first: phase[0].first * width + phase[1].first, row: stride[0] * width, step: stride[1] }
}

fn rows_of(count: [usize; 2], from: usize, to: usize) -> Copied {
    let places = |row| Places { first: 0, row, step: 1 };
    Copied { count, from: places(from), to: places(to) }
}

fn both<T>(of: impl Fn(usize) -> T) -> [T; 2] {
    [of(0), of(1)]
}

fn area([height, width]: [usize; 2]) -> usize {
    height * width
}

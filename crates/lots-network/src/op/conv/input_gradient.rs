//! ∂loss/∂image of a convolution: each pixel gathers from the outputs that it took part in.
//!
//! Pixels that took part through the same taps of the kernel make a region: what they gather is the same sum at other
//! places. A stride makes regions, and so do the borders, where some taps would have led outside. Images side by side
//! walk the regions, so that nothing is multiplied with zeros. A single image wants long rows of neighbouring pixels
//! instead, and gathers from a cotangent with a border of zeros.

use super::Geometry;
use crate::kernel::weighted_sum::{Column, Rounds, Start, Tap, WeightedSums};
use crate::op::{Backward, vectorized};

/// Adds the gradient to `gradient`.
pub(super) fn add_to(geometry: &Geometry<'_>, pass: &Backward<'_>, gradient: &mut [f32]) {
    if pass.lanes == 1 {
        gather_from_padded(geometry, pass, gradient);
    } else {
        gather(geometry, pass, gradient);
    }
    // Adding products with zeros, or not, differs in nothing but the sign of a sum that is zero: it becomes plus.
    vectorized(
        #[inline(always)]
        || gradient.iter_mut().for_each(|value| *value += 0.0),
    );
}

fn gather(geometry: &Geometry<'_>, pass: &Backward<'_>, gradient: &mut [f32]) {
    let (output_width, width) = (geometry.output[1], geometry.input[2]);
    let bands = Band::all(geometry, 1);
    for rows in &Band::all(geometry, 0) {
        for columns in &bands {
            let pixels = rows.pixels.iter().flat_map(|&(y, from_y)| {
                columns.pixels.iter().map(move |&(x, from_x)| Column {
                    input: from_y * output_width + from_x,
                    output: y * width + x,
                })
            });
            let taps = rows.taps().flat_map(|(u, y)| {
                columns.taps().map(move |(v, x)| Tap {
                    input: y * output_width + x,
                    weight: u * geometry.conv.window.kernel[1] + v,
                })
            });
            let region = Region { pixels: pixels.collect(), taps: taps.collect() };
            region.add_to(geometry, pass, pass.cotangent, None, gradient);
        }
    }
}

/// Pixels that gather through the same taps.
struct Region {
    pixels: Vec<Column>,
    taps: Vec<Tap>,
}

impl Region {
    /// Adds what the pixels gather from `cotangent`, one plane an output channel, which may be larger than the outputs.
    /// `before` may be a copy of `gradient`.
    fn add_to(
        &self,
        geometry: &Geometry<'_>,
        pass: &Backward<'_>,
        cotangent: &[f32],
        before: Option<&[f32]>,
        gradient: &mut [f32],
    ) {
        let (groups, lanes) = (geometry.conv.groups, pass.lanes);
        let plane = cotangent.len() / (geometry.rows * groups * lanes).max(1);
        let [_, height, width] = geometry.input;
        let [kernel_height, kernel_width] = geometry.conv.window.kernel;
        for group in 0..groups {
            let first = group * geometry.rows;
            let start = group * geometry.channels * height * width * lanes;
            WeightedSums {
                input: &cotangent[first * plane * lanes..],
                weights: &pass.operands[1].values[first * geometry.weight_row..],
                start: before.map_or(Start::Output, |before| Start::OutputCopied(&before[start..])),
                taps: &self.taps,
                rounds: Rounds { count: geometry.rows, input: plane, weight: geometry.weight_row },
                columns: &self.pixels,
                rows: geometry.channels,
                weight_row: kernel_height * kernel_width,
                output_row: height * width,
                lanes,
            }
            .compute(&mut gradient[start..]);
        }
    }
}

/// Along one axis, the pixels that took part in outputs through the same taps.
struct Band {
    /// The pixel, and the first output that it took part in.
    pixels: Vec<(usize, usize)>,
    /// The last tap, which leads to the first output; each step of taps back leads `outputs_step` further.
    last_tap: usize,
    count: usize,
    tap_step: usize,
    output_step: usize,
}

impl Band {
    fn all(geometry: &Geometry<'_>, axis: usize) -> Vec<Self> {
        let window = &geometry.conv.window;
        let (stride, dilation, pad) = (window.stride[axis], window.dilation[axis], window.pads[axis]);
        // padded = stride · output + dilation · tap: the next solution is `tap_step` taps back, `output_step` outputs on.
        let common = greatest_common_divisor(stride, dilation);
        let (tap_step, output_step) = (stride / common, dilation / common);
        let mut bands: Vec<Self> = Vec::new();
        for pixel in 0..geometry.input[axis + 1] {
            let padded = pixel + pad;
            // The tap is among `tap_step` neighbours, below the first that leads outside.
            let highest = (padded / dilation + 1).min(window.kernel[axis]);
            let Some(last_tap) = (highest.saturating_sub(tap_step)..highest)
                .rev()
                .find(|tap| (padded - tap * dilation).is_multiple_of(stride))
            else {
                continue;
            };
            let first_output = (padded - last_tap * dilation) / stride;
            let Some(room) = (geometry.output[axis] - 1).checked_sub(first_output) else { continue };
            let count = 1 + (last_tap / tap_step).min(room / output_step);
            match bands.iter_mut().find(|band| [band.last_tap, band.count] == [last_tap, count]) {
                Some(band) => band.pixels.push((pixel, first_output)),
                None => bands.push(Self {
                    pixels: vec![(pixel, first_output)],
                    last_tap,
                    count,
                    tap_step,
                    output_step,
                }),
            }
        }
        bands
    }

    /// The taps in their order, each with how far behind the first output the one is that it leads to.
    fn taps(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.count).rev().map(|step| (self.last_tap - step * self.tap_step, step * self.output_step))
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Rows of pixels gather as in [`gather`]. Along a row, with a stride, the pixels fall into `stride` phases; within a
/// phase all use the same taps, some of which may lead to the border of zeros.
fn gather_from_padded(geometry: &Geometry<'_>, pass: &Backward<'_>, gradient: &mut [f32]) {
    let margin = Phase::margin(geometry);
    let spread = margin + (geometry.padded[1] - 1) / geometry.conv.window.stride[1] + 1;
    let plane = geometry.output[0] * spread;
    let mut cotangent = vec![0.0; geometry.rows * geometry.conv.groups * plane];
    for (row, source) in
        cotangent.chunks_exact_mut(spread).zip(pass.cotangent.chunks_exact(geometry.output[1]))
    {
        row[margin..margin + source.len()].copy_from_slice(source);
    }
    let (phases, before) = (Phase::all(geometry), gradient.to_vec());
    for rows in &Band::all(geometry, 0) {
        for columns in &phases {
            let pixels = rows.pixels.iter().flat_map(|&(y, from_y)| {
                columns.pixels.iter().map(move |&(x, from_x)| Column {
                    input: from_y * spread + from_x,
                    output: y * geometry.input[2] + x,
                })
            });
            let taps = rows.taps().flat_map(|(u, y)| {
                columns.taps.iter().map(move |&(v, back)| Tap {
                    input: y * spread + margin - back,
                    weight: u * geometry.conv.window.kernel[1] + v,
                })
            });
            let region = Region { pixels: pixels.collect(), taps: taps.collect() };
            region.add_to(geometry, pass, &cotangent, Some(&before), gradient);
        }
    }
}

/// Along a row, the input pixels whose padded coordinate leaves the same remainder by the stride.
struct Phase {
    /// The pixel, and the output coordinate `⌊padded / stride⌋` that its taps count back from.
    pixels: Vec<(usize, usize)>,
    /// The kernel coordinate, and how many outputs before.
    taps: Vec<(usize, usize)>,
}

impl Phase {
    fn all(geometry: &Geometry<'_>) -> Vec<Self> {
        let window = &geometry.conv.window;
        let (stride, dilation, pad) = (window.stride[1], window.dilation[1], window.pads[1]);
        (0..stride)
            .map(|remainder| Self {
                pixels: (0..geometry.input[2])
                    .filter(|pixel| (pixel + pad) % stride == remainder)
                    .map(|pixel| (pixel, (pixel + pad) / stride))
                    .collect(),
                // padded = stride · output + tap · dilation, so tap · dilation must leave the same remainder.
                taps: (0..window.kernel[1])
                    .filter(|tap| tap * dilation % stride == remainder)
                    .map(|tap| (tap, tap * dilation / stride))
                    .collect(),
            })
            .collect()
    }

    /// How many outputs before the first one a tap can count back to.
    fn margin(geometry: &Geometry<'_>) -> usize {
        let window = &geometry.conv.window;
        (window.kernel[1] - 1) * window.dilation[1] / window.stride[1]
    }
}

//! ∂loss/∂image of a convolution: each pixel gathers from the outputs that it took part in.
//!
//! Pixels that took part through the same taps of the kernel make a region: what they gather is the same sum at other
//! places. A stride makes regions, and so do the borders, where some taps would have led outside. Images side by side
//! walk the regions, so that nothing is multiplied with zeros. A single image wants long rows of neighbouring pixels
//! instead, and gathers from a cotangent with a border of zeros.

use std::borrow::Cow;

use rayon::prelude::*;

use super::{FLOATS_EACH, Geometry};
use crate::kernel::weighted_sum::{Column, Rounds, Start, Tap, WeightedSums};
use crate::op::{Backward, element_wise};

/// Adds the gradient to `gradient`.
pub(super) fn add_to(geometry: &Geometry<'_>, pass: &Backward<'_>, gradient: &mut [f32]) {
    if pass.lanes == 1 {
        gather_from_padded(geometry, pass, gradient);
    } else {
        gather(geometry, pass, gradient);
    }
    if geometry.conv.window.kernel == [1; 2] {
        return;
    }
    // Adding products with zeros, or not, differs in nothing but the sign of a sum that is zero: it becomes plus.
    element_wise(
        gradient,
        [],
        #[inline(always)]
        |gradient, []| gradient.iter_mut().for_each(|value| *value += 0.0),
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
            let plane = geometry.input[1] * width;
            let region = Region { pixels: pixels.collect(), taps: taps.collect(), plane };
            region.add_to(geometry, pass, pass.cotangent, gradient);
        }
    }
}

/// Pixels that gather through the same taps.
struct Region {
    pixels: Vec<Column>,
    taps: Vec<Tap>,
    /// Elements of a channel of what they are added to.
    plane: usize,
}

impl Region {
    /// Adds what the pixels gather from `cotangent`, one plane an output channel, which may be larger than the outputs.
    fn add_to(&self, geometry: &Geometry<'_>, pass: &Backward<'_>, cotangent: &[f32], gradient: &mut [f32]) {
        let (groups, lanes) = (geometry.conv.groups, pass.lanes);
        let cotangent_plane = cotangent.len() / (geometry.rows * groups * lanes).max(1);
        let [kernel_height, kernel_width] = geometry.conv.window.kernel;
        for group in 0..groups {
            let first = group * geometry.rows;
            let own = geometry.channels * self.plane * lanes;
            WeightedSums {
                input: &cotangent[first * cotangent_plane * lanes..],
                weights: &pass.operands[1].values[first * geometry.weight_row..],
                start: Start::Output,
                taps: &self.taps,
                rounds: Rounds { count: geometry.rows, input: cotangent_plane, weight: geometry.weight_row },
                columns: &self.pixels,
                rows: geometry.channels,
                weight_row: kernel_height * kernel_width,
                output_row: self.plane,
                lanes,
            }
            .compute(&mut gradient[group * own..(group + 1) * own]);
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

/// With a stride, the pixels of each axis fall into `stride` phases; those of a pair of phases all use the same taps, some
/// of which may lead to the border of zeros.
fn gather_from_padded(geometry: &Geometry<'_>, pass: &Backward<'_>, gradient: &mut [f32]) {
    let margins = [0, 1].map(|axis| Phase::margin(geometry, axis));
    let extents = [0, 1].map(|axis| {
        let behind = (geometry.padded[axis] - 1) / geometry.conv.window.stride[axis] + 1;
        (margins[axis] + behind).max(geometry.output[axis])
    });
    let cotangent = with_border(pass.cotangent, geometry.output, margins, extents);
    let [row_phases, column_phases] = [0, 1].map(|axis| Phase::all(geometry, axis));
    let [_, height, width] = geometry.input;
    for rows in &row_phases {
        for columns in &column_phases {
            let taps = rows.taps.iter().flat_map(|&(u, back)| {
                let row = (margins[0] - back) * extents[1];
                columns.taps.iter().map(move |&(v, back)| Tap {
                    input: row + margins[1] - back,
                    weight: u * geometry.conv.window.kernel[1] + v,
                })
            });
            let taps: Vec<Tap> = taps.collect();
            if taps.is_empty() || rows.pixels.is_empty() || columns.pixels.is_empty() {
                continue;
            }
            let pixels = rows.pixels.iter().flat_map(|&(y, from_y)| {
                columns.pixels.iter().map(move |&(x, from_x)| Column {
                    input: from_y * extents[1] + from_x,
                    output: y * width + x,
                })
            });
            let mut region = Region { pixels: pixels.collect(), taps, plane: height * width };
            if row_phases.len() * column_phases.len() == 1 {
                region.add_to(geometry, pass, &cotangent, gradient);
                continue;
            }
            // The pixels of a pair of phases lie apart, and the sums want neighbours.
            let places: Vec<usize> = region.pixels.iter().map(|pixel| pixel.output).collect();
            region.pixels.iter_mut().enumerate().for_each(|(index, pixel)| pixel.output = index);
            region.plane = places.len();
            let each = FLOATS_EACH / region.plane + 1;
            let mut apart = vec![0.0; gradient.len() / (height * width) * region.plane];
            let planes =
                apart.par_chunks_exact_mut(region.plane).zip(gradient.par_chunks_exact(height * width));
            planes.with_min_len(each).for_each(|(apart, plane)| {
                for (&place, value) in places.iter().zip(apart) {
                    *value = plane[place];
                }
            });
            region.add_to(geometry, pass, &cotangent, &mut apart);
            let planes =
                gradient.par_chunks_exact_mut(height * width).zip(apart.par_chunks_exact(region.plane));
            planes.with_min_len(each).for_each(|(plane, apart)| {
                for (&place, &value) in places.iter().zip(apart) {
                    plane[place] = value;
                }
            });
        }
    }
}

/// Planes of the extent `inner` inside planes of the extent `outer`, behind `margins`, with zeros around.
fn with_border(values: &[f32], inner: [usize; 2], margins: [usize; 2], outer: [usize; 2]) -> Cow<'_, [f32]> {
    if inner == outer {
        return values.into();
    }
    let [height, width] = inner;
    let mut bordered = vec![0.0; values.len() / (height * width) * outer[0] * outer[1]];
    let planes =
        bordered.par_chunks_exact_mut(outer[0] * outer[1]).zip(values.par_chunks_exact(height * width));
    planes.with_min_len(FLOATS_EACH / (height * width) + 1).for_each(|(bordered, values)| {
        let rows = bordered[margins[0] * outer[1]..].chunks_exact_mut(outer[1]);
        for (bordered, values) in rows.zip(values.chunks_exact(width)) {
            bordered[margins[1]..][..width].copy_from_slice(values);
        }
    });
    bordered.into()
}

/// Along an axis, the input pixels whose padded coordinate leaves the same remainder by the stride.
struct Phase {
    /// The pixel, and the output coordinate `⌊padded / stride⌋` that its taps count back from.
    pixels: Vec<(usize, usize)>,
    /// The kernel coordinate, and how many outputs before.
    taps: Vec<(usize, usize)>,
}

impl Phase {
    fn all(geometry: &Geometry<'_>, axis: usize) -> Vec<Self> {
        let window = &geometry.conv.window;
        let (stride, dilation, pad) = (window.stride[axis], window.dilation[axis], window.pads[axis]);
        (0..stride)
            .map(|remainder| Self {
                pixels: (0..geometry.input[axis + 1])
                    .filter(|pixel| (pixel + pad) % stride == remainder)
                    .map(|pixel| (pixel, (pixel + pad) / stride))
                    .collect(),
                // padded = stride · output + tap · dilation, so tap · dilation must leave the same remainder.
                taps: (0..window.kernel[axis])
                    .filter(|tap| tap * dilation % stride == remainder)
                    .map(|tap| (tap, tap * dilation / stride))
                    .collect(),
            })
            .collect()
    }

    /// How many outputs before the first one a tap can count back to.
    fn margin(geometry: &Geometry<'_>, axis: usize) -> usize {
        let window = &geometry.conv.window;
        (window.kernel[axis] - 1) * window.dilation[axis] / window.stride[axis]
    }
}

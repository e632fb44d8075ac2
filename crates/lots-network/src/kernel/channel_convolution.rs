//! Convolutions that keep the channels apart (depthwise), for one image: each channel has a filter of its own.
//!
//! Pixels of a row lie in the SIMD lanes. An output is one chain of fused multiply-adds over the taps in row-major order.

use rayon::prelude::*;

/// From so many multiply-adds on, the channels are divided among the threads.
const WORTH_DIVIDING: usize = 1 << 18;

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
        let (planes, filters) =
            (input.par_chunks_exact(area(self.input)), filters.par_chunks_exact(area(self.kernel)));
        let channels = output.par_chunks_exact_mut(area(self.output)).zip(planes.zip(filters)).enumerate();
        channels.with_min_len(self.channels_each()).for_each_init(
            Vec::new,
            |phases, (channel, (output, (input, filter)))| {
                output.fill(bias.map_or(0.0, |bias| bias[channel]));
                let input = if self.stride[1] == 1 {
                    input
                } else {
                    self.sort_by_phase(input, phases);
                    phases
                };
                super::vectorized(
                    #[inline(always)]
                    || {
                        self.for_each_pair(
                            #[inline(always)]
                            |tap, from, to, count| {
                                add_scaled(filter[tap], &input[from..][..count], &mut output[to..][..count]);
                            },
                        );
                    },
                );
            },
        );
    }

    /// Adds to `gradient`, `[channels][height][width]` of the image, what `cotangent` sends back through `filters`.
    pub(crate) fn backward(&self, cotangent: &[f32], filters: &[f32], gradient: &mut [f32]) {
        let planes = cotangent.par_chunks_exact(area(self.output));
        let filters = filters.par_chunks_exact(area(self.kernel));
        let channels = gradient.par_chunks_exact_mut(area(self.input)).zip(planes.zip(filters));
        channels.with_min_len(self.channels_each()).for_each_init(
            Vec::new,
            |phases, (gradient, (cotangent, filter))| {
                let add_to = |gradient: &mut [f32]| {
                    super::vectorized(
                        #[inline(always)]
                        || {
                            self.for_each_pair(
                                #[inline(always)]
                                |tap, from, to, count| {
                                    let seen = &cotangent[to..][..count];
                                    add_scaled(filter[tap], seen, &mut gradient[from..][..count]);
                                },
                            );
                        },
                    );
                };
                if self.stride[1] == 1 {
                    add_to(gradient);
                } else {
                    self.sort_by_phase(gradient, phases);
                    add_to(phases);
                    self.merge_phases(phases, gradient);
                }
            },
        );
    }

    /// Columns of a phase of the image: those that are a multiple of the stride apart.
    fn phase_width(&self) -> usize {
        self.input[1].div_ceil(self.stride[1])
    }

    /// Sorts the columns of each row of a plane by their phase, so that what neighbouring outputs see are neighbours:
    /// `[height][phases][columns of a phase]`.
    fn sort_by_phase(&self, plane: &[f32], phases: &mut Vec<f32>) {
        let (width, stride) = (self.phase_width(), self.stride[1]);
        phases.resize(self.input[0] * stride * width, 0.0);
        for (row, phases) in plane.chunks_exact(self.input[1]).zip(phases.chunks_exact_mut(stride * width)) {
            for (first, phase) in phases.chunks_exact_mut(width).enumerate() {
                for (value, &pixel) in phase.iter_mut().zip(row.iter().skip(first).step_by(stride)) {
                    *value = pixel;
                }
            }
        }
    }

    /// The way back.
    fn merge_phases(&self, phases: &[f32], plane: &mut [f32]) {
        let (width, stride) = (self.phase_width(), self.stride[1]);
        for (row, phases) in plane.chunks_exact_mut(self.input[1]).zip(phases.chunks_exact(stride * width)) {
            for (first, phase) in phases.chunks_exact(width).enumerate() {
                for (pixel, &value) in row.iter_mut().skip(first).step_by(stride).zip(phase) {
                    *pixel = value;
                }
            }
        }
    }

    /// How many channels are the least that a thread should take.
    fn channels_each(&self) -> usize {
        (WORTH_DIVIDING / (area(self.output) * area(self.kernel)).max(1)).max(1)
    }

    /// For each row of the result and each tap, calls `visit` with the tap, the first input (among the phases) and the
    /// first output of the part of the row whose inputs lie in the image, and how many there are, all neighbours.
    #[inline(always)]
    fn for_each_pair(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let phase_width = self.phase_width();
        for y in 0..self.output[0] {
            for u in 0..self.kernel[0] {
                let row = (y * self.stride[0] + u * self.dilation[0]).wrapping_sub(self.pads[0]);
                if row >= self.input[0] {
                    continue;
                }
                for v in 0..self.kernel[1] {
                    let shift = v * self.dilation[1];
                    let first = self.pads[1].saturating_sub(shift).div_ceil(self.stride[1]);
                    // Outputs before this one see a column left of the image's right border.
                    let end = (self.input[1] + self.pads[1]).saturating_sub(shift).div_ceil(self.stride[1]);
                    let end = end.min(self.output[1]);
                    if first < end {
                        let column = first * self.stride[1] + shift - self.pads[1];
                        let phase = row * self.stride[1] + column % self.stride[1];
                        visit(
                            u * self.kernel[1] + v,
                            phase * phase_width + column / self.stride[1],
                            y * self.output[1] + first,
                            end - first,
                        );
                    }
                }
            }
        }
    }
}

fn area([height, width]: [usize; 2]) -> usize {
    height * width
}

/// `result[i] += factor · values[i]`
#[inline(always)]
fn add_scaled(factor: f32, values: &[f32], result: &mut [f32]) {
    for (result, &value) in result.iter_mut().zip(values) {
        *result = factor.mul_add(value, *result);
    }
}

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
        channels.with_min_len(self.channels_each()).for_each(|(channel, (output, (input, filter)))| {
            super::architecture().dispatch(
                #[inline(always)]
                || {
                    output.fill(bias.map_or(0.0, |bias| bias[channel]));
                    self.for_each_pair(
                        #[inline(always)]
                        |tap, step, from, to, count| {
                            add_scaled(filter[tap], &input[from..], step, &mut output[to..][..count]);
                        },
                    );
                },
            );
        });
    }

    /// Adds to `gradient`, `[channels][height][width]` of the image, what `cotangent` sends back through `filters`.
    pub(crate) fn backward(&self, cotangent: &[f32], filters: &[f32], gradient: &mut [f32]) {
        let planes = cotangent.par_chunks_exact(area(self.output));
        let filters = filters.par_chunks_exact(area(self.kernel));
        let channels = gradient.par_chunks_exact_mut(area(self.input)).zip(planes.zip(filters));
        channels.with_min_len(self.channels_each()).for_each(|(gradient, (cotangent, filter))| {
            super::architecture().dispatch(
                #[inline(always)]
                || {
                    self.for_each_pair(
                        #[inline(always)]
                        |tap, step, from, to, count| {
                            scatter_scaled(
                                filter[tap],
                                &cotangent[to..][..count],
                                step,
                                &mut gradient[from..],
                            );
                        },
                    );
                },
            );
        });
    }

    /// How many channels are the least that a thread should take.
    fn channels_each(&self) -> usize {
        (WORTH_DIVIDING / (area(self.output) * area(self.kernel)).max(1)).max(1)
    }

    /// For each row of the result and each tap, calls `visit` with the tap, the distance of neighbouring inputs, the first
    /// input and the first output of the part of the row whose inputs lie in the image, and how many there are.
    #[inline(always)]
    fn for_each_pair(&self, mut visit: impl FnMut(usize, usize, usize, usize, usize)) {
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
                        visit(
                            u * self.kernel[1] + v,
                            self.stride[1],
                            row * self.input[1] + column,
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

/// `output[i] += factor · input[i · step]`
#[inline(always)]
fn add_scaled(factor: f32, input: &[f32], step: usize, output: &mut [f32]) {
    if step == 1 {
        for (output, &input) in output.iter_mut().zip(input) {
            *output = factor.mul_add(input, *output);
        }
    } else {
        for (output, &input) in output.iter_mut().zip(input.iter().step_by(step)) {
            *output = factor.mul_add(input, *output);
        }
    }
}

/// `gradient[i · step] += factor · cotangent[i]`
#[inline(always)]
fn scatter_scaled(factor: f32, cotangent: &[f32], step: usize, gradient: &mut [f32]) {
    if step == 1 {
        for (gradient, &cotangent) in gradient.iter_mut().zip(cotangent) {
            *gradient = factor.mul_add(cotangent, *gradient);
        }
    } else {
        for (gradient, &cotangent) in gradient.iter_mut().step_by(step).zip(cotangent) {
            *gradient = factor.mul_add(cotangent, *gradient);
        }
    }
}

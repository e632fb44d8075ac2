//! The largest value under each window, and the way of a gradient back to where that value was.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::weighted_sum::{load, store};
use super::windows::Windows;

/// From so many values on, the channels are divided among the threads.
const WORTH_DIVIDING: usize = 1 << 17;

/// Writes the largest value under each window to `output`. NaN is larger than everything.
///
/// - `values`: the image, `[elements][lanes]`; `output`: `[windows][lanes]`.
pub(crate) fn maxima(windows: &Windows, values: &[f32], output: &mut [f32], lanes: usize) {
    if values.len() < WORTH_DIVIDING {
        super::architecture().dispatch(Maxima { windows, values, output, lanes });
        return;
    }
    let windows = &windows.of_one_channel();
    let outputs = output.par_chunks_mut(windows.count() * lanes);
    values.par_chunks(windows.area() * lanes).zip(outputs).for_each(|(values, output)| {
        super::architecture().dispatch(Maxima { windows, values, output, lanes });
    });
}

/// Adds the cotangent of each window to `gradient` where the window's first maximum is.
///
/// - `values`: the image, `[elements][lanes]`, like `gradient`.
/// - `largest`: what [`maxima`] made of them, `[windows][lanes]`, like `cotangent`.
pub(crate) fn add_to_first_maxima(
    windows: &Windows,
    values: &[f32],
    [largest, cotangent]: [&[f32]; 2],
    gradient: &mut [f32],
    lanes: usize,
) {
    if values.len() < WORTH_DIVIDING {
        super::architecture().dispatch(AddToFirstMaxima {
            windows,
            values,
            largest,
            cotangent,
            gradient,
            lanes,
        });
        return;
    }
    let windows = &windows.of_one_channel();
    let (area, count) = (windows.area() * lanes, windows.count() * lanes);
    let inputs = values.par_chunks(area).zip(gradient.par_chunks_mut(area));
    let outputs = largest.par_chunks(count).zip(cotangent.par_chunks(count));
    inputs.zip(outputs).for_each(|((values, gradient), (largest, cotangent))| {
        super::architecture().dispatch(AddToFirstMaxima {
            windows,
            values,
            largest,
            cotangent,
            gradient,
            lanes,
        });
    });
}

/// `value` where it is larger than `largest`, or NaN.
#[inline(always)]
pub(super) fn larger<S: Simd>(simd: S, value: S::f32s, largest: S::f32s) -> S::f32s {
    let is_larger = simd.greater_than_f32s(value, largest);
    let largest = simd.select_f32s(is_larger, value, largest);
    let is_number = simd.equal_f32s(value, value);
    simd.select_f32s(is_number, largest, value)
}

struct Maxima<'a> {
    windows: &'a Windows,
    values: &'a [f32],
    output: &'a mut [f32],
    lanes: usize,
}

impl Maxima<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { windows, values, output, lanes } = self;
        for part in (0..lanes).step_by(S::F32_LANES) {
            windows.for_each(
                #[inline(always)]
                |index, taps| {
                    let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
                    taps.for_each(
                        #[inline(always)]
                        |tap| {
                            largest = larger(simd, load::<S>(&values[tap * lanes + part..]), largest);
                        },
                    );
                    store::<S>(&mut output[index * lanes + part..], largest);
                },
            );
        }
    }

    /// One image under windows of 2×2 with stride 2: windows that lie side by side take the place of the lanes.
    #[inline(always)]
    fn run_pairs(self) {
        let width = self.windows.image[2];
        let larger =
            |value: f32, largest: f32| if value > largest || value.is_nan() { value } else { largest };
        let pairs = self.values.chunks_exact(2 * width).zip(self.output.chunks_exact_mut(width / 2));
        for (rows, output) in pairs {
            let (upper, lower) = rows.split_at(width);
            let columns = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
            for (output, (upper, lower)) in output.iter_mut().zip(columns) {
                let first = larger(upper[1], larger(upper[0], f32::NEG_INFINITY));
                *output = larger(lower[1], larger(lower[0], first));
            }
        }
    }
}

impl WithSimd for Maxima<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.lanes.is_multiple_of(S::F32_LANES) {
            self.run(simd);
        } else if self.lanes == 1 && self.windows.are_squares_of_two() {
            self.run_pairs();
        } else {
            self.run(pulp::Scalar);
        }
    }
}

struct AddToFirstMaxima<'a> {
    windows: &'a Windows,
    values: &'a [f32],
    largest: &'a [f32],
    cotangent: &'a [f32],
    gradient: &'a mut [f32],
    lanes: usize,
}

impl AddToFirstMaxima<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { windows, values, largest, cotangent, gradient, lanes } = self;
        let zero = simd.splat_f32s(0.0);
        for part in (0..lanes).step_by(S::F32_LANES) {
            windows.for_each(
                #[inline(always)]
                |index, taps| {
                    let largest = load::<S>(&largest[index * lanes + part..]);
                    // The first tap that holds the maximum takes what there is and leaves 0 for the others.
                    let mut left = load::<S>(&cotangent[index * lanes + part..]);
                    taps.for_each(
                        #[inline(always)]
                        |tap| {
                            let value = load::<S>(&values[tap * lanes + part..]);
                            let target = &mut gradient[tap * lanes + part..];
                            let reached = simd.greater_than_or_equal_f32s(value, largest);
                            let number = simd.equal_f32s(value, value);
                            let moved = simd.select_f32s(reached, left, zero);
                            let moved = simd.select_f32s(number, moved, left);
                            store::<S>(target, simd.add_f32s(load::<S>(target), moved));
                            let kept = simd.select_f32s(reached, zero, left);
                            left = simd.select_f32s(number, kept, zero);
                        },
                    );
                },
            );
        }
    }

    /// As [`Maxima::run_pairs`].
    #[inline(always)]
    fn run_pairs(self) {
        let width = self.windows.image[2];
        let rows = self.values.chunks_exact(2 * width).zip(self.gradient.chunks_exact_mut(2 * width));
        let outputs = self.largest.chunks_exact(width / 2).zip(self.cotangent.chunks_exact(width / 2));
        for ((values, gradient), (largest, cotangent)) in rows.zip(outputs) {
            let (values, gradient) = (values.split_at(width), gradient.split_at_mut(width));
            let upper = values.0.as_chunks::<2>().0.iter().zip(gradient.0.as_chunks_mut::<2>().0);
            let lower = values.1.as_chunks::<2>().0.iter().zip(gradient.1.as_chunks_mut::<2>().0);
            for ((upper, lower), (&largest, &cotangent)) in
                upper.zip(lower).zip(largest.iter().zip(cotangent))
            {
                let mut left = cotangent;
                let mut take = |value: f32, gradient: &mut f32| {
                    let taken = value >= largest || value.is_nan();
                    *gradient += if taken { left } else { 0.0 };
                    left = if taken { 0.0 } else { left };
                };
                take(upper.0[0], &mut upper.1[0]);
                take(upper.0[1], &mut upper.1[1]);
                take(lower.0[0], &mut lower.1[0]);
                take(lower.0[1], &mut lower.1[1]);
            }
        }
    }
}

impl WithSimd for AddToFirstMaxima<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.lanes.is_multiple_of(S::F32_LANES) {
            self.run(simd);
        } else if self.lanes == 1 && self.windows.are_squares_of_two() {
            self.run_pairs();
        } else {
            self.run(pulp::Scalar);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::windows::Span;
    use super::*;
    use crate::op::gradient_check::Random;

    #[test]
    fn squares_of_two_and_channels_apart_give_what_the_plain_loop_gives() {
        let mut random = Random::new(4);
        for (channels, extent) in [(3, [6, 8]), (2, [2, 50]), (9, [120, 128])] {
            let spans = |count: usize| -> Vec<Span> {
                (0..count / 2).map(|index| Span { first: 2 * index, end: 2 * index + 2, step: 1 }).collect()
            };
            let windows = Windows {
                rows: spans(extent[0]),
                columns: spans(extent[1]),
                image: [channels, extent[0], extent[1]],
            };
            // Few different values, so that maxima are often equal.
            let count = channels * windows.area();
            let values: Vec<f32> = (0..count).map(|_| random.int(0..=2) as f32).collect();
            let cotangent: Vec<f32> = (0..count / 4).map(|_| random.int(1..=9) as f32).collect();
            let mut expected = (vec![0.0; count / 4], vec![0.5; count]);
            let maxima_of = Maxima { windows: &windows, values: &values, output: &mut expected.0, lanes: 1 };
            maxima_of.run(pulp::Scalar);
            AddToFirstMaxima {
                windows: &windows,
                values: &values,
                largest: &expected.0,
                cotangent: &cotangent,
                gradient: &mut expected.1,
                lanes: 1,
            }
            .run(pulp::Scalar);
            let (mut largest, mut gradient) = (vec![f32::NAN; count / 4], vec![0.5; count]);
            maxima(&windows, &values, &mut largest, 1);
            add_to_first_maxima(&windows, &values, [&largest, &cotangent], &mut gradient, 1);
            assert!(
                windows.are_squares_of_two() && largest == expected.0 && gradient == expected.1,
                "{extent:?}"
            );
        }
    }
}

//! The largest value under each window, and the way of a gradient back to where that value was.

use pulp::{Simd, WithSimd};

use super::weighted_sum::{load, store};
use super::windows::Windows;

/// Writes the largest value under each window to `output`. NaN is larger than everything.
///
/// - `values`: the image, `[elements][lanes]`; `output`: `[windows][lanes]`.
pub(crate) fn maxima(windows: &Windows, values: &[f32], output: &mut [f32], lanes: usize) {
    super::architecture().dispatch(Maxima { windows, values, output, lanes });
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
    super::architecture().dispatch(AddToFirstMaxima { windows, values, largest, cotangent, gradient, lanes });
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
                            let value = load::<S>(&values[tap * lanes + part..]);
                            let larger = simd.greater_than_f32s(value, largest);
                            largest = simd.select_f32s(larger, value, largest);
                            let number = simd.equal_f32s(value, value);
                            largest = simd.select_f32s(number, largest, value);
                        },
                    );
                    store::<S>(&mut output[index * lanes + part..], largest);
                },
            );
        }
    }
}

impl WithSimd for Maxima<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.lanes.is_multiple_of(S::F32_LANES) { self.run(simd) } else { self.run(pulp::Scalar) }
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
}

impl WithSimd for AddToFirstMaxima<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.lanes.is_multiple_of(S::F32_LANES) { self.run(simd) } else { self.run(pulp::Scalar) }
    }
}

//! How far apart the largest two values under the windows of a pooling lie.

use pulp::{Simd, WithSimd};

use super::weighted_sum::{load, store};
use super::windows::Windows;
use crate::forward::LANES;

/// Of some images side by side.
pub(crate) struct Gaps {
    /// For each window, over all channels, the smallest difference between the largest value under it and the second
    /// largest; infinite under a window of one value. Values that are NaN, and differences that are, do not count.
    /// `[windows of a channel][lanes]`.
    pub(crate) smallest: Vec<f32>,
    /// Of each image, the largest absolute value under a window.
    pub(crate) largest: Vec<f32>,
}

impl Gaps {
    /// Of `values`, `[elements][lanes]`.
    pub(crate) fn new(windows: &Windows, values: &[f32], lanes: usize) -> Self {
        let smallest = vec![f32::INFINITY; windows.count() * lanes];
        let mut gaps = Self { smallest, largest: vec![0.0; lanes] };
        super::architecture().dispatch(Narrow { gaps: &mut gaps, windows, values, lanes });
        gaps
    }
}

struct Narrow<'a> {
    gaps: &'a mut Gaps,
    windows: &'a Windows,
    values: &'a [f32],
    lanes: usize,
}

impl Narrow<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { gaps: Gaps { smallest, largest }, windows, values, lanes } = self;
        let (zero, lowest) = (simd.splat_f32s(0.0), simd.splat_f32s(f32::NEG_INFINITY));
        for part in (0..lanes).step_by(S::F32_LANES) {
            let mut absolute = zero;
            windows.for_each(
                #[inline(always)]
                |_, taps| {
                    let [mut first, mut second] = [lowest; 2];
                    let smallest = &mut smallest[taps.position * lanes + part..];
                    taps.for_each(
                        #[inline(always)]
                        |tap| {
                            let value = load::<S>(&values[tap * lanes + part..]);
                            let is_number = simd.equal_f32s(value, value);
                            let size = simd.select_f32s(is_number, simd.abs_f32s(value), zero);
                            let value = simd.select_f32s(is_number, value, lowest);
                            second = simd.max_f32s(second, simd.min_f32s(value, first));
                            first = simd.max_f32s(first, value);
                            absolute = simd.max_f32s(absolute, size);
                        },
                    );
                    let (gap, before) = (simd.sub_f32s(first, second), load::<S>(smallest));
                    store::<S>(smallest, simd.select_f32s(simd.less_than_f32s(gap, before), gap, before));
                },
            );
            store::<S>(&mut largest[part..], absolute);
        }
    }

    /// One image under windows of 2×2 that cover it: windows that lie side by side take the place of the lanes.
    #[inline(always)]
    fn run_pairs(self) {
        let Self { gaps: Gaps { smallest, largest }, windows, values, .. } = self;
        let width = windows.image[2];
        for channel in values.chunks_exact(windows.area()) {
            for (rows, smallest) in channel.chunks_exact(2 * width).zip(smallest.chunks_exact_mut(width / 2))
            {
                let (upper, lower) = rows.split_at(width);
                let columns = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
                for (smallest, (&[a, b], &[c, d])) in smallest.iter_mut().zip(columns) {
                    let [a, b, c, d] = [or_lowest(a), or_lowest(b), or_lowest(c), or_lowest(d)];
                    let second =
                        larger(smaller(larger(a, b), larger(c, d)), larger(smaller(a, b), smaller(c, d)));
                    *smallest = smaller(larger(larger(a, b), larger(c, d)) - second, *smallest);
                }
            }
        }
        let mut absolute = [0.0_f32; LANES];
        let (whole, rest) = values.as_chunks::<LANES>();
        for values in whole {
            absolute.iter_mut().zip(values).for_each(|(most, value)| *most = larger(value.abs(), *most));
        }
        largest[0] =
            rest.iter().map(|value| value.abs()).chain(absolute).fold(0.0, |most, value| larger(value, most));
    }
}

/// NaN is no value.
fn or_lowest(value: f32) -> f32 {
    if value.is_nan() { f32::NEG_INFINITY } else { value }
}

/// One instruction, unlike [`f32::max`]; `b` if one of them is NaN.
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

impl WithSimd for Narrow<'_> {
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
    use super::super::on_every_instruction_set;
    use super::super::windows::Span;
    use super::*;
    use crate::op::gradient_check::Random;

    #[test]
    fn gaps_are_those_of_the_sorted_values() {
        let mut random = Random::new(5);
        let spans = |starts: &[usize], extent: usize| -> Vec<Span> {
            starts.iter().map(|&first| Span { first, end: (first + 3).min(extent), step: 1 }).collect()
        };
        let pairs = |count: usize| -> Vec<Span> {
            (0..count).map(|index| Span { first: 2 * index, end: 2 * index + 2, step: 1 }).collect()
        };
        let threes = Windows { rows: spans(&[0, 2, 4], 5), columns: spans(&[0, 3, 6], 7), image: [4, 5, 7] };
        let squares = Windows { rows: pairs(3), columns: pairs(5), image: [3, 6, 10] };
        assert!(squares.are_squares_of_two());
        let kinds = [(&threes, 1), (&threes, LANES), (&squares, 1), (&squares, LANES)];
        for ((windows, lanes), with_others) in
            kinds.into_iter().flat_map(|kind| [(kind, false), (kind, true)])
        {
            let count = windows.image.iter().product::<usize>() * lanes;
            let mut values: Vec<f32> =
                random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect();
            for other in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
                for _ in 0..if with_others { count / 20 } else { 0 } {
                    values[random.int(0..=count - 1)] = other;
                }
            }
            let all = on_every_instruction_set(|| {
                let Gaps { smallest, largest } = Gaps::new(windows, &values, lanes);
                [smallest, largest]
            });
            for other in &all {
                assert_eq!(*other, all[0], "{lanes} lanes");
            }
            let [smallest_gaps, largest_values] = &all[0];
            for lane in 0..lanes {
                let (mut smallest, mut largest) = (vec![f32::INFINITY; windows.count()], 0.0_f32);
                windows.for_each(|_, taps| {
                    let mut under = Vec::new();
                    taps.for_each(|tap| under.push(values[tap * lanes + lane]));
                    largest = under.iter().fold(largest, |largest, value| largest.max(value.abs()));
                    for value in &mut under {
                        *value = or_lowest(*value);
                    }
                    under.sort_by(|a, b| b.total_cmp(a));
                    if let [first, second, ..] = under[..] {
                        smallest[taps.position] = smallest[taps.position].min(first - second);
                    }
                });
                let got: Vec<f32> = smallest_gaps.iter().skip(lane).step_by(lanes).copied().collect();
                assert_eq!(got, smallest, "lane {lane}");
                assert_eq!(largest_values[lane].to_bits(), largest.to_bits(), "lane {lane}");
            }
        }
    }
}

//! Outputs that nearly tie under a pooling's window are computed by the definition.
//!
//! Where an image is flat, outputs side by side are equal, and the first of them gets the gradient. Tiles compute them
//! with other roundings, and any of them could come out on top. So where the largest two under a window lie nearer
//! together than tiles can tell, the sums of the definition take the place of all outputs under it.

use super::Geometry;
use crate::forward::LANES;
use crate::kernel::weighted_sum::{Column, Rounds, Start, Tap, WeightedSums};
use crate::kernel::window_gaps::Gaps;
use crate::kernel::windows::Windows;
use crate::op::Operand;

/// Differences below this share of the image's largest output may be nothing but rounding: five times the largest error
/// that was measured (`docs/decisions/winograd.md`).
const RESOLUTION: f32 = 1.0 / 65_536.0;

/// The windows of a pooling by the maximum that the outputs go to.
#[derive(Debug)]
pub(super) struct Pooled(pub(super) Windows);

impl Pooled {
    /// Settles the near ties of `output`, which tiles have computed.
    pub(super) fn settle(
        &self,
        geometry: &Geometry<'_>,
        operands: &[Operand<'_>],
        output: &mut [f32],
        lanes: usize,
    ) {
        let places = self.near_ties(output, lanes);
        if places.is_empty() {
            return;
        }
        let mut by_definition = ByDefinition::new(geometry, operands, lanes);
        for places in places.chunks(LANES) {
            by_definition.compute(places, output);
        }
    }

    /// Outputs, each with its lane, under windows where, in some channel, the largest two values nearly tie.
    fn near_ties(&self, output: &[f32], lanes: usize) -> Vec<[usize; 2]> {
        let Gaps { smallest, largest } = Gaps::new(&self.0, output, lanes);
        let mut near = Vec::new();
        for (position, gaps) in smallest.chunks_exact(lanes).enumerate() {
            for (lane, (gap, largest)) in gaps.iter().zip(&largest).enumerate() {
                if *gap < RESOLUTION * largest {
                    self.0.taps(position).for_each(|place| near.push([place, lane]));
                }
            }
        }
        near
    }
}

/// The sums of the definition at single places, which lie side by side in the lanes: the weights are read once for them.
struct ByDefinition<'a> {
    operands: &'a [Operand<'a>],
    input: std::borrow::Cow<'a, [f32]>,
    columns: Vec<Column>,
    /// Offsets in the input.
    taps: Vec<usize>,
    /// Taps of the gathered inputs.
    gathered_taps: Vec<Tap>,
    /// `[taps][LANES]`.
    gathered: Vec<f32>,
    /// `[channels][LANES]`.
    sums: Vec<f32>,
    /// Of the images.
    lanes: usize,
}

impl<'a> ByDefinition<'a> {
    fn new(geometry: &Geometry<'_>, operands: &'a [Operand<'a>], lanes: usize) -> Self {
        let taps = geometry.rounds().all(&geometry.taps());
        Self {
            operands,
            input: geometry.padded(operands[0].values, lanes),
            columns: geometry.columns(),
            gathered_taps: (0..taps.len()).map(|tap| Tap { input: tap, weight: tap }).collect(),
            gathered: vec![0.0; taps.len() * LANES],
            taps: taps.into_iter().map(|tap| tap.input).collect(),
            sums: vec![0.0; geometry.rows * LANES],
            lanes,
        }
    }

    /// All channels of the output at no more than [`LANES`] places, each in its lane.
    fn compute(&mut self, places: &[[usize; 2]], output: &mut [f32]) {
        for (gathered, tap) in self.gathered.as_chunks_mut::<LANES>().0.iter_mut().zip(&self.taps) {
            for (gathered, &[place, lane]) in gathered.iter_mut().zip(places) {
                *gathered = self.input[(self.columns[place].input + tap) * self.lanes + lane];
            }
        }
        WeightedSums {
            input: &self.gathered,
            weights: self.operands[1].values,
            start: self.operands.get(2).map_or(Start::Zero, |bias| Start::Bias(bias.values)),
            taps: &self.gathered_taps,
            rounds: Rounds::ONE,
            columns: &[Column { input: 0, output: 0 }],
            rows: self.sums.len() / LANES,
            weight_row: self.taps.len(),
            output_row: 1,
            lanes: LANES,
        }
        .compute(&mut self.sums);
        let area = self.columns.len();
        for (channel, sums) in self.sums.as_chunks::<LANES>().0.iter().enumerate() {
            for (sum, [place, lane]) in sums.iter().zip(places) {
                output[(channel * area + place) * self.lanes + lane] = *sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Conv;
    use super::*;
    use crate::forward::ImageSize;
    use crate::op::Op;
    use crate::op::gradient_check::Random;
    use crate::op::window::Window;
    use crate::shape::Shape;

    /// A convolution of images that are flat on the left, each in its own way, pooled 2×2.
    struct Flat {
        shapes: [Shape; 3],
        window: Window,
        windows: Windows,
        weights: Vec<f32>,
        bias: Vec<f32>,
        image: Vec<f32>,
    }

    impl Flat {
        fn new(random: &mut Random, lanes: usize) -> Self {
            let shapes = [Shape::from([6, 12, 16]), Shape::from([9, 6, 5, 5]), Shape::from([9])];
            let mut values = |count: usize| -> Vec<f32> {
                random.values(count, -1.0, 1.0).into_iter().map(|value| value as f32).collect()
            };
            let mut image = values(6 * 12 * 16 * lanes);
            for (index, value) in image.iter_mut().enumerate() {
                let (channel, column, lane) = (index / lanes / (12 * 16), index / lanes % 16, index % lanes);
                if column < 10 {
                    *value = 0.1 + channel as f32 / 7.0 + lane as f32 / 50.0;
                }
            }
            let window = Window { kernel: [5; 2], stride: [1; 2], dilation: [1; 2], pads: [0; 4] };
            let pooling = Window { kernel: [2; 2], stride: [2; 2], ..window };
            let windows = pooling.over(&Shape::from([9, 8, 12]), false);
            Self { shapes, window, windows, weights: values(9 * 6 * 25), bias: values(9), image }
        }

        fn forward(&self, by_tiles: bool, pooled: Option<&Windows>, lanes: usize) -> Vec<f32> {
            let mut conv = Conv::new(self.window, 1);
            let [image, weights, bias] = &self.shapes;
            if by_tiles {
                conv.expect_images(ImageSize::Small, &[image, weights], pooled.cloned());
                assert!(conv.shortcut.is_some());
            }
            let mut output = vec![0.0; 9 * 8 * 12 * lanes];
            let operands = [
                Operand { shape: image, values: &self.image, lanes },
                Operand { shape: weights, values: &self.weights, lanes: 1 },
                Operand { shape: bias, values: &self.bias, lanes: 1 },
            ];
            conv.forward(&operands, &mut output, lanes);
            output
        }

        /// How many windows have only equal values in `exact`, and how many of them other values in `got`.
        fn broken(&self, exact: &[f32], got: &[f32], lanes: usize) -> [usize; 2] {
            let (mut flat, mut broken) = (0, 0);
            self.windows.for_each(|_, taps| {
                let mut elements = Vec::new();
                taps.for_each(|element| elements.push(element));
                for lane in 0..lanes {
                    let value = exact[elements[0] * lanes + lane].to_bits();
                    let all_have_it = |values: &[f32]| {
                        elements.iter().all(|element| values[element * lanes + lane].to_bits() == value)
                    };
                    flat += usize::from(all_have_it(exact));
                    broken += usize::from(all_have_it(exact) && !all_have_it(got));
                }
            });
            [flat, broken]
        }
    }

    #[test]
    fn what_ties_by_the_definition_ties_by_tiles() {
        let mut random = Random::new(3);
        for lanes in [1, LANES] {
            let flat = Flat::new(&mut random, lanes);
            let exact = flat.forward(false, None, lanes);
            let settled = flat.forward(true, Some(&flat.windows), lanes);
            let [ties, broken] = flat.broken(&exact, &settled, lanes);
            assert!(ties >= 9 * 4 * lanes, "{ties} windows are flat");
            assert_eq!(broken, 0);
            // The first of them wins, as by the definition; and tiles alone do break ties.
            let [_, broken] = flat.broken(&exact, &flat.forward(true, None, lanes), lanes);
            assert!(broken > 0, "tiles break no tie: the test shows nothing");
        }
    }
}

//! Conv: two-dimensional cross-correlation with stride, padding, dilation and groups.
//!
//! `y[o, i, j] = b[o] + Σ_{c,u,v} w[o, c, u, v] · x[c, i·s + u·d − p, j·s + v·d − p]`

use std::borrow::Cow;

use rayon::prelude::*;

use super::window::Window;
use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::forward::{ImageSize, LANES};
use crate::kernel::lane_sums::LaneSums;
use crate::kernel::weighted_sum::largest::WINDOW;
use crate::kernel::weighted_sum::{Column, Rounds, Start, Tap, WeightedSums};
use crate::kernel::windows::Windows;
use crate::load::{Attribute, Input, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

mod input_gradient;
mod near_ties;
mod shortcut;

use shortcut::Shortcut;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Conv",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// Two-dimensional cross-correlation. Operands: image `[C, H, W]`, weights `[O, C / groups, kernel]`, maybe bias `[O]`.
#[derive(Debug)]
pub(crate) struct Conv {
    pub(crate) window: Window,
    pub(crate) groups: usize,
    shortcut: Option<Shortcut>,
}

impl Conv {
    pub(crate) fn new(window: Window, groups: usize) -> Self {
        Self { window, groups, shortcut: None }
    }
}

/// So many floats are copied at least, or it is not worth a thread.
const FLOATS_EACH: usize = 1 << 15;

/// The largest number of elements an image with its padding may have: a gigabyte.
const MOST_PADDED: usize = 1 << 28;

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(2..=3)?;
    let &[_, height, width] = node.batched(0)?.extents() else {
        return Err(OpError::new(format!(
            "expected an image with channels, height and width, got {}; only two-dimensional convolutions are known",
            node.batched(0)?
        )));
    };
    let weights = node.constant(1)?.ok_or_else(|| OpError::new("the weights are left out"))?;
    let &[_, _, kernel_height, kernel_width] = weights.shape.extents() else {
        return Err(OpError::new(format!("expected weights with four axes, got {}", weights.shape)));
    };
    let window = Window::parse(node, Some([kernel_height, kernel_width]), [height, width])?;
    let groups = usize::try_from(node.int("group", 1)?)
        .ok()
        .filter(|&groups| groups > 0)
        .ok_or_else(|| OpError::new("attribute `group` must be positive"))?;
    let operands =
        if matches!(node.inputs.get(2), None | Some(Input::Absent)) { vec![0, 1] } else { vec![0, 1, 2] };
    Ok(Parsed::new(Conv::new(window, groups), operands))
}

impl Op for Conv {
    fn name(&self) -> &'static str {
        "Conv"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let (&[channels, height, width], &[outputs, group_channels, kernel_height, kernel_width]) =
            (operands[0].extents(), operands[1].extents())
        else {
            return Err(OpError::new(format!(
                "expected an image of three axes and weights of four, got {} and {}",
                operands[0], operands[1]
            )));
        };
        if [kernel_height, kernel_width] != self.window.kernel {
            return Err(OpError::new(format!(
                "attribute `kernel_shape` is {}×{}, but the weights are {}",
                self.window.kernel[0], self.window.kernel[1], operands[1]
            )));
        }
        if group_channels.checked_mul(self.groups) != Some(channels) || !outputs.is_multiple_of(self.groups) {
            return Err(OpError::new(format!(
                "{} groups of weights {} do not fit an image of {channels} channels",
                self.groups, operands[1]
            )));
        }
        if operands.get(2).is_some_and(|bias| bias.extents() != [outputs]) {
            return Err(OpError::new(format!("expected a bias of {outputs} numbers, got {}", operands[2])));
        }
        let [output_height, output_width] = self.window.output_extent([height, width], false)?;
        let [top, left, bottom, right] = self.window.pads;
        // A copy of the image with its padding is made, and a file of a few bytes can ask for any padding.
        let padded = Shape::from([
            channels,
            height.saturating_add(top.saturating_add(bottom)),
            width.saturating_add(left.saturating_add(right)),
        ]);
        if !padded.is_within(MOST_PADDED) {
            return Err(OpError::new(format!("the image with its padding is {padded}, expected less")));
        }
        Ok(Shape::from([outputs, output_height, output_width]))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        if self.shortcut.as_ref().is_some_and(|shortcut| shortcut.forward(self, operands, output, lanes)) {
            return;
        }
        let geometry = Geometry::new(self, operands[0].shape, operands[1].shape, lanes);
        let input = geometry.padded(operands[0].values, lanes);
        let (taps, columns) = (geometry.taps(), geometry.columns());
        for group in 0..self.groups {
            let output = &mut output[group * geometry.rows * geometry.output_area() * lanes..];
            geometry.sums(group, operands, &input, (&taps, &columns)).compute(output);
        }
    }

    fn pools(&self, windows: &Windows, lanes: usize) -> bool {
        self.shortcut.is_none() && lanes == LANES && windows.have_few_taps_of(WINDOW)
    }

    fn forward_pooled(&self, operands: &[Operand<'_>], windows: &Windows, output: &mut [f32], lanes: usize) {
        let geometry = Geometry::new(self, operands[0].shape, operands[1].shape, lanes);
        let input = geometry.padded(operands[0].values, lanes);
        let (taps, all) = (geometry.taps(), geometry.columns());
        let mut columns = Vec::with_capacity(all.len());
        for position in 0..windows.count() {
            windows.taps(position).for_each(|tap| columns.push(Column { output: position, ..all[tap] }));
        }
        for group in 0..self.groups {
            let output = &mut output[group * geometry.rows * windows.count() * lanes..];
            let sums = geometry.sums(group, operands, &input, (&taps, &columns));
            WeightedSums { output_row: windows.count(), ..sums }.compute_largest(output);
        }
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let geometry = Geometry::new(self, pass.operands[0].shape, pass.operands[1].shape, pass.lanes);
        if let Some(gradient) = &mut gradients[0] {
            let shortcut = self.shortcut.as_ref();
            if !shortcut.is_some_and(|shortcut| shortcut.backward(&self.window, pass, gradient)) {
                input_gradient::add_to(&geometry, pass, gradient);
            }
        }
        self.backward_shared(std::slice::from_ref(pass), gradients);
    }

    fn backward_shared(&self, passes: &[Backward<'_>], gradients: &mut [Option<&mut [f32]>]) {
        let Some(first) = passes.first() else { return };
        let geometry = Geometry::new(self, first.operands[0].shape, first.operands[1].shape, first.lanes);
        if let Some(gradient) = &mut gradients[1] {
            geometry.backward_weights(passes, gradient);
        }
        if let Some(Some(gradient)) = gradients.get_mut(2) {
            let plane = geometry.output_area() * first.lanes;
            gradient.par_iter_mut().enumerate().for_each(|(output, gradient)| {
                for pass in passes {
                    *gradient +=
                        sum_over_lanes(&pass.cotangent[output * plane..(output + 1) * plane], pass.lanes);
                }
            });
        }
    }

    fn gradient_reads(&self) -> GradientReads {
        GradientReads::NOTHING
    }

    fn save(&self, node: &mut NodeWriter) {
        self.window.write(node);
        node.attribute("group", Attribute::Int(self.groups as i64));
    }

    fn trainable(&self) -> &'static [usize] {
        &[1, 2]
    }

    fn expect_images(&mut self, images: ImageSize, operands: &[&Shape], pooled: Option<Windows>) {
        self.shortcut = Shortcut::choose(self, images, operands, pooled);
    }

    fn forget_weights(&mut self) {
        if let Some(shortcut) = &mut self.shortcut {
            shortcut.forget_weights();
        }
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        tests::reference(self, operands)
    }
}

/// The sum of all elements: first over the elements of each lane, then over the lanes in their order.
fn sum_over_lanes(values: &[f32], lanes: usize) -> f32 {
    let mut sums = [0.0_f32; LANES];
    vectorized(
        #[inline(always)]
        || {
            if lanes == LANES {
                for element in values.as_chunks::<LANES>().0 {
                    for (sum, value) in sums.iter_mut().zip(element) {
                        *sum += value;
                    }
                }
                return;
            }
            for element in values.chunks_exact(lanes) {
                for (sum, value) in sums.iter_mut().zip(element) {
                    *sum += value;
                }
            }
        },
    );
    sums[..lanes].iter().sum()
}

/// All extents of one convolution, and the tables that its kernels walk.
struct Geometry<'a> {
    conv: &'a Conv,
    /// Of the image: `[channels, height, width]`.
    input: [usize; 3],
    /// Height and width with the padding.
    padded: [usize; 2],
    /// Into so many phases the columns of the padded image are sorted: those of a phase are a multiple of the stride
    /// apart, so that what neighbouring outputs of a single image see are neighbours.
    phases: usize,
    /// Height and width of the result.
    output: [usize; 2],
    /// Output channels of one group.
    rows: usize,
    /// Input channels of one group.
    channels: usize,
    /// Weights of one output channel.
    weight_row: usize,
}

impl<'a> Geometry<'a> {
    /// The shapes have passed the shape rule.
    fn new(conv: &'a Conv, image: &Shape, weights: &Shape, lanes: usize) -> Self {
        let input: [usize; 3] = image.extents().try_into().expect("the shape rule wants three axes");
        let [outputs, channels, kernel_height, kernel_width] =
            weights.extents().try_into().expect("the shape rule wants four axes");
        let [top, left, bottom, right] = conv.window.pads;
        let padded = [top + input[1] + bottom, left + input[2] + right];
        let extent = |axis: usize| {
            let reach = (conv.window.kernel[axis] - 1) * conv.window.dilation[axis];
            (padded[axis] - reach - 1) / conv.window.stride[axis] + 1
        };
        Self {
            conv,
            input,
            padded,
            phases: if lanes == 1 { conv.window.stride[1] } else { 1 },
            output: [extent(0), extent(1)],
            rows: outputs / conv.groups,
            channels,
            weight_row: channels * kernel_height * kernel_width,
        }
    }

    /// The sums of one group.
    ///
    /// - `input`: as [`Self::padded`].
    fn sums<'s>(
        &self,
        group: usize,
        operands: &'s [Operand<'_>],
        input: &'s [f32],
        (taps, columns): (&'s [Tap], &'s [Column]),
    ) -> WeightedSums<'s> {
        let rows = group * self.rows..(group + 1) * self.rows;
        let lanes = operands[0].lanes;
        WeightedSums {
            input: &input[group * self.channels * self.padded_area() * lanes..],
            weights: &operands[1].values[rows.start * self.weight_row..rows.end * self.weight_row],
            start: operands.get(2).map_or(Start::Zero, |bias| Start::Bias(&bias.values[rows])),
            taps,
            rounds: self.rounds(),
            columns,
            rows: self.rows,
            weight_row: self.weight_row,
            output_row: self.output_area(),
            lanes,
        }
    }

    fn output_area(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Elements of a plane of [`Self::padded`].
    fn padded_area(&self) -> usize {
        self.padded[0] * self.phases * self.phase_width()
    }

    fn phase_width(&self) -> usize {
        self.padded[1].div_ceil(self.phases)
    }

    /// Where a column of the padded image is in its row.
    fn place(&self, column: usize) -> usize {
        column % self.phases * self.phase_width() + column / self.phases
    }

    /// The input with its border of zeros, its columns sorted by their phase; borrowed where that changes nothing.
    fn padded<'v>(&self, values: &'v [f32], lanes: usize) -> Cow<'v, [f32]> {
        let [_, height, width] = self.input;
        if [height, width] == self.padded && self.phases == 1 {
            return values.into();
        }
        let [top, left, ..] = self.conv.window.pads;
        let row = self.phases * self.phase_width() * lanes;
        let plane = height * width * lanes;
        let mut padded = vec![0.0; values.len() / plane.max(1) * self.padded[0] * row];
        let rows: Vec<usize> = (0..height).filter(|y| self.is_seen(0, top + y)).collect();
        let firsts: Vec<usize> = (0..self.phases.min(width)).filter(|x| self.is_seen(1, left + x)).collect();
        let fill = |(values, padded): (&[f32], &mut [f32])| {
            for &y in &rows {
                let (values, padded) =
                    (&values[y * width * lanes..][..width * lanes], &mut padded[(top + y) * row..]);
                if self.phases == 1 {
                    padded[left * lanes..][..values.len()].copy_from_slice(values);
                    continue;
                }
                for &first in &firsts {
                    let phase = &mut padded[self.place(left + first)..];
                    for (place, pixel) in phase.iter_mut().zip(values[first..].chunks(self.phases)) {
                        *place = pixel[0];
                    }
                }
            }
        };
        let planes =
            values.par_chunks_exact(plane.max(1)).zip(padded.par_chunks_exact_mut(self.padded[0] * row));
        planes.with_min_len(FLOATS_EACH / plane.max(1) + 1).for_each(fill);
        padded.into()
    }

    /// Whether a tap can look at this coordinate of the padded image, or at one a multiple of the stride away.
    fn is_seen(&self, axis: usize, coordinate: usize) -> bool {
        let Window { kernel, stride, dilation, .. } = self.conv.window;
        (0..kernel[axis]).any(|tap| coordinate.abs_diff(tap * dilation[axis]).is_multiple_of(stride[axis]))
    }

    /// One column an output pixel.
    fn columns(&self) -> Vec<Column> {
        let [stride_y, stride_x] = self.conv.window.stride;
        let [height, width] = self.output;
        let row = self.phases * self.phase_width();
        let places: Vec<usize> = (0..width).map(|x| self.place(x * stride_x)).collect();
        let mut columns = Vec::with_capacity(height * width);
        for y in 0..height {
            let (input, output) = (y * stride_y * row, y * width);
            let of_row = places.iter().enumerate();
            columns.extend(of_row.map(|(x, place)| Column { input: input + place, output: output + x }));
        }
        columns
    }

    /// One tap a weight of a channel.
    fn taps(&self) -> Vec<Tap> {
        let [kernel_height, kernel_width] = self.conv.window.kernel;
        let [dilation_y, dilation_x] = self.conv.window.dilation;
        let row = self.phases * self.phase_width();
        (0..kernel_height * kernel_width)
            .map(|weight| {
                let (u, v) = (weight / kernel_width, weight % kernel_width);
                Tap { input: u * dilation_y * row + self.place(v * dilation_x), weight }
            })
            .collect()
    }

    /// Once a channel.
    fn rounds(&self) -> Rounds {
        Rounds {
            count: self.channels,
            input: self.padded_area(),
            weight: self.weight_row / self.channels.max(1),
        }
    }

    fn backward_weights(&self, passes: &[Backward<'_>], gradient: &mut [f32]) {
        if gradient.is_empty() {
            return;
        }
        let columns = self.columns();
        let taps = self.rounds().all(&self.taps());
        let inputs: Vec<Cow<'_, [f32]>> =
            passes.iter().map(|pass| self.padded(pass.operands[0].values, pass.lanes)).collect();
        // How rows are divided changes no sum.
        let rows_each = self.rows.div_ceil(4 * rayon::current_num_threads()).next_multiple_of(4);
        let area = self.output_area();
        for (group, gradient) in gradient.chunks_exact_mut(self.rows * self.weight_row).enumerate() {
            let channel = group * self.channels * self.padded_area();
            gradient.par_chunks_mut(rows_each * self.weight_row).enumerate().for_each(|(part, gradient)| {
                let row = group * self.rows + part * rows_each;
                for (pass, input) in passes.iter().zip(&inputs) {
                    LaneSums {
                        input: &input[channel * pass.lanes..],
                        cotangent: &pass.cotangent[row * area * pass.lanes..],
                        cotangent_row: area,
                        taps: &taps,
                        columns: &columns,
                        rows: gradient.len() / self.weight_row,
                        weight_row: self.weight_row,
                        lanes: pass.lanes,
                    }
                    .add_to(gradient);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Array, Case, Random};
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let mut pair = |low, high| [random.int(low..=high), random.int(low..=high)];
        let window = Window {
            kernel: pair(1, 3),
            stride: pair(1, 3),
            dilation: pair(1, 2),
            pads: {
                let ([top, left], [bottom, right]) = (pair(0, 2), pair(0, 2));
                [top, left, bottom, right]
            },
        };
        let reach = |axis: usize| (window.kernel[axis] - 1) * window.dilation[axis] + 1;
        let (height, width) = (reach(0) + random.int(0..=4), reach(1) + random.int(0..=4));
        let (groups, channels, outputs) = (random.int(1..=2), random.int(1..=3), random.int(1..=5));
        let kernel = window.kernel;
        let case = Case::new(Conv::new(window, groups))
            .batched(Shape::from([groups * channels, height, width]))
            .shared(Shape::from([groups * outputs, channels, kernel[0], kernel[1]]));
        let case = if random.flip() { case.shared(Shape::from([groups * outputs])) } else { case };
        // The larger case costs more than all others.
        if random.int(0..=4) == 0 {
            vec![case, channels_apart(random), tiles(random)]
        } else {
            vec![case, channels_apart(random)]
        }
    }

    /// A convolution that is done by tiles.
    fn tiles(random: &mut Random) -> Case {
        let mut pair = |low, high| [random.int(low..=high), random.int(low..=high)];
        let ([top, left], [bottom, right]) = (pair(0, 3), pair(0, 2));
        let ([height, width], [channels, outputs]) = (pair(9, 10), pair(4, 5));
        let kernel = [if random.flip() { 3 } else { 5 }; 2];
        let window = Window { kernel, stride: [1; 2], dilation: [1; 2], pads: [top, left, bottom, right] };
        Case::new(Conv::new(window, 1))
            .batched(Shape::from([channels, height, width]))
            .shared(Shape::from([outputs, channels, kernel[0], kernel[1]]))
            .shared(Shape::from([outputs]))
    }

    /// A convolution with a filter for each channel.
    fn channels_apart(random: &mut Random) -> Case {
        let mut pair = |low, high| [random.int(low..=high), random.int(low..=high)];
        let ([top, left], [bottom, right]) = (pair(0, 3), pair(0, 3));
        let (kernel, stride, dilation) = (pair(1, 3), pair(1, 3), pair(1, 2));
        let window = Window { kernel, stride, dilation, pads: [top, left, bottom, right] };
        let [height, width] = pair(5, 9);
        let channels = random.int(2..=3);
        Case::new(Conv::new(window, channels))
            .batched(Shape::from([channels, height, width]))
            .shared(Shape::from([channels, 1, kernel[0], kernel[1]]))
            .shared(Shape::from([channels]))
    }

    #[test]
    fn the_quicker_ways_are_taken_where_they_fit() {
        let window = Window { kernel: [3; 2], stride: [1; 2], dilation: [1; 2], pads: [0; 4] };
        let mut conv = Conv::new(window, 1);
        conv.expect_images(ImageSize::Large, &[&Shape::from([4, 11, 11]), &Shape::from([4, 4, 3, 3])], None);
        assert!(matches!(conv.shortcut, Some(Shortcut::Tiles { backward: true, .. })));
        let (stride, dilation) = ([2, 1], [1, 2]);
        for other in [Window { stride, ..window }, Window { dilation, ..window }] {
            let mut conv = Conv::new(other, 1);
            conv.expect_images(
                ImageSize::Large,
                &[&Shape::from([4, 25, 25]), &Shape::from([4, 4, 3, 3])],
                None,
            );
            assert!(conv.shortcut.is_none());
        }
        let mut conv = Conv::new(window, 4);
        conv.expect_images(ImageSize::Large, &[&Shape::from([4, 25, 25]), &Shape::from([4, 1, 3, 3])], None);
        assert!(matches!(conv.shortcut, Some(Shortcut::ChannelsApart)));
        // The second convolution of LeNet; its first has a single channel.
        let window = Window { kernel: [5; 2], ..window };
        for (channels, extent, by_tiles) in [(20, 12, true), (1, 28, false), (20, 5, false)] {
            let mut conv = Conv::new(window, 1);
            let shapes = [Shape::from([channels, extent, extent]), Shape::from([50, channels, 5, 5])];
            conv.expect_images(ImageSize::Small, &[&shapes[0], &shapes[1]], None);
            assert_eq!(
                matches!(conv.shortcut, Some(Shortcut::Tiles { backward: true, .. })),
                by_tiles,
                "{channels} channels"
            );
        }
    }

    /// The definition, with a loop for each letter.
    pub(super) fn reference(conv: &Conv, operands: &[Array]) -> Vec<f64> {
        let (image, weights) = (&operands[0], &operands[1]);
        let shapes: Vec<&Shape> = operands.iter().map(|operand| &operand.shape).collect();
        let shape = conv.output_shape(&shapes).unwrap();
        let &[outputs, out_height, out_width] = shape.extents() else { panic!("three axes") };
        let &[_, height, width] = image.shape.extents() else { panic!("three axes") };
        let &[_, channels, kernel_height, kernel_width] = weights.shape.extents() else {
            panic!("four axes")
        };
        let Window { stride, dilation, pads, .. } = &conv.window;
        let mut result = Vec::new();
        for o in 0..outputs {
            let first_channel = o / (outputs / conv.groups) * channels;
            for i in 0..out_height {
                for j in 0..out_width {
                    let mut sum = operands.get(2).map_or(0.0, |bias| bias.values[o]);
                    for c in 0..channels {
                        for u in 0..kernel_height {
                            for v in 0..kernel_width {
                                let y = (i * stride[0] + u * dilation[0]).checked_sub(pads[0]);
                                let x = (j * stride[1] + v * dilation[1]).checked_sub(pads[1]);
                                if let (Some(y), Some(x)) = (y, x)
                                    && y < height
                                    && x < width
                                {
                                    sum += weights.values
                                        [((o * channels + c) * kernel_height + u) * kernel_width + v]
                                        * image.values[((first_channel + c) * height + y) * width + x];
                                }
                            }
                        }
                    }
                    result.push(sum);
                }
            }
        }
        result
    }
}

//! `ConvTranspose`: the adjoint of a convolution, which spreads each input pixel over a window of the result.
//!
//! It is [`Conv`] run backward, and its gradient is the convolution, so both use the kernels of that.

use super::conv::Conv;
use super::window::{LARGEST, Window, image_extents};
use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration};
use crate::load::{Attribute, Input, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "ConvTranspose",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// Operands: image `[C, H, W]`, weights `[C, O / groups, kernel]`, maybe bias `[O]`.
#[derive(Debug)]
pub(crate) struct ConvTranspose {
    /// The convolution from the result to the image.
    pub(crate) conv: Conv,
    /// Height and width of the result.
    pub(crate) output: [usize; 2],
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(2..=3)?;
    let [_, height, width] = image_extents(node.batched(0)?)?;
    let weights = node.constant(1)?.ok_or_else(|| OpError::new("the weights are left out"))?;
    let &[_, _, kernel_height, kernel_width] = weights.shape.extents() else {
        return Err(OpError::new(format!("expected weights with four axes, got {}", weights.shape)));
    };
    let pair = |name: &str| match node.ints(name)? {
        None => Ok(None),
        Some(&[height, width]) => {
            let extent = |value| usize::try_from(value).ok().filter(|&value| value <= LARGEST);
            let pair = extent(height).zip(extent(width));
            let pair = pair.ok_or_else(|| OpError::new(format!("attribute `{name}` is out of range")))?;
            Ok(Some([pair.0, pair.1]))
        }
        Some(_) => Err(OpError::attribute(name, "two integers, for height and width")),
    };
    let mut window = Window::parse(node, Some([kernel_height, kernel_width]), [height, width])?;
    let extra = pair("output_padding")?.unwrap_or([0; 2]);
    let wanted = pair("output_shape")?;
    let same = match node.string("auto_pad", "NOTSET")? {
        "SAME_UPPER" => Some(true),
        "SAME_LOWER" => Some(false),
        _ => None,
    };
    let mut output = [0; 2];
    for (axis, extent) in [height, width].into_iter().enumerate() {
        let reach = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
        let full =
            extent.saturating_sub(1).saturating_mul(window.stride[axis]).saturating_add(reach + extra[axis]);
        let target = match (wanted, same) {
            (Some(wanted), _) => Some(wanted[axis]),
            (None, Some(_)) => Some(extent.saturating_mul(window.stride[axis])),
            (None, None) => None,
        };
        if let Some(target) = target {
            // What is too much is cut off: an odd pixel at the bottom and right with SAME_UPPER, and the other way round
            // with everything else.
            let cut = full.saturating_sub(target);
            let (less, more) = (cut / 2, cut - cut / 2);
            let at_end = same == Some(true);
            (window.pads[axis], window.pads[axis + 2]) = if at_end { (less, more) } else { (more, less) };
        }
        let cut = window.pads[axis] + window.pads[axis + 2];
        // What is wanted beyond the reach of the image is more of the bias.
        let full = target.map_or(full, |target| full.max(target));
        output[axis] = full.checked_sub(cut).filter(|&extent| extent > 0).ok_or_else(|| {
            OpError::new(format!("nothing of the {full} pixels would be left after cutting off {cut}"))
        })?;
    }
    let groups = usize::try_from(node.int("group", 1)?).ok().filter(|&groups| groups > 0);
    let groups = groups.ok_or_else(|| OpError::new("attribute `group` must be positive"))?;
    let operands =
        if matches!(node.inputs.get(2), None | Some(Input::Absent)) { vec![0, 1] } else { vec![0, 1, 2] };
    Ok(Parsed::new(ConvTranspose { conv: Conv::new(window, groups), output }, operands))
}

impl ConvTranspose {
    /// The shape of the result, which the convolution makes the image of.
    fn result(&self, weights: &Shape) -> Shape {
        let outputs = weights.extents()[1].saturating_mul(self.conv.groups);
        Shape::from([outputs, self.output[0], self.output[1]])
    }
}

impl Op for ConvTranspose {
    fn name(&self) -> &'static str {
        "ConvTranspose"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        if operands[1].rank() != 4 {
            return Err(OpError::new(format!("expected weights with four axes, got {}", operands[1])));
        }
        let result = self.result(operands[1]);
        let image = self.conv.output_shape(&[&result, operands[1]])?;
        if image != *operands[0] {
            return Err(OpError::new(format!(
                "weights {} and strides are for an image of {image}, got {}",
                operands[1], operands[0]
            )));
        }
        let outputs = result.extents()[0];
        match operands.get(2).filter(|bias| bias.extents() != [outputs]) {
            Some(bias) => Err(OpError::new(format!("expected a bias of {outputs} numbers, got {bias}"))),
            None => Ok(result),
        }
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let result = self.result(operands[1].shape);
        let area = self.output[0] * self.output[1] * lanes;
        for (channel, plane) in output.chunks_exact_mut(area).enumerate() {
            plane.fill(operands.get(2).map_or(0.0, |bias| bias.values[channel]));
        }
        let pass = Backward {
            operands: &[Operand { shape: &result, values: &[], lanes }, operands[1]],
            output: operands[0],
            cotangent: operands[0].values,
            lanes,
        };
        self.conv.backward(&pass, &mut [Some(output), None]);
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let [for_image, for_weights, for_bias @ ..] = gradients else {
            unreachable!("at least two operands")
        };
        let cotangent = Operand { shape: pass.output.shape, values: pass.cotangent, lanes: pass.lanes };
        if let Some(gradient) = for_image {
            let mut own = vec![0.0; gradient.len()];
            self.conv.forward(&[cotangent, pass.operands[1]], &mut own, pass.lanes);
            for (gradient, own) in gradient.iter_mut().zip(own) {
                *gradient += own;
            }
        }
        if for_weights.is_some() {
            let adjoint = Backward {
                operands: &[cotangent, pass.operands[1]],
                output: pass.operands[0],
                cotangent: pass.operands[0].values,
                lanes: pass.lanes,
            };
            self.conv.backward(&adjoint, &mut [None, for_weights.as_deref_mut()]);
        }
        if let Some(Some(gradient)) = for_bias.first_mut() {
            let area = self.output[0] * self.output[1] * pass.lanes;
            for (gradient, plane) in gradient.iter_mut().zip(pass.cotangent.chunks_exact(area)) {
                *gradient += plane.iter().sum::<f32>();
            }
        }
    }

    fn gradient_reads(&self) -> GradientReads {
        GradientReads::NOTHING
    }

    fn save(&self, node: &mut NodeWriter) {
        self.conv.save(node);
        let window = self.conv.window;
        let image = window.output_extent(self.output, false).expect("the shape rule has seen the operands");
        // Pixels behind the last window that a stride reaches, which the extents of the image leave open.
        let behind = |axis: usize| {
            let reach = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
            let reached = (image[axis] - 1) * window.stride[axis] + reach;
            (self.output[axis] + window.pads[axis] + window.pads[axis + 2] - reached) as i64
        };
        node.attribute("output_padding", Attribute::Ints(vec![behind(0), behind(1)]));
    }

    fn trainable(&self) -> &'static [usize] {
        &[1, 2]
    }

    /// Every pixel of the image, spread by hand.
    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let &[channels, height, width] = operands[0].shape.extents() else { panic!("an image") };
        let &[_, group_outputs, kernel_height, kernel_width] = operands[1].shape.extents() else {
            panic!("weights")
        };
        let result = self.result(&operands[1].shape);
        let window = self.conv.window;
        let mut values: Vec<f64> = (0..result.count())
            .map(|element| {
                operands.get(2).map_or(0.0, |b| b.values[element / (self.output[0] * self.output[1])])
            })
            .collect();
        for c in 0..channels {
            let group = c / (channels / self.conv.groups);
            for o in 0..group_outputs {
                for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                    for (u, v) in (0..kernel_height).flat_map(|u| (0..kernel_width).map(move |v| (u, v))) {
                        let row = y * window.stride[0] + u * window.dilation[0];
                        let column = x * window.stride[1] + v * window.dilation[1];
                        let place = row.checked_sub(window.pads[0]).zip(column.checked_sub(window.pads[1]));
                        let Some((row, column)) = place else { continue };
                        if row < self.output[0] && column < self.output[1] {
                            let to = ((group * group_outputs + o) * self.output[0] + row) * self.output[1]
                                + column;
                            let weight = ((c * group_outputs + o) * kernel_height + u) * kernel_width + v;
                            values[to] +=
                                operands[0].values[(c * height + y) * width + x] * operands[1].values[weight];
                        }
                    }
                }
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let mut case = |has_bias| loop {
            let mut pair =
                |range: std::ops::RangeInclusive<usize>| [random.int(range.clone()), random.int(range)];
            let (kernel, stride, dilation) = (pair(1..=3), pair(1..=2), pair(1..=2));
            let ([top, left], [bottom, right], output) = (pair(0..=1), pair(0..=1), pair(1..=5));
            let (groups, [inputs, outputs]) = (random.int(1..=2), [random.int(1..=2), random.int(1..=2)]);
            let window = Window { kernel, stride, dilation, pads: [top, left, bottom, right] };
            let op = ConvTranspose { conv: Conv::new(window, groups), output };
            let weights = Shape::from([inputs * groups, outputs, kernel[0], kernel[1]]);
            let Ok(image) = op.conv.output_shape(&[&op.result(&weights), &weights]) else { continue };
            let case = Case::new(op).batched(image).shared(weights);
            return if has_bias { case.shared(Shape::from([outputs * groups])) } else { case };
        };
        vec![case(true), case(false)]
    }
}

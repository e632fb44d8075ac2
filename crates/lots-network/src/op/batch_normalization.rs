//! `BatchNormalization` as it is at inference: each channel shifted and scaled by fixed numbers.

use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Constant, ConstantValues, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "BatchNormalization",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// scale · (x − mean) / √(variance + epsilon) + bias, channel by channel.
///
/// Operands: the image, channels first; scale and bias, one number a channel. Mean and variance are statistics and no
/// weights: nothing trains them.
#[derive(Debug)]
pub(crate) struct BatchNormalization {
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
    pub(crate) epsilon: f32,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(5..=5)?;
    node.batched(0)?;
    if node.int("training_mode", 0)? != 0 {
        return Err(OpError::new("it is in training mode, which would mix the images of a batch"));
    }
    if node.int("spatial", 1)? == 0 {
        return Err(OpError::new("attribute `spatial` 0 is not supported, expected 1"));
    }
    let numbers = |index| {
        node.constant_floats(index)?.ok_or_else(|| OpError::new(format!("input {index} is left out")))
    };
    // Scale and bias are operands, but must be there and the same for all images, too.
    let [_, _, mean, variance] = [numbers(1)?, numbers(2)?, numbers(3)?, numbers(4)?];
    let epsilon = node.float("epsilon", 1e-5)?;
    Ok(Parsed::new(BatchNormalization { mean: mean.into(), variance: variance.into(), epsilon }, [0, 1, 2]))
}

impl Op for BatchNormalization {
    fn name(&self) -> &'static str {
        "BatchNormalization"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let Some(&channels) = operands[0].extents().first() else {
            return Err(OpError::new("one image has 1 value, expected channels"));
        };
        let parts = [
            ("scale", operands[1].clone()),
            ("bias", operands[2].clone()),
            ("mean", Shape::from([self.mean.len()])),
            ("variance", Shape::from([self.variance.len()])),
        ];
        match parts.iter().find(|(_, shape)| shape.extents() != [channels]) {
            Some((part, shape)) => {
                Err(OpError::new(format!("the {part} has {shape} numbers, expected {channels} (channels)")))
            }
            None => Ok(operands[0].clone()),
        }
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], _lanes: usize) {
        let [image, scale, bias] = operands else { unreachable!("three operands") };
        let Some(count) = image.values.len().checked_div(self.mean.len()) else { return };
        vectorized(
            #[inline(always)]
            || {
                let channels = image.values.chunks_exact(count).zip(output.chunks_exact_mut(count));
                for (channel, (input, output)) in channels.enumerate() {
                    let factor = scale.values[channel] * self.inverse_deviation(channel);
                    let (mean, bias) = (self.mean[channel], bias.values[channel]);
                    for (y, x) in output.iter_mut().zip(input) {
                        *y = (x - mean) * factor + bias;
                    }
                }
            },
        );
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let [image, scale, _] = pass.operands else { unreachable!("three operands") };
        let Some(count) = image.values.len().checked_div(self.mean.len()) else { return };
        let [for_image, for_scale, for_bias] = gradients else { unreachable!("three operands") };
        vectorized(
            #[inline(always)]
            || {
                for channel in 0..self.mean.len() {
                    let values = channel * count..(channel + 1) * count;
                    let cotangent = &pass.cotangent[values.clone()];
                    let inverse = self.inverse_deviation(channel);
                    if let Some(gradient) = for_image {
                        let factor = scale.values[channel] * inverse;
                        for (gradient, cotangent) in gradient[values.clone()].iter_mut().zip(cotangent) {
                            *gradient += cotangent * factor;
                        }
                    }
                    if let Some(gradient) = for_scale {
                        let mean = self.mean[channel];
                        gradient[channel] +=
                            sum_of(cotangent, &image.values[values], |c, x| c * (x - mean)) * inverse;
                    }
                    if let Some(gradient) = for_bias {
                        gradient[channel] += sum_of(cotangent, cotangent, |c, _| c);
                    }
                }
            },
        );
    }

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("epsilon", Attribute::Float(self.epsilon));
        for values in [&self.mean, &self.variance] {
            let shape = Shape::from([values.len()]);
            node.constant(Some(Constant { shape, values: ConstantValues::F32(values.as_slice().into()) }));
        }
    }

    fn trainable(&self) -> &'static [usize] {
        &[1, 2]
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let [image, scale, bias] = operands else { panic!("three operands") };
        let count = image.values.len() / self.mean.len();
        let normalised = |(element, x): (usize, &f64)| {
            let channel = element / count;
            let deviation = (f64::from(self.variance[channel]) + f64::from(self.epsilon)).sqrt();
            scale.values[channel] * (x - f64::from(self.mean[channel])) / deviation + bias.values[channel]
        };
        image.values.iter().enumerate().map(normalised).collect()
    }
}

impl BatchNormalization {
    fn inverse_deviation(&self, channel: usize) -> f32 {
        1.0 / (self.variance[channel] + self.epsilon).sqrt()
    }
}

/// The sum of `term` over both slices, whatever lies in their lanes: sixteen sums side by side, and then theirs.
#[inline(always)]
fn sum_of(left: &[f32], right: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    const SUMS: usize = 16;
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<SUMS>(), right.as_chunks::<SUMS>());
    let mut sums = [0.0; SUMS];
    for (left, right) in left.iter().zip(right) {
        for ((sum, &left), &right) in sums.iter_mut().zip(left).zip(right) {
            *sum += term(left, right);
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(&left, &right)| term(left, right)).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::floats;
    use super::*;
    use crate::load::Input;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let shape = random.shape(1..=3);
        let channels = shape.extents()[0];
        let mut numbers = |low| -> Vec<f32> {
            random.values(channels, low, 1.0).into_iter().map(|value| value as f32).collect()
        };
        let op = BatchNormalization { mean: numbers(-1.0), variance: numbers(0.1), epsilon: 1e-3 };
        let numbers = Shape::from([channels]);
        vec![Case::new(op).batched(shape).shared(numbers.clone()).shared(numbers)]
    }

    #[test]
    fn what_is_not_inference_or_does_not_fit_is_refused() {
        let image = Shape::from([3, 2, 2]);
        let (three, two) = (floats(&Shape::from([3])), floats(&Shape::from([2])));
        let parsed = |name: &str, value, last| {
            let attributes = [(name.to_owned(), Attribute::Int(value))];
            let constant = Input::Constant(&three);
            let inputs = [Input::Batched(&image), constant, constant, constant, last];
            parse(&Node { opset: 14, attributes: &attributes, inputs: &inputs, ..Node::default() })
        };
        let three = Input::Constant(&three);
        assert!(parsed("training_mode", 0, three).is_ok());
        assert!(parsed("training_mode", 1, three).err().unwrap().message.contains("training mode"));
        assert!(parsed("spatial", 0, three).err().unwrap().message.contains("spatial"));
        assert!(parsed("spatial", 1, Input::Absent).is_err());
        let short = parsed("spatial", 1, Input::Constant(&two)).unwrap();
        let numbers = Shape::from([3]);
        let message = short.op.output_shape(&[&image, &numbers, &numbers]).unwrap_err().message;
        assert_eq!(message, "the variance has 2 numbers, expected 3 (channels)");
    }
}

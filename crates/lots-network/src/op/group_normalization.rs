//! `GroupNormalization` and `InstanceNormalization`: the values of some channels standardised together, then each
//! channel scaled and shifted. An instance is a group of one channel.

use super::standardize::{statistics, sum};
use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const GROUP: Registration = Registration {
    name: "GroupNormalization",
    parse: parse_group,
    #[cfg(test)]
    cases: |random| tests::cases(random, false),
};

pub(crate) const INSTANCE: Registration = Registration {
    name: "InstanceNormalization",
    parse: parse_instance,
    #[cfg(test)]
    cases: |random| tests::cases(random, true),
};

/// scale · x̂ + bias. Operands: the image, channels first; scale and bias, one number a channel.
#[derive(Debug)]
pub(crate) struct GroupNormalization {
    /// How many groups of channels there are; none where every channel is a group.
    pub(crate) groups: Option<usize>,
    pub(crate) epsilon: f32,
}

fn parse_group(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(3..=3)?;
    node.batched(0)?;
    if node.opset < 21 {
        // One number a group then, in an operator that hardly anybody wrote before it was corrected.
        return Err(OpError::new("its meaning before operator set 21 is not supported"));
    }
    let groups = usize::try_from(node.int("num_groups", 0)?).ok().filter(|&groups| groups > 0);
    let groups = groups.ok_or_else(|| OpError::new("attribute `num_groups` must be positive"))?;
    let epsilon = node.float("epsilon", 1e-5)?;
    Ok(Parsed::new(GroupNormalization { groups: Some(groups), epsilon }, [0, 1, 2]))
}

fn parse_instance(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(3..=3)?;
    node.batched(0)?;
    let epsilon = node.float("epsilon", 1e-5)?;
    Ok(Parsed::new(GroupNormalization { groups: None, epsilon }, [0, 1, 2]))
}

impl Op for GroupNormalization {
    fn name(&self) -> &'static str {
        if self.groups.is_some() { "GroupNormalization" } else { "InstanceNormalization" }
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        let extents = operands[0].extents();
        let Some(&channels) = extents.first().filter(|_| !extents.contains(&0)) else {
            return Err(OpError::new(format!("one image has {} values, expected channels", operands[0])));
        };
        if let Some(groups) = self.groups.filter(|groups| !channels.is_multiple_of(*groups)) {
            return Err(OpError::new(format!("{channels} channels are no {groups} groups of the same size")));
        }
        match operands[1..].iter().find(|weights| weights.extents() != [channels]) {
            Some(weights) => Err(OpError::new(format!(
                "scale and bias must have {channels} numbers (channels), got {weights}"
            ))),
            None => Ok(operands[0].clone()),
        }
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let extents = self.extents(operands[0].shape);
        vectorized(
            #[inline(always)]
            || match lanes {
                16 => forward::<16>(operands, output, extents, self.epsilon),
                _ => forward::<1>(operands, output, extents, self.epsilon),
            },
        );
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let extents = self.extents(pass.operands[0].shape);
        vectorized(
            #[inline(always)]
            || match pass.lanes {
                16 => backward::<16>(pass, gradients, extents, self.epsilon),
                _ => backward::<1>(pass, gradients, extents, self.epsilon),
            },
        );
    }

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("epsilon", Attribute::Float(self.epsilon));
        if let Some(groups) = self.groups {
            node.attribute("num_groups", Attribute::Int(groups as i64));
        }
    }

    fn trainable(&self) -> &'static [usize] {
        &[1, 2]
    }

    fn opset(&self) -> i64 {
        if self.groups.is_some() { 21 } else { crate::save::onnx::OPSET }
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let [group, area] = self.extents(&operands[0].shape);
        let standardized = operands[0].values.chunks(group).flat_map(|values| {
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            let deviation = (variance + f64::from(self.epsilon)).sqrt();
            values.iter().map(move |x| (x - mean) / deviation).collect::<Vec<_>>()
        });
        let channels = standardized.enumerate().map(|(element, x)| (element / area, x));
        channels.map(|(channel, x)| x * operands[1].values[channel] + operands[2].values[channel]).collect()
    }
}

impl GroupNormalization {
    /// How many elements a group has, and a channel.
    fn extents(&self, image: &Shape) -> [usize; 2] {
        let channels = image.extents()[0];
        let area = image.count() / channels;
        [channels / self.groups.unwrap_or(channels) * area, area]
    }
}

#[inline(always)]
fn forward<const LANES: usize>(
    operands: &[Operand<'_>],
    output: &mut [f32],
    [group, area]: [usize; 2],
    epsilon: f32,
) {
    let (input, output) = (operands[0].values.as_chunks::<LANES>().0, output.as_chunks_mut::<LANES>().0);
    let (scale, bias) = (operands[1].values, operands[2].values);
    for (index, (values, output)) in input.chunks_exact(group).zip(output.chunks_exact_mut(group)).enumerate()
    {
        let statistics = statistics(values, epsilon);
        for (channel, (values, output)) in
            values.chunks_exact(area).zip(output.chunks_exact_mut(area)).enumerate()
        {
            let channel = index * (group / area) + channel;
            for (value, y) in values.iter().zip(output) {
                *y = statistics.standardized(value).map(|x| x * scale[channel] + bias[channel]);
            }
        }
    }
}

#[inline(always)]
fn backward<const LANES: usize>(
    pass: &Backward<'_>,
    gradients: &mut [Option<&mut [f32]>],
    [group, area]: [usize; 2],
    epsilon: f32,
) {
    let input = pass.operands[0].values.as_chunks::<LANES>().0;
    let scale = pass.operands[1].values;
    let cotangent = pass.cotangent.as_chunks::<LANES>().0;
    let [for_input, for_scale, for_bias] = gradients else { unreachable!("three operands") };
    for (index, (values, cotangent)) in
        input.chunks_exact(group).zip(cotangent.chunks_exact(group)).enumerate()
    {
        let statistics = statistics(values, epsilon);
        let first = index * (group / area);
        if let Some(gradient) = for_input {
            statistics.add_gradient(
                values,
                #[inline(always)]
                |element| cotangent[element].map(|value| value * scale[first + element / area]),
                &mut gradient.as_chunks_mut::<LANES>().0[index * group..][..group],
            );
        }
        for (channel, (values, cotangent)) in
            values.chunks_exact(area).zip(cotangent.chunks_exact(area)).enumerate()
        {
            if let Some(gradient) = for_scale {
                let products = values.iter().zip(cotangent).map(|(value, cotangent)| {
                    let mut product = statistics.standardized(value);
                    product.iter_mut().zip(cotangent).for_each(|(product, cotangent)| *product *= cotangent);
                    product
                });
                gradient[first + channel] += sum(products, area).iter().sum::<f32>();
            }
            if let Some(gradient) = for_bias {
                gradient[first + channel] += sum(cotangent.iter().copied(), area).iter().sum::<f32>();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::*;

    pub(super) fn cases(random: &mut Random, is_instance: bool) -> Vec<Case> {
        let (groups, per_group) = (random.int(1..=3), random.int(1..=2));
        let channels = if is_instance { groups } else { groups * per_group };
        let mut extents = vec![channels];
        extents.extend(random.shape(1..=2).extents());
        let op = GroupNormalization { groups: (!is_instance).then_some(groups), epsilon: 0.1 };
        let weights = Shape::from([channels]);
        vec![Case::new(op).batched(Shape::new(extents)).shared(weights.clone()).shared(weights)]
    }

    #[test]
    fn groups_that_do_not_divide_the_channels_are_refused() {
        let op = GroupNormalization { groups: Some(2), epsilon: 1e-5 };
        let three = Shape::from([3]);
        assert!(op.output_shape(&[&Shape::from([3, 4]), &three, &three]).is_err());
        let four = Shape::from([4]);
        assert!(op.output_shape(&[&Shape::from([4, 4]), &four, &three]).is_err());
        assert!(op.output_shape(&[&Shape::from([4, 4]), &four, &four]).is_ok());
    }
}

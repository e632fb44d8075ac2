//! Gemm: a fully connected layer, y = α · x W + β · b.

use std::sync::OnceLock;

use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration};
use crate::forward::ImageSize;
use crate::kernel::outer_products::{Factors, add_outer_products};
use crate::kernel::row_panels::RowPanels;
use crate::kernel::weighted_sum::{Column, Rounds, Start, Tap, WeightedSums};
use crate::load::{Attribute, Input, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Gemm",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// y = α · x W + β · b. Operands: features `[K]`, weights, maybe bias `[N]` or `[1]`.
#[derive(Debug)]
pub(crate) struct Gemm {
    pub(crate) alpha: f32,
    pub(crate) beta: f32,
    /// Whether the weights lie as `[N, K]`, one output after the other, instead of `[K, N]`.
    pub(crate) outputs_first: bool,
    /// Of weights `[N, K]`, made when the first single image comes; none where that is not worth while.
    panels: Option<OnceLock<RowPanels>>,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(2..=3)?;
    if node.int("transA", 0)? != 0 {
        return Err(OpError::new("attribute `transA` would mix the images of a batch"));
    }
    node.batched(0)?;
    node.constant(1)?.ok_or_else(|| OpError::new("the weights are left out"))?;
    let outputs_first = node.int("transB", 0)? != 0;
    let gemm = Gemm::new([node.float("alpha", 1.0)?, node.float("beta", 1.0)?], outputs_first);
    if matches!(node.inputs.get(2), None | Some(Input::Absent)) {
        return Ok(Parsed::new(gemm, [0, 1]));
    }
    let bias = node.constant(2)?.ok_or_else(|| OpError::new("the bias is left out"))?;
    let leading_ones = bias.shape.extents().iter().take_while(|&&extent| extent == 1).count();
    if leading_ones + 1 < bias.shape.rank() {
        return Err(OpError::new(format!("the bias {} differs along the batch", bias.shape)));
    }
    let mut parsed = Parsed::new(gemm, [0, 1, 2]);
    parsed.reshaped.push((2, Shape::from([bias.shape.count()])));
    Ok(parsed)
}

impl Gemm {
    pub(crate) fn new([alpha, beta]: [f32; 2], outputs_first: bool) -> Self {
        Self { alpha, beta, outputs_first, panels: None }
    }

    /// Inputs `K`, outputs `N`.
    fn extents(&self, weights: &Shape) -> [usize; 2] {
        let &[rows, columns] = weights.extents() else { unreachable!("the shape rule wants two axes") };
        if self.outputs_first { [columns, rows] } else { [rows, columns] }
    }

    /// Distances in the weights from one input, and from one output, to the next.
    fn strides(&self, weights: &Shape) -> [usize; 2] {
        let columns = weights.extents()[1];
        if self.outputs_first { [1, columns] } else { [columns, 1] }
    }
}

impl Op for Gemm {
    fn name(&self) -> &'static str {
        "Gemm"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        if operands[1].rank() != 2 {
            return Err(OpError::new(format!("expected weights with two axes, got {}", operands[1])));
        }
        let [inputs, outputs] = self.extents(operands[1]);
        if operands[0].extents() != [inputs] {
            return Err(OpError::new(format!(
                "expected {inputs} features for weights {}, got {}",
                operands[1], operands[0]
            )));
        }
        if operands.get(2).is_some_and(|bias| bias.extents() != [outputs] && bias.extents() != [1]) {
            return Err(OpError::new(format!("expected a bias of {outputs} numbers, got {}", operands[2])));
        }
        Ok(Shape::from([outputs]))
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let [inputs, outputs] = self.extents(operands[1].shape);
        let bias: Option<Vec<f32>> = operands.get(2).map(|bias| {
            let scaled = bias.values.iter().map(|value| self.beta * value);
            if bias.values.len() == outputs {
                scaled.collect()
            } else {
                vec![self.beta * bias.values[0]; outputs]
            }
        });
        let scaled = self.alpha.to_bits() != 1.0_f32.to_bits();
        let start = bias.as_ref().filter(|_| !scaled).map_or(Start::Zero, |bias| Start::Bias(bias));
        if let (Some(panels), 1) = (&self.panels, lanes) {
            panels.get_or_init(|| RowPanels::new(operands[1].values, [outputs, inputs])).compute(
                start,
                operands[0].values,
                output,
            );
        } else {
            let [input_stride, output_stride] = self.strides(operands[1].shape);
            let taps: Vec<Tap> =
                (0..inputs).map(|input| Tap { input, weight: input * input_stride }).collect();
            WeightedSums {
                input: operands[0].values,
                weights: operands[1].values,
                start,
                taps: &taps,
                rounds: Rounds::ONE,
                columns: &[Column { input: 0, output: 0 }],
                rows: outputs,
                weight_row: output_stride,
                output_row: 1,
                lanes,
            }
            .compute(output);
        }
        if scaled {
            for (index, values) in output.chunks_exact_mut(lanes).enumerate() {
                for value in values {
                    *value = self.alpha * *value + bias.as_ref().map_or(0.0, |bias| bias[index]);
                }
            }
        }
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let weights = pass.operands[1];
        let [inputs, outputs] = self.extents(weights.shape);
        let [input_stride, output_stride] = self.strides(weights.shape);
        if let Some(gradient) = &mut gradients[0] {
            let scaled: Vec<f32>;
            let cotangent = if self.alpha.to_bits() == 1.0_f32.to_bits() {
                pass.cotangent
            } else {
                scaled = pass.cotangent.iter().map(|value| self.alpha * value).collect();
                &scaled
            };
            let taps: Vec<Tap> =
                (0..outputs).map(|output| Tap { input: output, weight: output * output_stride }).collect();
            // A tap's weights for neighbouring rows share a cache line: as many taps at a time as lines stay cached.
            let taps_at_once = if pass.lanes == 1 { taps.len().max(1) } else { 128 };
            for taps in taps.chunks(taps_at_once) {
                WeightedSums {
                    input: cotangent,
                    weights: weights.values,
                    start: Start::Output,
                    taps,
                    rounds: Rounds::ONE,
                    columns: &[Column { input: 0, output: 0 }],
                    rows: inputs,
                    weight_row: input_stride,
                    output_row: 1,
                    lanes: pass.lanes,
                }
                .compute(gradient);
            }
        }
        self.backward_shared(std::slice::from_ref(pass), gradients);
    }

    fn backward_shared(&self, passes: &[Backward<'_>], gradients: &mut [Option<&mut [f32]>]) {
        let Some(lanes) = passes.first().map(|pass| pass.lanes) else { return };
        if let Some(gradient) = &mut gradients[1] {
            let blocks: Vec<Factors<'_>> = passes
                .iter()
                .map(|pass| {
                    let (inputs, outputs) = (pass.operands[0].values, pass.cotangent);
                    let (left, right) =
                        if self.outputs_first { (outputs, inputs) } else { (inputs, outputs) };
                    Factors { left, right }
                })
                .collect();
            add_outer_products(&blocks, self.alpha, lanes, gradient);
        }
        if let Some(Some(gradient)) = gradients.get_mut(2) {
            for pass in passes {
                for (output, values) in pass.cotangent.chunks_exact(lanes).enumerate() {
                    let index = if gradient.len() == 1 { 0 } else { output };
                    gradient[index] += self.beta * values.iter().sum::<f32>();
                }
            }
        }
    }

    fn gradient_reads(&self) -> GradientReads {
        GradientReads::NOTHING
    }

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("alpha", Attribute::Float(self.alpha));
        node.attribute("beta", Attribute::Float(self.beta));
        node.attribute("transB", Attribute::Int(i64::from(self.outputs_first)));
    }

    fn trainable(&self) -> &'static [usize] {
        &[1, 2]
    }

    fn lay_out_weights(&mut self, images: ImageSize, operands: &[&Shape], room: usize) -> usize {
        let [inputs, outputs] = self.extents(operands[1]);
        let (suits, count) = (RowPanels::suit([outputs, inputs]), operands[1].count());
        let worth = images == ImageSize::Small && self.outputs_first && suits && count <= room;
        self.panels = worth.then(OnceLock::new);
        if worth { count } else { 0 }
    }

    fn forget_weights(&mut self) {
        self.panels = self.panels.take().map(|_| OnceLock::new());
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let [inputs, outputs] = self.extents(&operands[1].shape);
        let [input_stride, output_stride] = self.strides(&operands[1].shape);
        let mut result = vec![0.0; outputs];
        for (n, y) in result.iter_mut().enumerate() {
            for k in 0..inputs {
                *y += f64::from(self.alpha)
                    * operands[0].values[k]
                    * operands[1].values[k * input_stride + n * output_stride];
            }
            if let Some(bias) = operands.get(2) {
                *y += f64::from(self.beta) * bias.values[if bias.values.len() == 1 { 0 } else { n }];
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        // Layers of many outputs have their weights in two kinds of panels.
        let outputs = if random.flip() { random.int(1..=20) } else { random.int(64..=90) };
        let inputs = random.int(1..=35);
        let outputs_first = random.flip();
        let (alpha, beta) = if random.flip() { (1.0, 1.0) } else { (0.5, 2.0) };
        let weights = if outputs_first { [outputs, inputs] } else { [inputs, outputs] };
        let case = Case::new(Gemm::new([alpha, beta], outputs_first))
            .batched(Shape::from([inputs]))
            .shared(Shape::from(weights));
        vec![match random.int(0..=2) {
            0 => case,
            1 => case.shared(Shape::from([1])),
            _ => case.shared(Shape::from([outputs])),
        }]
    }

    #[test]
    fn weights_are_laid_out_anew_where_there_is_room_for_them() {
        let mut gemm = Gemm::new([1.0; 2], true);
        let (image, weights) = (Shape::from([40]), Shape::from([64, 40]));
        for (room, laid_out) in [(2560, 2560), (2559, 0)] {
            assert_eq!(gemm.lay_out_weights(ImageSize::Small, &[&image, &weights], room), laid_out);
            assert_eq!(gemm.panels.is_some(), laid_out > 0);
        }
    }
}

//! `LRN`: local response normalization across channels, of `AlexNet`.
//!
//! `y_c = x_c / s_c^beta` with `s_c = bias + alpha / size · Σ x_j²` over the `size` channels around c.

use super::{Backward, Op, OpError, Operand, Parsed, Registration, vectorized};
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "LRN",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// Each value divided by a power of the squares around it in the other channels.
#[derive(Debug)]
pub(crate) struct LocalResponseNormalization {
    pub(crate) size: usize,
    pub(crate) alpha: f32,
    pub(crate) beta: f32,
    pub(crate) bias: f32,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    node.batched(0)?;
    let size = usize::try_from(node.int("size", 0)?).ok().filter(|size| (1..1 << 15).contains(size));
    let size = size.ok_or_else(|| OpError::new("attribute `size` must be positive and below 32768"))?;
    let alpha = node.float("alpha", 0.0001)?;
    let (beta, bias) = (node.float("beta", 0.75)?, node.float("bias", 1.0)?);
    Ok(Parsed::new(LocalResponseNormalization { size, alpha, beta, bias }, [0]))
}

impl Op for LocalResponseNormalization {
    fn name(&self) -> &'static str {
        "LRN"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        if operands[0].rank() == 0 {
            return Err(OpError::new("one image has 1 value, expected channels"));
        }
        Ok(operands[0].clone())
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], _lanes: usize) {
        let input = operands[0].values;
        let sums = self.sums(operands[0]);
        for ((y, x), sum) in output.iter_mut().zip(input).zip(sums) {
            *y = x * libm::powf(sum, -self.beta);
        }
    }

    /// With v the cotangent: `v_k s_k^−beta − 2 alpha beta / size · x_k Σ_c v_c y_c / s_c` over the c whose
    /// neighbour k is.
    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let sums = self.sums(pass.operands[0]);
        let values = pass.cotangent.iter().zip(pass.output.values).zip(&sums);
        let terms: Vec<f32> = values.map(|((v, y), sum)| v * y / sum).collect();
        let channels = pass.operands[0].shape.extents()[0];
        let mut spread = vec![0.0; terms.len()];
        // The neighbourhood of a neighbour lies the other way round.
        let [below, above] = self.reach();
        add_neighbours(&terms, &mut spread, channels, [above, below]);
        let factor = 2.0 * self.alpha * self.beta / self.size as f32;
        let values = pass.operands[0].values.iter().zip(pass.cotangent).zip(sums.iter().zip(spread));
        for (gradient, ((x, v), (&sum, spread))) in gradient.iter_mut().zip(values) {
            *gradient += v * libm::powf(sum, -self.beta) - factor * x * spread;
        }
    }

    fn save(&self, node: &mut NodeWriter) {
        node.attribute("size", Attribute::Int(self.size as i64));
        node.attribute("alpha", Attribute::Float(self.alpha));
        node.attribute("beta", Attribute::Float(self.beta));
        node.attribute("bias", Attribute::Float(self.bias));
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let x = &operands[0].values;
        let channels = operands[0].shape.extents()[0];
        let area = x.len() / channels;
        let value = |element: usize| {
            let (channel, place) = ((element / area) as isize, element % area);
            let (below, above) = ((self.size as isize - 1) / 2, self.size as isize / 2);
            let near = (channel - below).max(0)..=(channel + above).min(channels as isize - 1);
            let squares: f64 = near.map(|c| x[c as usize * area + place].powi(2)).sum();
            let sum = f64::from(self.bias) + f64::from(self.alpha) / self.size as f64 * squares;
            x[element] / sum.powf(self.beta.into())
        };
        (0..x.len()).map(value).collect()
    }
}

impl LocalResponseNormalization {
    /// How many channels below and above count.
    fn reach(&self) -> [usize; 2] {
        [(self.size - 1) / 2, self.size / 2]
    }

    /// `s` of every element.
    fn sums(&self, operand: Operand<'_>) -> Vec<f32> {
        let squares: Vec<f32> = operand.values.iter().map(|x| x * x).collect();
        let mut sums = vec![0.0; squares.len()];
        add_neighbours(&squares, &mut sums, operand.shape.extents()[0], self.reach());
        let factor = self.alpha / self.size as f32;
        for sum in &mut sums {
            *sum = self.bias + factor * *sum;
        }
        sums
    }
}

/// Adds to each channel of `sums` those of `values` from `below` channels before it to `above` behind it.
fn add_neighbours(values: &[f32], sums: &mut [f32], channels: usize, [below, above]: [usize; 2]) {
    let Some(area) = values.len().checked_div(channels).filter(|&area| area > 0) else { return };
    vectorized(
        #[inline(always)]
        || {
            for (channel, sums) in sums.chunks_exact_mut(area).enumerate() {
                let near = channel.saturating_sub(below)..channels.min(channel + above + 1);
                for neighbour in near {
                    for (sum, value) in sums.iter_mut().zip(&values[neighbour * area..][..area]) {
                        *sum += value;
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        let shape = random.shape(1..=3);
        let op = LocalResponseNormalization { size: random.int(1..=5), alpha: 0.7, beta: 0.75, bias: 1.5 };
        vec![Case::new(op).batched(shape)]
    }
}

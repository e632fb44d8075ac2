//! `LpPool`: the Lp norm of the values under a sliding window.

use super::window::{Window, ceil_mode, image_extents};
use super::{Backward, Op, OpError, Operand, Parsed, Registration};
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "LpPool",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// (Σ |x|ᵖ)^(1/p) under each window; operand and result are channels×height×width.
#[derive(Debug)]
pub(crate) struct LpPool {
    pub(crate) window: Window,
    /// Whether a last window that sticks out at the bottom or right is kept.
    pub(crate) ceil: bool,
    pub(crate) power: i32,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    let [_, height, width] = image_extents(node.batched(0)?)?;
    let window = Window::parse(node, None, [height, width])?;
    let power = i32::try_from(node.int("p", 2)?).ok().filter(|power| (1..=64).contains(power));
    let power = power.ok_or_else(|| OpError::new("attribute `p` must be 1 to 64"))?;
    Ok(Parsed::new(LpPool { window, ceil: ceil_mode(node)?, power }, [0]))
}

impl Op for LpPool {
    fn name(&self) -> &'static str {
        "LpPool"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        self.window.pooled_shape(operands[0], self.ceil)
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], lanes: usize) {
        let input = operands[0].values;
        self.window.over(operands[0].shape, self.ceil).for_each(|index, taps| {
            for lane in 0..lanes {
                let mut sum = 0.0;
                taps.for_each(|tap| sum += libm::powf(input[tap * lanes + lane].abs(), self.power as f32));
                output[index * lanes + lane] = libm::powf(sum, 1.0 / self.power as f32);
            }
        });
    }

    /// sign x · (|x| / y)^(p − 1), and 0 where y is.
    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        let (input, lanes) = (pass.operands[0].values, pass.lanes);
        self.window.over(pass.operands[0].shape, self.ceil).for_each(|index, taps| {
            for lane in 0..lanes {
                let (y, cotangent) =
                    (pass.output.values[index * lanes + lane], pass.cotangent[index * lanes + lane]);
                taps.for_each(|tap| {
                    let x = input[tap * lanes + lane];
                    if y != 0.0 && x != 0.0 {
                        let slope = libm::powf(x.abs() / y, (self.power - 1) as f32);
                        gradient[tap * lanes + lane] += cotangent * slope * x.signum();
                    }
                });
            }
        });
    }

    fn save(&self, node: &mut NodeWriter) {
        self.window.write(node);
        node.attribute("ceil_mode", Attribute::Int(i64::from(self.ceil)));
        node.attribute("p", Attribute::Int(self.power.into()));
    }

    fn opset(&self) -> i64 {
        // Dilation and the rounding have come then.
        if self.ceil || self.window.dilation != [1, 1] { 18 } else { crate::save::onnx::OPSET }
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        self.window.reference(&operands[0], self.ceil, |inside, _| {
            let sum: f64 = inside.iter().map(|x| x.abs().powi(self.power)).sum();
            sum.powf(1.0 / f64::from(self.power))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        [1, 2, 3]
            .map(|power| {
                let (window, input, ceil) = Window::random(random);
                Case::new(LpPool { window, ceil, power }).operand(input, false, 0.1, 1.3)
            })
            .into()
    }
}

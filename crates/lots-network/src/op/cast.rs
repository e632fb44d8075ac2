//! Cast: another type of the same numbers. Everything is computed in 32-bit floats, so other floating-point types change
//! nothing; integers and truth values are floats that are whole, or 0 and 1.

use super::{Backward, GradientReads, Op, OpError, Operand, Parsed, Registration, unchanged};
use crate::load::{Attribute, Node};
use crate::onnx::data_type;
use crate::save::NodeWriter;
use crate::shape::Shape;

pub(crate) const REGISTRATION: Registration = Registration {
    name: "Cast",
    parse,
    #[cfg(test)]
    cases: tests::cases,
};

/// What the numbers become.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cast {
    Float,
    /// Whole numbers, towards zero; gradient 0.
    Integer,
    /// 1 for everything but 0; gradient 0.
    Truth,
}

fn parse(node: &Node<'_>) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    node.varying(0)?;
    let to = i32::try_from(node.int("to", 0)?).unwrap_or_default();
    let cast = match to {
        data_type::FLOAT | data_type::DOUBLE | data_type::FLOAT16 | data_type::BFLOAT16 => Cast::Float,
        data_type::INT64 | data_type::INT32 => Cast::Integer,
        data_type::BOOL => Cast::Truth,
        other => return Err(OpError::new(format!("a cast to {} is not supported", data_type::name(other)))),
    };
    Ok(Parsed::new(cast, [0]))
}

impl Op for Cast {
    fn name(&self) -> &'static str {
        "Cast"
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        Ok(operands[0].clone())
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], _lanes: usize) {
        unchanged::forward(operands, output);
        match self {
            Self::Float => {}
            Self::Integer => output.iter_mut().for_each(|value| *value = value.trunc()),
            Self::Truth => output.iter_mut().for_each(|value| *value = f32::from(u8::from(*value != 0.0))),
        }
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        if *self == Self::Float {
            unchanged::backward(pass, gradients);
        }
    }

    fn gradient_reads(&self) -> GradientReads {
        GradientReads::NOTHING
    }

    fn save(&self, node: &mut NodeWriter) {
        let to = match self {
            Self::Float => data_type::FLOAT,
            Self::Integer => data_type::INT64,
            Self::Truth => data_type::BOOL,
        };
        node.attribute("to", Attribute::Int(to.into()));
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        let values = operands[0].values.iter();
        match self {
            Self::Float => values.copied().collect(),
            Self::Integer => values.map(|value| value.trunc()).collect(),
            Self::Truth => values.map(|value| f64::from(u8::from(*value != 0.0))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::*;

    pub(super) fn cases(random: &mut Random) -> Vec<Case> {
        // Whole numbers lie where no value is.
        [Cast::Float, Cast::Integer, Cast::Truth]
            .map(|cast| Case::new(cast).operand(random.shape(0..=3), false, 0.05, 1.93))
            .into()
    }
}

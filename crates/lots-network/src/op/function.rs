//! Functions of one number, element by element: the activations of today's networks and what they are put together from.
//!
//! A function is one row of [`Function`]: its value, its derivative and its twin in f64 stand beside each other.
//! Exponentials and the like are those of `libm`, whose bits do not depend on the machine.

mod value;

use super::{Backward, Op, OpError, Operand, Parsed, Registration, element_wise};
use crate::load::{Attribute, Node};
use crate::save::NodeWriter;
use crate::shape::Shape;
use value::{derivative, value};

/// The registrations, by the operator they read; the attributes shown are those that are assumed where a file has none.
macro_rules! registrations {
    ($($constant:ident = $name:literal, $function:expr;)*) => {$(
        pub(crate) const $constant: Registration = Registration {
            name: $name,
            parse: |node| parse(node, $function),
            #[cfg(test)]
            cases: |random| tests::cases(random, $function),
        };
    )*};
}

registrations! {
    ABS = "Abs", Function::Abs;
    CEIL = "Ceil", Function::Ceil;
    CELU = "Celu", Function::Celu { alpha: 1.0 };
    COS = "Cos", Function::Cos;
    ELU = "Elu", Function::Elu { alpha: 1.0 };
    ERF = "Erf", Function::Erf;
    EXP = "Exp", Function::Exp;
    FLOOR = "Floor", Function::Floor;
    GELU = "Gelu", Function::Gelu;
    HARD_SIGMOID = "HardSigmoid", Function::HardSigmoid { alpha: 0.2, beta: 0.5 };
    HARD_SWISH = "HardSwish", Function::HardSwish;
    LEAKY_RELU = "LeakyRelu", Function::LeakyRelu { alpha: 0.01 };
    LOG = "Log", Function::Log;
    MISH = "Mish", Function::Mish;
    NEG = "Neg", Function::Neg;
    RECIPROCAL = "Reciprocal", Function::Reciprocal;
    ROUND = "Round", Function::Round;
    SELU = "Selu", Function::Selu { alpha: 1.673_263_2, gamma: 1.050_701 };
    SIGMOID = "Sigmoid", Function::Sigmoid;
    SIGN = "Sign", Function::Sign;
    SIN = "Sin", Function::Sin;
    SOFTPLUS = "Softplus", Function::Softplus;
    SOFTSIGN = "Softsign", Function::Softsign;
    SQRT = "Sqrt", Function::Sqrt;
    TANH = "Tanh", Function::Tanh;
    THRESHOLDED_RELU = "ThresholdedRelu", Function::ThresholdedRelu { alpha: 1.0 };
}

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Function {
    /// |x|; derivative 0 at 0.
    Abs,
    /// ⌈x⌉; derivative 0.
    Ceil,
    /// x from 0 on, alpha · (exp(x / alpha) − 1) below.
    Celu {
        alpha: f32,
    },
    Cos,
    /// x from 0 on, alpha · (exp x − 1) below.
    Elu {
        alpha: f32,
    },
    /// 2/√π ∫₀ˣ exp(−t²) dt.
    Erf,
    Exp,
    /// ⌊x⌋; derivative 0.
    Floor,
    /// x · Φ(x), with the distribution function of the normal distribution.
    Gelu,
    /// x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))), which is nearly [`Function::Gelu`].
    GeluTanh,
    /// alpha · x + beta, clipped to 0–1.
    HardSigmoid {
        alpha: f32,
        beta: f32,
    },
    /// x · (x/6 + 1/2 clipped to 0–1).
    HardSwish,
    /// x from 0 on, alpha · x below.
    LeakyRelu {
        alpha: f32,
    },
    /// The natural logarithm.
    Log,
    /// x · tanh(ln(1 + exp x)).
    Mish,
    Neg,
    /// 1 / x.
    Reciprocal,
    /// The nearest whole number, the even one of two; derivative 0.
    Round,
    /// gamma · [`Function::Elu`].
    Selu {
        alpha: f32,
        gamma: f32,
    },
    /// 1 / (1 + exp(−x)).
    Sigmoid,
    /// −1, 0 or 1; derivative 0.
    Sign,
    Sin,
    /// ln(1 + exp x).
    Softplus,
    /// x / (1 + |x|).
    Softsign,
    Sqrt,
    Tanh,
    /// x above alpha, 0 elsewhere.
    ThresholdedRelu {
        alpha: f32,
    },
}

fn parse(node: &Node<'_>, function: Function) -> Result<Parsed, OpError> {
    node.expect_inputs(1..=1)?;
    node.varying(0)?;
    let number = |name, default| node.float(name, default);
    let function = match function {
        Function::Celu { alpha } => Function::Celu { alpha: number("alpha", alpha)? },
        Function::Elu { alpha } => Function::Elu { alpha: number("alpha", alpha)? },
        Function::LeakyRelu { alpha } => Function::LeakyRelu { alpha: number("alpha", alpha)? },
        Function::ThresholdedRelu { alpha } => Function::ThresholdedRelu { alpha: number("alpha", alpha)? },
        Function::HardSigmoid { alpha, beta } => {
            Function::HardSigmoid { alpha: number("alpha", alpha)?, beta: number("beta", beta)? }
        }
        Function::Selu { alpha, gamma } => {
            Function::Selu { alpha: number("alpha", alpha)?, gamma: number("gamma", gamma)? }
        }
        Function::Gelu => match node.string("approximate", "none")? {
            "none" => Function::Gelu,
            "tanh" => Function::GeluTanh,
            other => {
                return Err(OpError::new(format!(
                    "attribute `approximate` must be none or tanh, got {other}"
                )));
            }
        },
        other => other,
    };
    Ok(Parsed::new(function, [0]))
}

/// Runs the loop with the function known in each arm, so that it vectorises; those that take a call for every number
/// gain nothing by it.
macro_rules! each_apart {
    ($function:expr, |$name:ident| $loop:expr) => {
        match $function {
            $name @ Function::Abs => $loop,
            $name @ Function::HardSigmoid { .. } => $loop,
            $name @ Function::HardSwish => $loop,
            $name @ Function::LeakyRelu { .. } => $loop,
            $name @ Function::Neg => $loop,
            $name @ Function::Reciprocal => $loop,
            $name @ Function::Sqrt => $loop,
            $name => $loop,
        }
    };
}

impl Op for Function {
    fn name(&self) -> &'static str {
        match self {
            Self::Abs => "Abs",
            Self::Ceil => "Ceil",
            Self::Celu { .. } => "Celu",
            Self::Cos => "Cos",
            Self::Elu { .. } => "Elu",
            Self::Erf => "Erf",
            Self::Exp => "Exp",
            Self::Floor => "Floor",
            Self::Gelu | Self::GeluTanh => "Gelu",
            Self::HardSigmoid { .. } => "HardSigmoid",
            Self::HardSwish => "HardSwish",
            Self::LeakyRelu { .. } => "LeakyRelu",
            Self::Log => "Log",
            Self::Mish => "Mish",
            Self::Neg => "Neg",
            Self::Reciprocal => "Reciprocal",
            Self::Round => "Round",
            Self::Selu { .. } => "Selu",
            Self::Sigmoid => "Sigmoid",
            Self::Sign => "Sign",
            Self::Sin => "Sin",
            Self::Softplus => "Softplus",
            Self::Softsign => "Softsign",
            Self::Sqrt => "Sqrt",
            Self::Tanh => "Tanh",
            Self::ThresholdedRelu { .. } => "ThresholdedRelu",
        }
    }

    fn output_shape(&self, operands: &[&Shape]) -> Result<Shape, OpError> {
        Ok(operands[0].clone())
    }

    fn forward(&self, operands: &[Operand<'_>], output: &mut [f32], _lanes: usize) {
        element_wise(
            output,
            [operands[0].values],
            #[inline(always)]
            |output, [input]| each_apart!(*self, |function| forward(function, input, output)),
        );
    }

    fn backward(&self, pass: &Backward<'_>, gradients: &mut [Option<&mut [f32]>]) {
        let Some(gradient) = &mut gradients[0] else { return };
        element_wise(
            gradient,
            [pass.operands[0].values, pass.output.values, pass.cotangent],
            #[inline(always)]
            |gradient, values| each_apart!(*self, |function| backward(function, values, gradient)),
        );
    }

    fn save(&self, node: &mut NodeWriter) {
        let mut number = |name, value| node.attribute(name, Attribute::Float(value));
        match *self {
            Self::Celu { alpha }
            | Self::Elu { alpha }
            | Self::LeakyRelu { alpha }
            | Self::ThresholdedRelu { alpha } => number("alpha", alpha),
            Self::HardSigmoid { alpha, beta } => {
                number("alpha", alpha);
                number("beta", beta);
            }
            Self::Selu { alpha, gamma } => {
                number("alpha", alpha);
                number("gamma", gamma);
            }
            Self::GeluTanh => node.attribute("approximate", Attribute::String("tanh".to_owned())),
            _ => {}
        }
    }

    fn opset(&self) -> i64 {
        match self {
            Self::HardSwish => 14,
            Self::Mish => 18,
            Self::Gelu | Self::GeluTanh => 20,
            _ => crate::save::onnx::OPSET,
        }
    }

    #[cfg(test)]
    fn reference(&self, operands: &[super::gradient_check::Array]) -> Vec<f64> {
        operands[0].values.iter().map(|&x| value::reference(*self, x)).collect()
    }
}

#[inline(always)]
fn forward(function: Function, input: &[f32], output: &mut [f32]) {
    for (y, &x) in output.iter_mut().zip(input) {
        *y = value(function, x);
    }
}

#[inline(always)]
fn backward(function: Function, [input, output, cotangent]: [&[f32]; 3], gradient: &mut [f32]) {
    let values = input.iter().zip(output).zip(cotangent);
    for (gradient, ((&x, &y), &cotangent)) in gradient.iter_mut().zip(values) {
        *gradient += cotangent * derivative(function, x, y);
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{Case, Random};
    use super::super::one_image::OneImage;
    use super::*;

    pub(super) fn cases(random: &mut Random, function: Function) -> Vec<Case> {
        // Kinks and jumps lie where no value is: those are odd multiples of a fraction of the range.
        let (low, high) = match function {
            Function::Log | Function::Sqrt | Function::Reciprocal => (0.3, 1.9),
            Function::Floor | Function::Ceil | Function::Round | Function::Sign => (0.05, 0.45),
            Function::ThresholdedRelu { .. } => (0.0131, 1.9137),
            _ => (-4.0137, 4.0249),
        };
        let mut case = |function| Case::new(function).operand(random.shape(0..=3), false, low, high);
        let other = match function {
            Function::Elu { .. } => Function::Elu { alpha: 0.5 },
            Function::Celu { .. } => Function::Celu { alpha: 2.0 },
            Function::LeakyRelu { .. } => Function::LeakyRelu { alpha: -0.25 },
            Function::HardSigmoid { .. } => Function::HardSigmoid { alpha: 0.5, beta: 0.25 },
            Function::Gelu => Function::GeluTanh,
            same => same,
        };
        vec![case(function), case(other)]
    }

    #[test]
    fn functions_keep_their_limits_and_nan() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let table = [
            (Function::Sigmoid, [0.0, 0.5, 1.0]),
            (Function::Tanh, [-1.0, 0.0, 1.0]),
            (Function::Softplus, [0.0, core::f32::consts::LN_2, inf]),
            (Function::Gelu, [0.0, 0.0, inf]),
            (Function::GeluTanh, [0.0, 0.0, inf]),
            (Function::HardSwish, [0.0, 0.0, inf]),
            (Function::Mish, [0.0, 0.0, inf]),
            (Function::Elu { alpha: 2.0 }, [-2.0, 0.0, inf]),
            (Function::Softsign, [-1.0, 0.0, 1.0]),
        ];
        for (function, expected) in table {
            let image = OneImage::new(function, vec![(Shape::from([4]), vec![-1e9, 0.0, inf, nan])]);
            let got = image.forward();
            assert_eq!(got[..3], expected, "{function:?}");
            assert!(got[3].is_nan(), "{function:?} of NaN");
            let gradient = &image.gradients(&[1.0; 4])[0];
            assert!(gradient[..2].iter().all(|value| value.is_finite()), "{function:?}: {gradient:?}");
        }
    }

    #[test]
    fn half_way_is_rounded_to_the_even_number() {
        let image = OneImage::new(Function::Round, vec![(Shape::from([4]), vec![0.5, 1.5, 2.5, -0.5])]);
        assert_eq!(image.forward(), [0.0, 2.0, 2.0, 0.0]);
    }
}

//! The values, derivatives and f64 twins of the functions.

use super::Function;

const SQRT_2_OVER_PI: f32 = 0.797_884_6;
/// Of the approximation of GELU by Hendrycks and Gimpel.
const GELU_CUBIC: f32 = 0.044_715;

/// The function's value at `x`.
#[inline(always)]
pub(super) fn value(function: Function, x: f32) -> f32 {
    match function {
        Function::Abs => x.abs(),
        Function::Ceil => x.ceil(),
        Function::Celu { alpha } => below_zero(x, || alpha * libm::expm1f(x / alpha)),
        Function::Cos => libm::cosf(x),
        Function::Elu { alpha } => below_zero(x, || alpha * libm::expm1f(x)),
        Function::Erf => libm::erff(x),
        Function::Exp => libm::expf(x),
        Function::Floor => x.floor(),
        Function::Gelu => x * normal(x),
        Function::GeluTanh => x * (0.5 * (1.0 + libm::tanhf(gelu_argument(x)))),
        Function::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
        Function::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Function::LeakyRelu { alpha } => below_zero(x, || alpha * x),
        Function::Log => libm::logf(x),
        Function::Mish => x * libm::tanhf(softplus(x)),
        Function::Neg => -x,
        Function::Reciprocal => 1.0 / x,
        Function::Round => x.round_ties_even(),
        Function::Selu { alpha, gamma } => gamma * below_zero(x, || alpha * libm::expm1f(x)),
        Function::Sigmoid => sigmoid(x),
        Function::Sign => {
            if x == 0.0 || x.is_nan() {
                x
            } else {
                x.signum()
            }
        }
        Function::Sin => libm::sinf(x),
        Function::Softplus => softplus(x),
        Function::Softsign => {
            if x.is_infinite() {
                x.signum()
            } else {
                x / (1.0 + x.abs())
            }
        }
        Function::Sqrt => x.sqrt(),
        Function::Tanh => libm::tanhf(x),
        Function::ThresholdedRelu { alpha } => {
            if x > alpha || x.is_nan() {
                x
            } else {
                0.0
            }
        }
    }
}

/// The derivative at `x`, where the function's value is `y`.
#[inline(always)]
pub(super) fn derivative(function: Function, x: f32, y: f32) -> f32 {
    match function {
        Function::Abs => {
            if x == 0.0 {
                0.0
            } else {
                x.signum()
            }
        }
        Function::Ceil | Function::Floor | Function::Round | Function::Sign => 0.0,
        Function::Celu { alpha } => {
            if x < 0.0 {
                libm::expf(x / alpha)
            } else {
                1.0
            }
        }
        Function::Cos => -libm::sinf(x),
        Function::Elu { alpha } => {
            if x < 0.0 {
                y + alpha
            } else {
                1.0
            }
        }
        Function::Erf => core::f32::consts::FRAC_2_SQRT_PI * libm::expf(-x * x),
        Function::Exp => y,
        // The density is taken apart so that a large x makes 0 of it and not ∞ · 0.
        Function::Gelu => normal(x) + density(x),
        Function::GeluTanh => gelu_tanh_derivative(x),
        Function::HardSigmoid { alpha, beta } => {
            let inside = alpha * x + beta;
            if inside > 0.0 && inside < 1.0 { alpha } else { 0.0 }
        }
        Function::HardSwish => hard_swish_derivative(x),
        Function::LeakyRelu { alpha } => {
            if x < 0.0 {
                alpha
            } else {
                1.0
            }
        }
        Function::Log => 1.0 / x,
        Function::Mish => mish_derivative(x),
        Function::Neg => -1.0,
        Function::Reciprocal => -y * y,
        Function::Selu { alpha, gamma } => {
            if x < 0.0 {
                y + gamma * alpha
            } else {
                gamma
            }
        }
        Function::Sigmoid => y * (1.0 - y),
        Function::Sin => libm::cosf(x),
        Function::Softplus => sigmoid(x),
        Function::Softsign => {
            let reciprocal = 1.0 / (1.0 + x.abs());
            reciprocal * reciprocal
        }
        Function::Sqrt => 0.5 / y,
        Function::Tanh => 1.0 - y * y,
        Function::ThresholdedRelu { alpha } => {
            if x > alpha {
                1.0
            } else {
                0.0
            }
        }
    }
}

#[inline(always)]
fn gelu_tanh_derivative(x: f32) -> f32 {
    let tanh = libm::tanhf(gelu_argument(x));
    let slope = SQRT_2_OVER_PI * (1.0 + 3.0 * GELU_CUBIC * x * x);
    let inner = if tanh.abs() < 1.0 { (1.0 - tanh * tanh) * slope * x } else { 0.0 };
    0.5 * (1.0 + tanh + inner)
}

#[inline(always)]
fn hard_swish_derivative(x: f32) -> f32 {
    if x <= -3.0 {
        0.0
    } else if x < 3.0 {
        x / 3.0 + 0.5
    } else {
        1.0
    }
}

#[inline(always)]
fn mish_derivative(x: f32) -> f32 {
    let tanh = libm::tanhf(softplus(x));
    tanh + if tanh < 1.0 { x * sigmoid(x) * (1.0 - tanh * tanh) } else { 0.0 }
}

/// `x` from 0 on, `below` elsewhere; NaN stays.
#[inline(always)]
fn below_zero(x: f32, below: impl Fn() -> f32) -> f32 {
    if x < 0.0 { below() } else { x }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

#[inline(always)]
fn softplus(x: f32) -> f32 {
    let bend = libm::log1pf(libm::expf(-x.abs()));
    if x > 0.0 { x + bend } else { bend }
}

/// Φ(x), from the error function's complement, which does not lose the small values of the left tail.
#[inline(always)]
fn normal(x: f32) -> f32 {
    0.5 * libm::erfcf(-x * core::f32::consts::FRAC_1_SQRT_2)
}

/// x · φ(x).
#[inline(always)]
fn density(x: f32) -> f32 {
    const FRAC_1_SQRT_2_PI: f32 = 0.398_942_3;
    let exponential = libm::expf(-0.5 * x * x);
    if exponential == 0.0 { 0.0 } else { x * (FRAC_1_SQRT_2_PI * exponential) }
}

#[inline(always)]
fn gelu_argument(x: f32) -> f32 {
    SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x)
}

/// The definitions in f64.
#[cfg(test)]
pub(super) fn reference(function: Function, x: f64) -> f64 {
    let wide = f64::from;
    match function {
        Function::Abs => x.abs(),
        Function::Ceil => x.ceil(),
        Function::Celu { alpha } => x.max(0.0) + (wide(alpha) * ((x / wide(alpha)).exp() - 1.0)).min(0.0),
        Function::Cos => x.cos(),
        Function::Elu { alpha } => {
            if x < 0.0 {
                wide(alpha) * (x.exp() - 1.0)
            } else {
                x
            }
        }
        Function::Erf => libm::erf(x),
        Function::Exp => x.exp(),
        Function::Floor => x.floor(),
        Function::Gelu => x * 0.5 * (1.0 + libm::erf(x / 2.0_f64.sqrt())),
        Function::GeluTanh => {
            let inner = (2.0 / core::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Function::HardSigmoid { alpha, beta } => (wide(alpha) * x + wide(beta)).clamp(0.0, 1.0),
        Function::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Function::LeakyRelu { alpha } => {
            if x < 0.0 {
                wide(alpha) * x
            } else {
                x
            }
        }
        Function::Log => x.ln(),
        Function::Mish => x * x.exp().ln_1p().tanh(),
        Function::Neg => -x,
        Function::Reciprocal => 1.0 / x,
        Function::Round => x.round_ties_even(),
        Function::Selu { alpha, gamma } => {
            wide(gamma) * if x < 0.0 { wide(alpha) * (x.exp() - 1.0) } else { x }
        }
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Function::Sign => x.signum(),
        Function::Sin => x.sin(),
        Function::Softplus => x.exp().ln_1p(),
        Function::Softsign => x / (1.0 + x.abs()),
        Function::Sqrt => x.sqrt(),
        Function::Tanh => x.tanh(),
        Function::ThresholdedRelu { alpha } => {
            if x > wide(alpha) {
                x
            } else {
                0.0
            }
        }
    }
}

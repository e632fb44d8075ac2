//! [`Direction`]: where the pixels of an origin should move, before any step is taken. The methods differ in this alone.
//!
//! A direction is finite and not zero by construction; why there is none is a named reason, [`NoDirection`], decided
//! here and nowhere else. How far to go is decided by [`crate::line_search`].
//!
//! The functions here form the direction of one origin. [`OriginTrace`] forms those of many, at several layers and
//! toward many targets, from one forward pass.

mod fast_gradient;
mod hot_cold;
mod magnify;
mod objective;
mod origin_trace;
mod toward;

pub use fast_gradient::{VanishedGradient, fast_gradient_sign, fast_gradient_value};
pub use hot_cold::hot_cold;
pub use magnify::{magnify, reduce};
pub use objective::Objective;
pub(crate) use origin_trace::expect_size;
pub use origin_trace::{Formed, OriginTrace};
pub use toward::{toward, toward_representation};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// η: one number a pixel, as it came out of backpropagation; only its ratios matter, the step scales it.
///
/// # Example
/// ```
/// use lots::Direction;
/// let direction = Direction::new([1, 1, 3], vec![0.5, -2.0, 0.0])?;
/// assert_eq!(direction.linf(), 2.0);
/// assert_eq!(direction.sign().values(), [1.0, -1.0, 0.0]);
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Direction {
    shape: [usize; 3],
    values: Vec<f32>,
    linf: f32,
}

/// Why an origin has no direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NoDirection {
    /// Origin and target have the same representation, so their feature difference is zero.
    SameRepresentation,
    /// The probability of the origin's class is exactly 1 in single precision: the gradient of the loss has vanished.
    VanishedGradient,
    /// No pixel changes the layer: the gradient is zero everywhere, as behind a dead layer.
    ZeroGradient,
    /// Some number on the way was infinite or not a number.
    NotFinite,
}

impl Direction {
    /// A direction from its numbers in the order `[channels, height, width]`.
    ///
    /// # Errors
    /// [`Error::PixelCount`] if there are not `channels · height · width` numbers; [`Error::NoDirection`] if all are zero
    /// or one is not finite.
    pub fn new(shape: [usize; 3], values: Vec<f32>) -> Result<Self> {
        let [channels, height, width] = shape;
        let expected = channels.checked_mul(height).and_then(|count| count.checked_mul(width));
        if values.is_empty() || expected != Some(values.len()) {
            return Err(Error::PixelCount { channels, height, width, got: values.len() });
        }
        Self::from_gradient(shape, values).map_err(|reason| Error::NoDirection { reason })
    }

    /// As [`Self::new`] for numbers that are known to fit the shape.
    pub(crate) fn from_gradient(
        shape: [usize; 3],
        values: Vec<f32>,
    ) -> std::result::Result<Self, NoDirection> {
        debug_assert_eq!(values.len(), shape.iter().product::<usize>());
        if values.iter().any(|value| !value.is_finite()) {
            return Err(NoDirection::NotFinite);
        }
        let linf = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        if linf > 0.0 { Ok(Self { shape, values, linf }) } else { Err(NoDirection::ZeroGradient) }
    }

    /// `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// η in the order `[channels, height, width]`, unscaled.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// ‖η‖∞, positive and finite.
    pub fn linf(&self) -> f32 {
        self.linf
    }

    /// sign(η), where the sign of 0 is 0.
    #[must_use]
    pub fn sign(&self) -> Self {
        let sign = |value: &f32| if *value == 0.0 { 0.0 } else { value.signum() };
        Self { shape: self.shape, values: self.values.iter().map(sign).collect(), linf: 1.0 }
    }
}

impl NoDirection {
    /// The name in reports: `same_representation`, `vanished_gradient`, `zero_gradient`, `not_finite`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SameRepresentation => "same_representation",
            Self::VanishedGradient => "vanished_gradient",
            Self::ZeroGradient => "zero_gradient",
            Self::NotFinite => "not_finite",
        }
    }
}

impl std::fmt::Display for NoDirection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::SameRepresentation => "origin and target have the same representation",
            Self::VanishedGradient => "the gradient of the loss has vanished",
            Self::ZeroGradient => "no pixel changes the layer",
            Self::NotFinite => "a value is infinite or not a number",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_and_infinities_are_no_direction() {
        for (values, reason) in [
            (vec![0.0, -0.0], NoDirection::ZeroGradient),
            (vec![1.0, f32::NAN], NoDirection::NotFinite),
            (vec![f32::NEG_INFINITY, 0.0], NoDirection::NotFinite),
        ] {
            assert_eq!(Direction::from_gradient([1, 1, 2], values), Err(reason));
        }
    }

    #[test]
    fn the_smallest_number_is_a_direction() {
        let direction = Direction::new([1, 1, 2], vec![f32::from_bits(1), 0.0]).unwrap();
        assert_eq!(direction.sign().values(), [1.0, 0.0]);
    }

    #[test]
    fn too_few_numbers_are_refused() {
        let message = Direction::new([1, 2, 2], vec![1.0]).unwrap_err().to_string();
        assert_eq!(message, "an image of 1×2×2 cannot have 1 pixels");
    }
}

//! [`Lanes`]: eight numbers that are computed side by side.
//!
//! Eight is fixed and does not depend on the registers of the machine, so every sum has the same order everywhere.
//! The operations are plain loops that the compiler turns into vector instructions; [`with_widest_registers`] lets it
//! use all of what the running processor has. No fused multiply-add: the results are the same bits on every machine.

use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// How many numbers [`Lanes`] holds.
pub(crate) const LANE_COUNT: usize = 8;

/// Eight numbers, computed side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub(crate) struct Lanes(pub(crate) [f64; LANE_COUNT]);

/// Runs `kernel` compiled for the widest registers of this processor.
///
/// `kernel` and all that it calls must be inlined, or they stay compiled for the oldest processor.
pub(crate) fn with_widest_registers<R>(kernel: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(kernel)
}

/// `length` rounded up to whole [`Lanes`].
pub(crate) fn round_up(length: usize) -> usize {
    length.div_ceil(LANE_COUNT) * LANE_COUNT
}

#[expect(
    clippy::inline_always,
    reason = "a function that is not inlined is compiled for the oldest processor"
)]
impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; LANE_COUNT]);

    /// The same number eight times.
    #[inline(always)]
    pub(crate) fn splat(value: f64) -> Self {
        Self([value; LANE_COUNT])
    }

    /// `start`, `start + 1`, … `start + 7`.
    #[inline(always)]
    pub(crate) fn counting_from(start: usize) -> Self {
        Self(std::array::from_fn(|lane| (start + lane) as f64))
    }

    /// The eight numbers from `start`.
    #[inline(always)]
    pub(crate) fn load(values: &[f64], start: usize) -> Self {
        let mut lanes = Self::ZERO;
        lanes.0.copy_from_slice(&values[start..start + LANE_COUNT]);
        lanes
    }

    /// Writes the eight numbers from `start`.
    #[inline(always)]
    pub(crate) fn store(self, values: &mut [f64], start: usize) {
        values[start..start + LANE_COUNT].copy_from_slice(&self.0);
    }

    #[inline(always)]
    pub(crate) fn map(self, function: impl Fn(f64) -> f64) -> Self {
        Self(std::array::from_fn(|lane| function(self.0[lane])))
    }

    #[inline(always)]
    pub(crate) fn zip(self, other: Self, function: impl Fn(f64, f64) -> f64) -> Self {
        Self(std::array::from_fn(|lane| function(self.0[lane], other.0[lane])))
    }

    /// Sets the lanes to zero that are not kept.
    #[inline(always)]
    pub(crate) fn keep(self, kept: impl Fn(usize) -> bool) -> Self {
        Self(std::array::from_fn(|lane| if kept(lane) { self.0[lane] } else { 0.0 }))
    }

    /// The sum of the lanes, always as ((0+4) + (2+6)) + ((1+5) + (3+7)).
    #[inline(always)]
    pub(crate) fn sum(self) -> f64 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
}

#[expect(
    clippy::inline_always,
    reason = "a function that is not inlined is compiled for the oldest processor"
)]
mod arithmetic {
    use super::{Add, AddAssign, Div, Lanes, Mul, Sub};

    impl Add for Lanes {
        type Output = Self;
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            self.zip(other, |a, b| a + b)
        }
    }

    impl Sub for Lanes {
        type Output = Self;
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            self.zip(other, |a, b| a - b)
        }
    }

    impl Mul for Lanes {
        type Output = Self;
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            self.zip(other, |a, b| a * b)
        }
    }

    impl Div for Lanes {
        type Output = Self;
        #[inline(always)]
        fn div(self, other: Self) -> Self {
            self.zip(other, |a, b| a / b)
        }
    }

    impl AddAssign for Lanes {
        #[inline(always)]
        fn add_assign(&mut self, other: Self) {
            *self = *self + other;
        }
    }
}

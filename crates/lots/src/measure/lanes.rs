//! [`Lanes`]: eight numbers that are computed side by side.
//!
//! Eight is fixed and does not depend on the registers of the machine, so every sum has the same order everywhere.
//! The operations are plain loops that the compiler turns into vector instructions; [`with_widest_registers`] lets it
//! use all of what the running processor has. Multiply-adds are fused only where [`Lanes::mul_add`] says so: the results
//! are the same bits on every machine.

#![expect(clippy::inline_always, reason = "what is not inlined stays compiled for the oldest processor")]

use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// How many numbers [`Lanes`] holds.
pub(crate) const LANE_COUNT: usize = 8;

/// Eight numbers, computed side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub(crate) struct Lanes(pub(crate) [f64; LANE_COUNT]);

/// Runs `kernel` compiled for the widest registers of this processor.
///
/// `kernel` and all that it calls must be `#[inline(always)]`, closures too and the functions they are passed to, or
/// they stay compiled for the oldest processor. That rules out `array::map` and `array::from_fn`.
pub(crate) fn with_widest_registers<R>(kernel: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(kernel)
}

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
        let mut lanes = Self::ZERO;
        for (index, lane) in lanes.0.iter_mut().enumerate() {
            // A signed number of 32 bits converts in one instruction; no image has as many columns.
            *lane = f64::from((start + index) as i32);
        }
        lanes
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

    /// `self · factor + term`, rounded once.
    #[inline(always)]
    pub(crate) fn mul_add(mut self, factor: Self, term: Self) -> Self {
        for ((lane, factor), term) in self.0.iter_mut().zip(factor.0).zip(term.0) {
            *lane = lane.mul_add(factor, term);
        }
        self
    }

    /// Every lane through `function`, which must be inlined.
    #[inline(always)]
    pub(crate) fn map(mut self, function: impl Fn(f64) -> f64) -> Self {
        for lane in &mut self.0 {
            *lane = function(*lane);
        }
        self
    }

    /// Every lane no lower than `low` and no higher than `high`; `low` where there is no number.
    #[inline(always)]
    pub(crate) fn clamp(self, low: f64, high: f64) -> Self {
        self.map(
            #[inline(always)]
            |value| value.max(low).min(high),
        )
    }

    /// The largest whole number that is not above each lane.
    #[inline(always)]
    pub(crate) fn floor(self) -> Self {
        self.map(f64::floor)
    }

    /// Every lane, a whole number from 0 on, as an index.
    ///
    /// The low bits of 2⁵² + n are n; unlike a conversion, the sum works on all lanes at once.
    #[inline(always)]
    pub(crate) fn indices(self) -> [usize; LANE_COUNT] {
        const UNIT: f64 = (1_u64 << 52) as f64;
        let mut indices = [0; LANE_COUNT];
        for (index, lane) in indices.iter_mut().zip(self.0) {
            *index = ((lane + UNIT).to_bits() - UNIT.to_bits()) as usize;
        }
        indices
    }

    /// 1 where `low` ≤ lane < `high`, 0 elsewhere.
    #[inline(always)]
    pub(crate) fn within(self, low: f64, high: f64) -> Self {
        self.map(
            #[inline(always)]
            |value| if low <= value && value < high { 1.0 } else { 0.0 },
        )
    }

    /// Sets to zero the lanes outside `first..end`.
    #[inline(always)]
    pub(crate) fn keep(mut self, first: usize, end: usize) -> Self {
        for (index, lane) in self.0.iter_mut().enumerate() {
            *lane = if first <= index && index < end { *lane } else { 0.0 };
        }
        self
    }

    /// The sum of the lanes, always as ((0+4) + (2+6)) + ((1+5) + (3+7)).
    #[inline(always)]
    pub(crate) fn sum(self) -> f64 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
}

/// Lane by lane: `a operator b`, from the operator that assigns.
macro_rules! arithmetic {
    ($operation:ident, $method:ident, $operator:tt) => {
        impl $operation for Lanes {
            type Output = Self;
            #[inline(always)]
            fn $method(mut self, other: Self) -> Self {
                for (lane, other) in self.0.iter_mut().zip(other.0) {
                    *lane $operator other;
                }
                self
            }
        }
    };
}

arithmetic!(Add, add, +=);
arithmetic!(Sub, sub, -=);
arithmetic!(Mul, mul, *=);
arithmetic!(Div, div, /=);

impl AddAssign for Lanes {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses every operation, with numbers that a fused multiply-add would round differently.
    #[inline(always)]
    fn kernel(start: usize) -> f64 {
        let mut sum = Lanes::ZERO;
        for step in 1..100 {
            let x = Lanes::counting_from(start + step) / Lanes::splat(3.0);
            let y = (x * x - x).clamp(-5.0, 700.0) + x.within(10.0, 20.0) * x.floor();
            sum += (x * y + x.mul_add(y, sum)).keep(1, 7) / Lanes::splat(7.0);
        }
        sum.sum()
    }

    #[test]
    fn the_width_of_the_registers_does_not_change_a_bit() {
        for start in 0..50 {
            let widest = with_widest_registers(
                #[inline(always)]
                || kernel(start),
            );
            assert_eq!(widest.to_bits(), kernel(start).to_bits(), "start {start}");
        }
    }

    #[test]
    fn clamping_turns_no_number_into_the_low_end() {
        assert_eq!(Lanes::splat(f64::NAN).clamp(-1.0, 5.0), Lanes::splat(-1.0));
        assert_eq!(Lanes::splat(f64::INFINITY).clamp(-1.0, 5.0), Lanes::splat(5.0));
    }

    #[test]
    fn whole_numbers_are_indices() {
        assert_eq!(Lanes::counting_from(0).indices(), [0, 1, 2, 3, 4, 5, 6, 7]);
        let largest = f64::from(u32::MAX);
        assert_eq!(Lanes::splat(largest).indices(), [u32::MAX as usize; LANE_COUNT]);
    }

    #[test]
    fn keeping_and_summing_go_lane_by_lane() {
        assert_eq!(Lanes::counting_from(1).keep(2, 4), Lanes([0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0]));
        assert_eq!(Lanes::counting_from(1).sum().to_bits(), 36.0_f64.to_bits());
    }
}

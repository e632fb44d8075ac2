//! The inner loops: the only place with SIMD by hand and with `unsafe`.
//!
//! Each output element is one chain of fused multiply-adds in a fixed order, whatever the register width, the number
//! of lanes or the blocking: the same bytes on every machine.
#![expect(unsafe_code, reason = "bounds are checked once at the top of each kernel, not in its inner loop")]

pub(crate) mod lane_products;
pub(crate) mod lane_sums;
pub(crate) mod weighted_sum;
pub(crate) mod window_maximum;
pub(crate) mod windows;

/// The widest SIMD instructions of this machine: AVX-512, AVX2 with FMA, NEON, or none.
pub(crate) fn architecture() -> pulp::Arch {
    pulp::Arch::new()
}

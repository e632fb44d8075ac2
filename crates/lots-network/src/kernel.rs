//! The inner loops: the only place with SIMD by hand and with `unsafe`.
//!
//! Each output element is one chain of fused multiply-adds in a fixed order, whatever the register width, the number
//! of lanes or the blocking: the same bytes on every machine.
#![expect(unsafe_code, reason = "bounds are checked once at the top of each kernel, not in its inner loop")]

mod apart;
mod blocked_sums;
pub(crate) mod channel_convolution;
mod few_columns;
pub(crate) mod lane_products;
pub(crate) mod lane_sums;
mod matrix_vector;
pub(crate) mod outer_products;
mod register_tile;
pub(crate) mod row_panels;
mod thread_memory;
pub(crate) mod turned_rows;
pub(crate) mod weighted_sum;
pub(crate) mod window_gaps;
pub(crate) mod window_maximum;
pub(crate) mod windows;
pub(crate) mod winograd;

/// The widest SIMD instructions of this machine: AVX-512, AVX2 with FMA, NEON, or none.
pub(crate) fn architecture() -> pulp::Arch {
    #[cfg(test)]
    if let Some(architecture) = tests::ARCHITECTURE.get() {
        return architecture;
    }
    pulp::Arch::new()
}

/// Calls `compute` with the widest SIMD instructions of this machine, so that plain loops in it vectorise well.
///
/// It is an [`FnMut`] for a reason: a closure that could be called again but is called as an [`FnOnce`] goes through a
/// function that is compiled without those instructions, unless the compiler happens to inline it.
#[inline(always)]
pub(crate) fn vectorized<R>(compute: impl FnMut() -> R) -> R {
    struct Compute<F>(F);
    impl<R, F: FnMut() -> R> pulp::WithSimd for Compute<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(mut self, _simd: S) -> R {
            (self.0)()
        }
    }
    architecture().dispatch(Compute(compute))
}

/// Asks for the cache line of `values[index]`, which is wanted soon; an element that does not exist is not asked for.
#[inline(always)]
fn fetch_ahead(values: &[f32], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = values.get(index) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of an element.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, index);
}

#[cfg(test)]
pub(crate) use tests::on_every_instruction_set;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    thread_local! {
        /// What [`super::architecture`] returns on this thread instead of the widest.
        pub(super) static ARCHITECTURE: Cell<Option<pulp::Arch>> = const { Cell::new(None) };
    }

    /// What `compute` returns with each of this machine's instruction sets, on all threads that it divides its work among.
    pub(crate) fn on_every_instruction_set<R: Send>(compute: impl Fn() -> R + Sync) -> Vec<R> {
        let mut architectures = vec![pulp::Arch::Scalar, pulp::Arch::new()];
        #[cfg(target_arch = "x86_64")]
        architectures.extend(pulp::x86::V3::try_new().map(pulp::Arch::V3));
        let run = |architecture| {
            let set = move |_| ARCHITECTURE.set(Some(architecture));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(set).build().unwrap();
            pool.install(&compute)
        };
        architectures.into_iter().map(run).collect()
    }
}

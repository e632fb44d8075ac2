//! [`workers_awake`]: while one large image is computed, the other threads of the pool wait for their part of the next op
//! without falling asleep.
//!
//! An op of such an image takes a tenth of a millisecond or so, and waking a thread takes a good part of that.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// More threads than these would mostly look into each other's empty queues.
const MOST_THREADS: usize = 8;

/// Pauses of the processor between two looks for work.
const PAUSES: usize = 32;

thread_local! {
    /// Whether this thread computes an image, or waits for part of one, further up its stack.
    static IS_BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Calls `compute` on a thread of the pool while others look for the work that it divides.
pub(crate) fn workers_awake<R: Send>(compute: impl FnOnce() -> R + Send) -> R {
    let others = rayon::current_num_threads().min(MOST_THREADS) - 1;
    if others == 0 || IS_BUSY.get() {
        return compute();
    }
    let done = AtomicBool::new(false);
    rayon::scope(|scope| {
        let _busy = Busy::begin();
        let _done = Done(&done);
        (0..others).for_each(|_| scope.spawn(|_| look_for_work(&done)));
        compute()
    })
}

/// A thread that waits for the end of its part may be given this to do meanwhile; it must then come back at once, for the
/// end may be waiting for it.
fn look_for_work(done: &AtomicBool) {
    let Some(_busy) = Busy::begin() else { return };
    while !done.load(Ordering::Acquire) {
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
        }
    }
}

/// While it lives, this thread is busy.
struct Busy;

impl Busy {
    /// None if it is already.
    fn begin() -> Option<Self> {
        (!IS_BUSY.replace(true)).then_some(Self)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        IS_BUSY.set(false);
    }
}

/// Set when it is dropped, whether or not the work has panicked.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use rayon::prelude::*;

    use super::*;

    fn sum_of_parts(parts: usize) -> usize {
        (0..parts)
            .into_par_iter()
            .map(|part| workers_awake(|| (0..part).into_par_iter().sum::<usize>()))
            .sum()
    }

    #[test]
    fn work_inside_work_ends_for_any_number_of_threads() {
        for threads in 1..6 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for _ in 0..50 {
                let sum = pool.install(|| workers_awake(|| sum_of_parts(20)));
                assert_eq!(sum, (0..20_usize).map(|part| part * part.saturating_sub(1) / 2).sum::<usize>());
            }
        }
    }

    #[test]
    fn a_panic_wakes_everybody() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let panicking = || -> usize { panic!("on purpose") };
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| pool.install(|| workers_awake(panicking))));
        assert!(result.is_err());
        assert_eq!(pool.install(|| workers_awake(|| 7)), 7);
    }
}

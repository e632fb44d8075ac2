//! Memory that the kernels of a thread use one after the other: fresh memory costs more than what is computed in it.

use std::cell::RefCell;

/// As many buffers as a kernel needs, with anything in them.
pub(super) type Memory = [Vec<f32>; 3];

thread_local! {
    static FREE: RefCell<Vec<Memory>> = const { RefCell::new(Vec::new()) };
}

/// Calls `compute` with memory of this thread. While it waits for other threads, this one may compute something else.
pub(super) fn with_memory<R>(compute: impl FnOnce(&mut Memory) -> R) -> R {
    let mut memory = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    let result = compute(&mut memory);
    FREE.with_borrow_mut(|free| free.push(memory));
    result
}

//! Memory that the kernels of a thread use one after the other: fresh memory costs more than what is computed in it.

use std::cell::RefCell;

use crate::workspace::Memory;

/// As many as a kernel needs.
pub(super) type Memories = [Memory; 3];

thread_local! {
    static FREE: RefCell<Vec<Memories>> = const { RefCell::new(Vec::new()) };
}

/// Calls `compute` with memory of this thread. While it waits for other threads, this one may compute something else.
pub(super) fn with_memory<R>(compute: impl FnOnce(&mut Memories) -> R) -> R {
    let mut memory = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    let result = compute(&mut memory);
    FREE.with_borrow_mut(|free| free.push(memory));
    result
}

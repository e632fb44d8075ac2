//! [`Apart`]: one slice of which several tasks write different elements at the same time.

use std::marker::PhantomData;

/// A slice that is written by several tasks, each of which keeps to its own elements.
pub(super) struct Apart<'a> {
    first: *mut f32,
    length: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: elements are reached through `part` alone, whose callers promise that tasks share none.
unsafe impl Sync for Apart<'_> {}

impl<'a> Apart<'a> {
    pub(super) fn new(slice: &'a mut [f32]) -> Self {
        Self { first: slice.as_mut_ptr(), length: slice.len(), slice: PhantomData }
    }

    /// `length` elements from `start` on.
    ///
    /// # Panics
    /// If there are not so many.
    ///
    /// # Safety
    /// Nobody else may hold one of these elements at the same time.
    #[expect(clippy::mut_from_ref, reason = "the caller promises that the parts do not overlap")]
    #[inline(always)]
    pub(super) unsafe fn part(&self, start: usize, length: usize) -> &mut [f32] {
        assert!(start <= self.length && length <= self.length - start, "a part outside the slice");
        // SAFETY: inside the slice, which is borrowed for as long as `self` lives; nobody else holds the elements.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(start), length) }
    }
}

//! [`Workspace`]: buffers that are used again, from node to node and, through a [`Pool`], from call to call.
//!
//! A fresh buffer costs more than what is computed in it: the system hands out its pages one by one.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// At most so many floats (256 MiB) wait for the next call.
const MOST_FLOATS: usize = 1 << 26;

/// A slice of memory that may be larger: a buffer that was used for few values need not be cleared for many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer {
    values: Vec<f32>,
    length: usize,
}

impl Buffer {
    /// Values that there is memory for.
    fn size(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn into_vec(mut self) -> Vec<f32> {
        self.values.truncate(self.length);
        self.values
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.length]
    }
}

/// `length` values of `memory`, which grows if it is too small, with anything in them.
pub(crate) fn at_least(memory: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if memory.len() < length {
        memory.resize(length, 0.0);
    }
    &mut memory[..length]
}

/// Buffers that wait for the next call.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    free: Mutex<Vec<Buffer>>,
}

impl Pool {
    /// Keeps the buffers that there is room for.
    pub(crate) fn give(&self, buffers: impl IntoIterator<Item = Buffer>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut floats: usize = free.iter().map(Buffer::size).sum();
        for buffer in buffers {
            floats += buffer.size();
            if floats > MOST_FLOATS {
                return;
            }
            if buffer.size() > 0 {
                free.push(buffer);
            }
        }
    }
}

/// Buffers that are used again. Dropped, it gives those it has to its pool.
#[derive(Debug, Default)]
pub(crate) struct Workspace<'p> {
    pool: Option<&'p Pool>,
    free: Vec<Buffer>,
}

impl<'p> Workspace<'p> {
    /// A workspace that looks in `pool` first when it needs more.
    pub(crate) fn of(pool: &'p Pool) -> Self {
        Self { pool: Some(pool), free: Vec::new() }
    }

    /// A buffer of `length` values with anything in it.
    pub(crate) fn take(&mut self, length: usize) -> Buffer {
        let from_pool = |pool: &Pool| {
            let mut free = pool.free.lock().unwrap_or_else(PoisonError::into_inner);
            smallest_that_fits(&mut free, length)
        };
        let mut buffer = smallest_that_fits(&mut self.free, length)
            .or_else(|| self.pool.and_then(from_pool))
            .unwrap_or_default();
        at_least(&mut buffer.values, length);
        buffer.length = length;
        buffer
    }

    /// Gives a buffer back.
    pub(crate) fn give(&mut self, buffer: Buffer) {
        if buffer.size() > 0 {
            self.free.push(buffer);
        }
    }

    /// Gives all buffers back.
    pub(crate) fn recycle(&mut self, buffers: Vec<Buffer>) {
        for buffer in buffers {
            self.give(buffer);
        }
    }
}

impl Drop for Workspace<'_> {
    fn drop(&mut self) {
        if let Some(pool) = self.pool {
            pool.give(std::mem::take(&mut self.free));
        }
    }
}

fn smallest_that_fits(free: &mut Vec<Buffer>, length: usize) -> Option<Buffer> {
    let fitting = free.iter().enumerate().filter(|(_, buffer)| buffer.size() >= length);
    let (index, _) = fitting.min_by_key(|(_, buffer)| buffer.size())?;
    Some(free.swap_remove(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_and_no_more_wait_than_the_limit() {
        let pool = Pool::default();
        let mut workspace = Workspace::of(&pool);
        let [small, large] = [10, 1000].map(|length| workspace.take(length));
        assert_eq!([small.len(), large.len()], [10, 1000]);
        let addresses = [small.as_ptr(), large.as_ptr()];
        workspace.recycle(vec![large, small]);
        drop(workspace);
        let mut workspace = Workspace::of(&pool);
        let [small, large] = [10, 1000].map(|length| workspace.take(length));
        assert_eq!([small.as_ptr(), large.as_ptr()], addresses);
        drop(workspace);
        let half = || Workspace::default().take(MOST_FLOATS / 2 + 1);
        pool.give([half(), half()]);
        assert_eq!(pool.free.lock().unwrap().len(), 1);
    }
}

//! [`Workspace`]: buffers that are used again, from node to node and, through a [`Pool`], from call to call.
//!
//! A fresh buffer costs more than what is computed in it: the system hands out its pages one by one.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// At most so many floats (256 MiB) wait for the next call.
const MOST_FLOATS: usize = 1 << 26;

/// Floats of a cache line: a register that is read from two of them takes twice as long.
const LINE: usize = 16;

/// Memory that slices are taken from which begin with a cache line.
#[derive(Debug, Default)]
pub(crate) struct Memory(Vec<f32>);

impl Memory {
    /// `length` values with anything in them; the memory grows if it is too small.
    pub(crate) fn at_least(&mut self, length: usize) -> &mut [f32] {
        if self.room() < length {
            self.0.resize(length + LINE, 0.0);
        }
        let first = self.first_of_line();
        &mut self.0[first..][..length]
    }

    /// `length` values that there is room for.
    pub(crate) fn first(&self, length: usize) -> &[f32] {
        &self.0[self.first_of_line()..][..length]
    }

    /// For so many values there is room.
    fn room(&self) -> usize {
        self.0.len().saturating_sub(LINE)
    }

    fn first_of_line(&self) -> usize {
        if self.0.is_empty() { 0 } else { self.0.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE) }
    }
}

/// A slice of memory that may be larger: a buffer that was used for few values need not be cleared for many.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    memory: Memory,
    length: usize,
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.memory.first(self.length)
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        self.memory.at_least(self.length)
    }
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
        let mut floats: usize = free.iter().map(|buffer| buffer.memory.room()).sum();
        for buffer in buffers {
            floats += buffer.memory.room();
            if floats > MOST_FLOATS {
                return;
            }
            if buffer.memory.room() > 0 {
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
        buffer.memory.at_least(length);
        buffer.length = length;
        buffer
    }

    /// Gives a buffer back.
    pub(crate) fn give(&mut self, buffer: Buffer) {
        if buffer.memory.room() > 0 {
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
    let fitting = free.iter().enumerate().filter(|(_, buffer)| buffer.memory.room() >= length);
    let (index, _) = fitting.min_by_key(|(_, buffer)| buffer.memory.room())?;
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
        assert_eq!(addresses.map(|address| address.align_offset(64)), [0, 0], "lines of the cache");
        drop(workspace);
        let half = || Workspace::default().take(MOST_FLOATS / 2 + 1);
        pool.give([half(), half()]);
        assert_eq!(pool.free.lock().unwrap().len(), 1);
    }
}

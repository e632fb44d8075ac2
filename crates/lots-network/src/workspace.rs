//! [`Workspace`]: buffers that are used again, from node to node and, through a [`Pool`], from call to call.
//!
//! A fresh buffer costs more than what is computed in it: the system hands out its pages one by one.

use std::sync::{Mutex, PoisonError};

/// At most so many floats (256 MiB) wait for the next call.
const MOST_FLOATS: usize = 1 << 26;

/// Buffers that wait for the next call.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    free: Mutex<Vec<Vec<f32>>>,
}

impl Pool {
    /// Keeps the buffers that there is room for.
    pub(crate) fn give(&self, buffers: impl IntoIterator<Item = Vec<f32>>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut floats: usize = free.iter().map(Vec::capacity).sum();
        for buffer in buffers {
            floats += buffer.capacity();
            if floats > MOST_FLOATS {
                return;
            }
            if buffer.capacity() > 0 {
                free.push(buffer);
            }
        }
    }
}

/// Buffers that are used again. Dropped, it gives those it has to its pool.
#[derive(Debug, Default)]
pub(crate) struct Workspace<'p> {
    pool: Option<&'p Pool>,
    free: Vec<Vec<f32>>,
}

impl<'p> Workspace<'p> {
    /// A workspace that looks in `pool` first when it needs more.
    pub(crate) fn of(pool: &'p Pool) -> Self {
        Self { pool: Some(pool), free: Vec::new() }
    }

    /// A buffer of `length` values with anything in it.
    pub(crate) fn take(&mut self, length: usize) -> Vec<f32> {
        let from_pool = |pool: &Pool| {
            let mut free = pool.free.lock().unwrap_or_else(PoisonError::into_inner);
            smallest_that_fits(&mut free, length)
        };
        let mut buffer = smallest_that_fits(&mut self.free, length)
            .or_else(|| self.pool.and_then(from_pool))
            .unwrap_or_default();
        buffer.resize(length, 0.0);
        buffer
    }

    /// Gives a buffer back.
    pub(crate) fn give(&mut self, buffer: Vec<f32>) {
        if buffer.capacity() > 0 {
            self.free.push(buffer);
        }
    }

    /// Gives all buffers back.
    pub(crate) fn recycle(&mut self, buffers: Vec<Vec<f32>>) {
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

fn smallest_that_fits(free: &mut Vec<Vec<f32>>, length: usize) -> Option<Vec<f32>> {
    let fitting = free.iter().enumerate().filter(|(_, buffer)| buffer.capacity() >= length);
    let (index, _) = fitting.min_by_key(|(_, buffer)| buffer.capacity())?;
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
        let addresses = [small.as_ptr(), large.as_ptr()];
        workspace.recycle(vec![large, small]);
        drop(workspace);
        let mut workspace = Workspace::of(&pool);
        let [small, large] = [10, 1000].map(|length| workspace.take(length));
        assert_eq!([small.as_ptr(), large.as_ptr()], addresses);
        drop(workspace);
        pool.give([vec![0.0; MOST_FLOATS / 2 + 1], vec![0.0; MOST_FLOATS / 2 + 1]]);
        assert_eq!(pool.free.lock().unwrap().len(), 1);
    }
}

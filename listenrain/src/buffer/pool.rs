//! `BufferPool`: large buffers that are lent out and given back.
//!
//! A fresh 4 MiB allocation is page faults and a cold cache each time, so large packets are read into buffers that
//! come back when the last holder of their bytes lets go.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::guard::guard;

/// Where large buffers come from and go back to.
///
/// # Contract
///
/// 1. [`lend`](Self::lend) returns an empty buffer; its capacity may be smaller than asked, never a reason to fail.
/// 2. [`give_back`](Self::give_back) may keep or drop the buffer, must be bounded in bytes, and must not block.
/// 3. Both may be called from any thread.
#[doc(alias = "AllocatePacketBuffer")]
pub trait BufferPool: Send + Sync + Debug + 'static {
    /// An empty buffer, at best with room for `len` bytes. A pool must not reserve memory for a length that no byte
    /// has backed yet: it hands out a recycled buffer, or one with at most `committed` bytes of fresh capacity.
    fn lend(&self, len: usize, committed: usize) -> BytesMut;

    /// Takes a buffer back that is no longer in use.
    fn give_back(&self, buffer: BytesMut);
}

/// The default pool: recycled buffers in classes of powers of two, at most a fixed number of bytes kept.
#[derive(Debug)]
pub struct RecyclingPool {
    classes: Mutex<Classes>,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Classes {
    by_class: Vec<Vec<BytesMut>>,
    kept_bytes: usize,
}

impl RecyclingPool {
    /// Bytes kept by [`RecyclingPool::default`]: sixteen buffers of 4 MiB.
    pub const DEFAULT_MAX_BYTES: usize = 64 << 20;

    /// A pool that keeps at most `max_bytes` of idle buffers; what comes back beyond that is freed.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self { classes: Mutex::default(), max_bytes }
    }

    /// Bytes of idle buffers held now.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.classes.lock().unwrap_or_else(PoisonError::into_inner).kept_bytes
    }
}

impl Default for RecyclingPool {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX_BYTES)
    }
}

/// The class whose buffers all hold at least `len` bytes.
fn class_for(len: usize) -> usize {
    len.max(1).next_power_of_two().trailing_zeros() as usize
}

impl BufferPool for RecyclingPool {
    fn lend(&self, len: usize, committed: usize) -> BytesMut {
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(buffer) = classes.by_class.get_mut(class_for(len)).and_then(Vec::pop) {
            classes.kept_bytes -= buffer.capacity();
            return buffer;
        }
        drop(classes);
        // A whole class, so that the buffer serves the next packet of about this length too.
        let whole = len.checked_next_power_of_two().unwrap_or(len);
        BytesMut::with_capacity(whole.min(committed))
    }

    fn give_back(&self, mut buffer: BytesMut) {
        buffer.clear();
        let capacity = buffer.capacity();
        if capacity == 0 {
            return;
        }
        // Rounded down: every buffer of a class holds at least the class's length.
        let class = capacity.ilog2() as usize;
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        if classes.kept_bytes + capacity <= self.max_bytes {
            classes.kept_bytes += capacity;
            if classes.by_class.len() <= class {
                classes.by_class.resize_with(class + 1, Vec::new);
            }
            classes.by_class[class].push(buffer);
        }
    }
}

/// A filled buffer whose memory goes back to its pool with the last [`Bytes`] that points into it.
struct Lent {
    buffer: BytesMut,
    pool: Arc<dyn BufferPool>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        if let Err(panic) = guard(|| self.pool.give_back(buffer)) {
            tracing::debug!(panic, "a pool panicked as a buffer came back");
        }
    }
}

/// Borrows a buffer from `pool`; one of its own when the pool panics or does not keep to its contract.
pub(crate) fn lend(pool: &dyn BufferPool, len: usize, committed: usize) -> BytesMut {
    match guard(|| pool.lend(len, committed)) {
        Ok(buffer) if buffer.is_empty() => buffer,
        Ok(_) => BytesMut::new(),
        Err(panic) => {
            tracing::debug!(panic, "a pool panicked as it was asked for a buffer");
            BytesMut::new()
        }
    }
}

/// Freezes `buffer`; when its last holder lets go, the memory returns to `pool`.
pub(crate) fn freeze_into(buffer: BytesMut, pool: &Arc<dyn BufferPool>) -> Bytes {
    Bytes::from_owner(Lent { buffer, pool: Arc::clone(pool) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lent_buffer_comes_back_with_its_last_holder() {
        let recycling = Arc::new(RecyclingPool::default());
        let pool: Arc<dyn BufferPool> = recycling.clone();
        let mut buffer = pool.lend(100_000, 1 << 20);
        buffer.extend_from_slice(&[7; 100_000]);
        let bytes = freeze_into(buffer, &pool);
        let slice = bytes.slice(10..20);
        drop(bytes);
        assert_eq!(recycling.kept_bytes(), 0, "a slice still reads it");
        drop(slice);
        assert!(recycling.kept_bytes() >= 100_000);
        assert!(pool.lend(100_000, 0).capacity() >= 100_000, "the same memory serves the next packet");
    }

    #[test]
    fn a_length_alone_commits_no_more_than_it_may() {
        let pool = RecyclingPool::default();
        assert!(pool.lend(1 << 30, 4096).capacity() <= 4096);
    }

    #[test]
    fn idle_buffers_are_bounded_in_bytes() {
        let pool = RecyclingPool::new(10_000);
        for _ in 0..10 {
            pool.give_back(BytesMut::with_capacity(4096));
        }
        assert!(pool.kept_bytes() <= 10_000);
    }
}

//! Bytes on their way in: one shared buffer for small packets, one buffer of its own for a large one.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::buf::Limit;
use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::pool::{BufferPool, RecyclingPool, freeze_into};

/// What a channel has delivered and a packet codec has not taken yet: a list of chunks.
///
/// A channel that copies fills [`spare`](Self::spare); one that moves whole [`Bytes`] hands them to
/// [`push`](Self::push). A packet codec looks at the front with [`peek`](Self::peek) and takes bytes off it with
/// [`take`](Self::take). Small packets are slices of one shared buffer; after [`expect`](Self::expect) a large one is
/// read straight into a buffer of the pool, whose memory grows only as its bytes arrive.
#[derive(Debug)]
pub struct ReadBuffer {
    chunks: VecDeque<Bytes>,
    chunk_bytes: usize,
    open: BytesMut,
    /// Set while `open` is a pooled buffer for one packet of this many bytes.
    whole: Option<usize>,
    /// A packet with such a buffer has become whole since the last read; and by the read before, so that nothing has come
    /// behind it yet.
    own_ended: bool,
    after_own: bool,
    /// Shared buffers that were full; each is used again once nobody reads it any more.
    full: VecDeque<BytesMut>,
    shared_size: usize,
    /// Bytes taken since the start, and how many had come in all when room was offered last: tells whether the last
    /// read filled its room.
    taken: u64,
    offered_at: u64,
    offered: usize,
    pool: Arc<dyn BufferPool>,
}

impl ReadBuffer {
    /// A packet of at least this many bytes gets a buffer of its own.
    pub const OWN_BUFFER_FROM: usize = 64 * 1024;
    /// Up to this many bytes are copied out: a slice would keep a whole shared buffer alive for a few bytes.
    pub const COPY_UP_TO: usize = 2 * 1024;
    /// Most bytes one read may deliver. Larger reads leave the cache before they are used.
    pub const MAX_READ: usize = 256 * 1024;

    /// Bytes of the read after a packet with a buffer of its own. Another one like it is likely, and what is read of it
    /// before its length is known has to be copied.
    const AFTER_OWN: usize = 4 * 1024;
    const FIRST_SHARED: usize = 16 * 1024;
    const FULL_KEPT: usize = 4;

    /// An empty buffer whose large packets live in `pool`.
    #[must_use]
    pub fn new(pool: Arc<dyn BufferPool>) -> Self {
        Self {
            chunks: VecDeque::new(),
            chunk_bytes: 0,
            open: BytesMut::new(),
            whole: None,
            own_ended: false,
            after_own: false,
            full: VecDeque::new(),
            shared_size: Self::FIRST_SHARED,
            taken: 0,
            offered_at: 0,
            offered: 0,
            pool,
        }
    }

    /// Bytes that wait to be taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunk_bytes + self.open.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a chunk without copying it.
    pub fn push(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        self.close_open();
        self.chunk_bytes += chunk.len();
        self.chunks.push_back(chunk);
    }

    /// Room for the next read, for a channel that copies: never empty, at most [`MAX_READ`](Self::MAX_READ) bytes, and
    /// never beyond the end of an expected packet.
    pub fn spare(&mut self) -> Limit<&mut BytesMut> {
        let came = self.taken + self.len() as u64;
        // A small rest that was filled says nothing.
        let was_filled = self.offered > self.shared_size / 2 && came - self.offered_at >= self.offered as u64;
        if came > self.offered_at {
            self.after_own = std::mem::take(&mut self.own_ended);
        }
        let room = match self.whole {
            Some(whole) => self.grow_own(whole),
            None if self.after_own => self.make_shared_room(was_filled).min(Self::AFTER_OWN),
            None => self.make_shared_room(was_filled),
        };
        (self.offered_at, self.offered) = (came, room.min(Self::MAX_READ));
        (&mut self.open).limit(self.offered)
    }

    /// The first `count` bytes, or `None` while fewer wait. Copies only when they lie in several chunks.
    pub fn peek(&mut self, count: usize) -> Option<&[u8]> {
        if self.len() < count {
            return None;
        }
        if self.chunks.is_empty() {
            return Some(&self.open[..count]);
        }
        if self.chunks[0].len() < count {
            let front = self.gather(count);
            // Only moved together, not taken.
            self.chunk_bytes += front.len();
            self.chunks.push_front(front);
        }
        Some(&self.chunks[0][..count])
    }

    /// Takes the first `count` bytes off the front: up to [`COPY_UP_TO`](Self::COPY_UP_TO) as a copy, more of them as a
    /// slice when they lie in one chunk.
    ///
    /// # Panics
    ///
    /// When fewer than `count` bytes wait.
    pub fn take(&mut self, count: usize) -> Bytes {
        assert!(count <= self.len(), "cannot take {count} of the {} bytes that wait", self.len());
        if count == 0 {
            return Bytes::new();
        }
        self.taken += count as u64;
        self.finish_own();
        let moves_whole = self.chunks.front().is_some_and(|chunk| chunk.len() == count);
        if count <= Self::COPY_UP_TO && self.front().len() >= count && !moves_whole {
            let copy = Bytes::copy_from_slice(&self.front()[..count]);
            self.drop_front(count);
            return copy;
        }
        let Some(front) = self.chunks.front_mut() else {
            // Taken before it was whole: what is left of it is no longer the packet that was expected.
            self.whole = None;
            return self.open.split_to(count).freeze();
        };
        if front.len() < count {
            return self.gather(count);
        }
        self.chunk_bytes -= count;
        if front.len() == count { self.chunks.pop_front().unwrap_or_default() } else { front.split_to(count) }
    }

    /// Drops the first `count` bytes.
    ///
    /// # Panics
    ///
    /// When fewer than `count` bytes wait.
    pub fn skip(&mut self, mut count: usize) {
        assert!(count <= self.len(), "cannot skip {count} of the {} bytes that wait", self.len());
        self.taken += count as u64;
        self.finish_own();
        while count > 0 {
            let here = count.min(self.front().len());
            self.drop_front(here);
            count -= here;
        }
    }

    /// The first chunk, as far as it goes.
    fn front(&self) -> &[u8] {
        self.chunks.front().map_or(&self.open[..], |chunk| &chunk[..])
    }

    fn drop_front(&mut self, count: usize) {
        let Some(chunk) = self.chunks.front_mut() else {
            self.whole = None;
            return self.open.advance(count);
        };
        chunk.advance(count);
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
        self.chunk_bytes -= count;
    }

    /// Says that the packet at the front is `whole` bytes long, so that a large one can be read straight into a buffer
    /// of its own. Does nothing for small packets, nor for chunks that a channel moved in.
    pub fn expect(&mut self, whole: usize) {
        if whole < Self::OWN_BUFFER_FROM
            || self.whole.is_some()
            || !self.chunks.is_empty()
            || whole <= self.len()
        {
            return;
        }
        let mut own = self.pool.lend(whole, Self::MAX_READ);
        own.extend_from_slice(&self.open);
        self.open.clear();
        let shared = std::mem::replace(&mut self.open, own);
        self.keep_full(shared);
        self.whole = Some(whole);
    }

    /// Grows as bytes arrive: the memory of an expected packet at most doubles what has really come.
    fn grow_own(&mut self, whole: usize) -> usize {
        let missing = whole - self.open.len();
        if self.open.capacity() == self.open.len() {
            let step = self.open.len().max(Self::MAX_READ).min(missing);
            // A whole power of two, so that the buffer fits its class when it comes back.
            let target = (self.open.len() + step).next_power_of_two();
            self.open.reserve(target - self.open.len());
        }
        missing.min(self.open.capacity() - self.open.len())
    }

    /// Only reads that fill their room make it grow, so that a thousand quiet channels stay small.
    fn make_shared_room(&mut self, was_filled: bool) -> usize {
        if was_filled {
            self.shared_size = (self.shared_size * 2).min(Self::MAX_READ);
        }
        let room = self.open.capacity() - self.open.len();
        // A small rest is not worth a read of its own, unless nothing can be had for free.
        if room >= self.shared_size / 4 && room > 0 {
            return room;
        }
        if !self.open.try_reclaim(self.shared_size) {
            // What waits may fill a whole shared buffer by itself, and the next read needs room behind it.
            let roomy = self.shared_size.max((self.open.len() + 1).next_power_of_two());
            let mut fresh = self.reuse_full().unwrap_or_else(|| BytesMut::with_capacity(roomy));
            fresh.extend_from_slice(&self.open);
            self.open.clear();
            let shared = std::mem::replace(&mut self.open, fresh);
            self.keep_full(shared);
        }
        self.open.capacity() - self.open.len()
    }

    /// A buffer that was full and that nobody reads any more, roomy enough for the partial packet at hand.
    fn reuse_full(&mut self) -> Option<BytesMut> {
        let need = self.shared_size.max(self.open.len() + 1);
        let at = self.full.iter_mut().position(|buffer| buffer.try_reclaim(need))?;
        self.full.remove(at)
    }

    fn keep_full(&mut self, shared: BytesMut) {
        if self.full.len() == Self::FULL_KEPT {
            self.full.pop_front();
        }
        self.full.push_back(shared);
    }

    /// A complete packet in its own buffer becomes a chunk; the pool gets the memory back when it is let go.
    fn finish_own(&mut self) {
        if self.whole.is_some_and(|whole| whole == self.open.len()) {
            self.whole = None;
            self.own_ended = true;
            let shared = self.full.pop_back().unwrap_or_default();
            let own = freeze_into(std::mem::replace(&mut self.open, shared), &self.pool);
            self.chunk_bytes += own.len();
            self.chunks.push_back(own);
        }
    }

    fn close_open(&mut self) {
        self.finish_own();
        if !self.open.is_empty() {
            self.whole = None;
            let rest = self.open.split().freeze();
            self.chunk_bytes += rest.len();
            self.chunks.push_back(rest);
        }
    }

    /// The first `count` bytes, copied together out of several chunks.
    fn gather(&mut self, count: usize) -> Bytes {
        // A whole class, so that the next one finds it again: its bytes are here.
        let mut together = self.pool.lend(count, count.next_power_of_two());
        while together.len() < count {
            let missing = count - together.len();
            let Some(front) = self.chunks.front_mut() else {
                self.whole = None;
                together.extend_from_slice(&self.open[..missing]);
                self.open.advance(missing);
                break;
            };
            let part = front.split_to(missing.min(front.len()));
            if front.is_empty() {
                self.chunks.pop_front();
            }
            self.chunk_bytes -= part.len();
            together.extend_from_slice(&part);
        }
        if count < Self::OWN_BUFFER_FROM { together.freeze() } else { freeze_into(together, &self.pool) }
    }
}

impl Default for ReadBuffer {
    fn default() -> Self {
        Self::new(Arc::new(RecyclingPool::default()))
    }
}

#[cfg(test)]
mod tests;

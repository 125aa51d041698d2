//! `ReadBuffer`: incoming bytes, a shared buffer for small packets, a buffer of its own for a large one.

mod memory;
mod shared;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::buf::Limit;
use bytes::{Buf, BufMut, Bytes, BytesMut};

use self::shared::Shared;
use super::pool::{BufferPool, RecyclingPool, freeze_into, lend};

/// What a channel has delivered and a packet codec has not taken yet: a list of chunks.
///
/// A channel that copies fills [`spare`](Self::spare); one that moves whole [`Bytes`] hands them to
/// [`push`](Self::push). A packet codec looks at the front with [`peek`](Self::peek) and takes bytes off it with
/// [`take`](Self::take). Small packets are slices of one shared buffer; after [`expect`](Self::expect) a large one is
/// read straight into a buffer of the pool, whose memory grows only as its bytes arrive.
#[derive(Debug)]
pub struct ReadBuffer {
    /// Before `open`: what was moved in, and large packets that are whole.
    chunks: VecDeque<Bytes>,
    chunk_bytes: usize,
    /// Where reads go: the shared buffer, or a buffer of its own for one packet.
    open: BytesMut,
    shared: Shared,
    /// Set while `open` is a pooled buffer for one packet of this many bytes.
    whole: Option<usize>,
    /// A packet with such a buffer has become whole since the last read; and by the read before, so that nothing has come
    /// behind it yet.
    own_ended: bool,
    after_own: bool,
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
    /// A buffer for one packet has at least this many bytes of memory more than have come.
    const LEAST_STEP: usize = 16 * 1024;
    /// Chunks shorter than this are copied when they are moved in, since what keeps track of one takes some 30 bytes.
    const SMALL_CHUNK: usize = 512;
    /// A part of a chunk up to this many bytes is copied: how much memory the chunk keeps alive is not known.
    const COPY_PART_UP_TO: usize = 16 * 1024;

    /// An empty buffer whose large packets live in `pool`. It takes memory with the first read.
    #[must_use]
    pub fn new(pool: Arc<dyn BufferPool>) -> Self {
        Self {
            chunks: VecDeque::new(),
            chunk_bytes: 0,
            open: BytesMut::new(),
            shared: Shared::default(),
            whole: None,
            own_ended: false,
            after_own: false,
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

    /// Appends a chunk, without copying it unless it is a short one.
    pub fn push(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        let fits_own = self.whole.is_none_or(|whole| self.open.len() + chunk.len() <= whole);
        if chunk.len() < Self::SMALL_CHUNK && fits_own {
            match self.whole {
                Some(_) => self.open.reserve(chunk.len()),
                None => self.shared.make_room(&mut self.open, chunk.len()),
            }
            self.open.extend_from_slice(&chunk);
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
        if self.was_filled() {
            self.shared.grow();
        }
        if came > self.offered_at {
            self.after_own = std::mem::take(&mut self.own_ended);
            self.shared.wake();
        }
        // Its decoder wants more than it had expected.
        if self.whole == Some(self.open.len()) {
            self.finish_own();
        }
        let room = match self.whole {
            Some(whole) => self.grow_own(whole),
            None => {
                let at_least = self.shared.worth_a_read();
                self.shared.make_room(&mut self.open, at_least);
                let room = self.open.capacity() - self.open.len();
                if self.after_own { room.min(Self::AFTER_OWN) } else { room }
            }
        };
        (self.offered_at, self.offered) = (came, room.min(Self::MAX_READ));
        (&mut self.open).limit(self.offered)
    }

    /// Whether the last read filled its room. A small rest that was filled says nothing.
    #[inline]
    fn was_filled(&self) -> bool {
        let came = self.taken + self.len() as u64;
        self.offered > self.shared.size / 2 && came - self.offered_at >= self.offered as u64
    }

    /// The first `count` bytes, or `None` while fewer wait. Copies only when they lie in several chunks.
    #[inline]
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
    /// slice when they lie in one chunk. While many slices that were taken before are still held, more than that is copied.
    ///
    /// # Panics
    ///
    /// When fewer than `count` bytes wait.
    #[inline]
    pub fn take(&mut self, count: usize) -> Bytes {
        assert!(count <= self.len(), "cannot take {count} of the {} bytes that wait", self.len());
        if count == 0 {
            return Bytes::new();
        }
        self.taken += count as u64;
        self.finish_own();
        match self.chunks.front() {
            Some(front) if front.len() == count => {
                self.chunk_bytes -= count;
                self.chunks.pop_front().unwrap_or_default()
            }
            Some(front) if front.len() < count => self.gather(count),
            Some(front) if count <= Self::COPY_PART_UP_TO => {
                let copy = Bytes::copy_from_slice(&front[..count]);
                self.drop_front(count);
                copy
            }
            Some(_) => {
                self.chunk_bytes -= count;
                self.chunks.front_mut().map(|front| front.split_to(count)).unwrap_or_default()
            }
            None => self.take_open(count),
        }
    }

    /// Drops the first `header` bytes and takes the `count` behind them, as [`skip`](Self::skip) and [`take`](Self::take) do.
    ///
    /// # Panics
    ///
    /// When fewer than `header + count` bytes wait.
    #[inline]
    pub fn take_behind(&mut self, header: usize, count: usize) -> Bytes {
        let both = header + count;
        let is_plain = self.chunks.is_empty() && self.whole.is_none() && both <= self.open.len();
        if !is_plain || count <= Self::COPY_UP_TO || self.shared.must_copy() {
            self.skip(header);
            return self.take(count);
        }
        self.taken += both as u64;
        let mut taken = self.open.split_to(both).freeze();
        taken.advance(header);
        taken
    }

    fn take_open(&mut self, count: usize) -> Bytes {
        // Taken before it was whole: what is left of it is no longer the packet that was expected.
        let was_own = self.end_own_early();
        if count <= Self::COPY_UP_TO || (self.shared.must_copy() && !was_own) {
            let copy = Bytes::copy_from_slice(&self.open[..count]);
            self.open.advance(count);
            return copy;
        }
        self.open.split_to(count).freeze()
    }

    /// Drops the first `count` bytes.
    ///
    /// # Panics
    ///
    /// When fewer than `count` bytes wait.
    #[inline]
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

    #[inline]
    fn drop_front(&mut self, count: usize) {
        let Some(chunk) = self.chunks.front_mut() else {
            self.end_own_early();
            return self.open.advance(count);
        };
        chunk.advance(count);
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
        self.chunk_bytes -= count;
    }

    /// Says that the packet at the front is `whole` bytes long, so that a large one can be read straight into a buffer
    /// of its own. Does nothing for small packets, nor for chunks that a channel moved in. Said again, the longer one
    /// counts.
    pub fn expect(&mut self, whole: usize) {
        if let Some(before) = &mut self.whole {
            *before = whole.max(*before);
            return;
        }
        if whole < Self::OWN_BUFFER_FROM || !self.chunks.is_empty() || whole <= self.len() {
            return;
        }
        let mut own = lend(&*self.pool, whole, Self::LEAST_STEP.max(2 * self.len()));
        own.extend_from_slice(&self.open);
        self.open.clear();
        self.shared.park(std::mem::replace(&mut self.open, own));
        self.whole = Some(whole);
    }

    /// Grows as bytes arrive: the memory of an expected packet at most doubles what has really come.
    fn grow_own(&mut self, whole: usize) -> usize {
        let missing = whole - self.open.len();
        if let Some(target) = self.next_own_size() {
            self.open.reserve(target - self.open.len());
        }
        missing.min(self.open.capacity() - self.open.len())
    }

    /// How large the buffer of an expected packet becomes with the next read, where it has to grow for it: a whole power of
    /// two, so that it fits its class when it comes back.
    fn next_own_size(&self) -> Option<usize> {
        let missing = self.whole? - self.open.len();
        let step = self.open.len().max(Self::LEAST_STEP).min(missing);
        (missing > 0 && self.open.capacity() == self.open.len())
            .then(|| (self.open.len() + step).next_power_of_two())
    }

    /// A complete packet in its own buffer becomes a chunk; the pool gets the memory back when it is let go.
    fn finish_own(&mut self) {
        if self.whole.is_some_and(|whole| whole == self.open.len()) {
            self.whole = None;
            self.own_ended = true;
            let own = std::mem::replace(&mut self.open, self.shared.unpark());
            let own = freeze_into(own, &self.pool);
            self.chunk_bytes += own.len();
            self.chunks.push_back(own);
        }
    }

    /// What stands in a packet's own buffer is no longer that packet; the buffer goes on as the shared one. Says whether it
    /// was one.
    fn end_own_early(&mut self) -> bool {
        let was_own = self.whole.take().is_some();
        if was_own {
            self.shared.adopt(&self.open);
        }
        was_own
    }

    fn close_open(&mut self) {
        self.finish_own();
        if !self.open.is_empty() {
            self.end_own_early();
            let rest = self.open.split().freeze();
            self.chunk_bytes += rest.len();
            self.chunks.push_back(rest);
        }
    }

    /// The first `count` bytes, copied together out of several chunks.
    fn gather(&mut self, count: usize) -> Bytes {
        // A whole class, so that the next one finds it again: its bytes are here.
        let mut together = lend(&*self.pool, count, count.next_power_of_two());
        while together.len() < count {
            let missing = count - together.len();
            let Some(front) = self.chunks.front_mut() else {
                self.end_own_early();
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

#[cfg(test)]
mod memory_tests;

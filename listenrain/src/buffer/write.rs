//! Bytes on their way out: small pieces flattened together, large ones kept as they are.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// What a packet codec has encoded and a channel has not taken yet.
///
/// It is a [`Buf`] of segments. Pieces shorter than the flattening limit are copied behind one another, so that a
/// batch of small packets is one segment; a longer piece stays the [`Bytes`] it was, and is never copied.
#[derive(Debug)]
pub struct WriteBuffer {
    segments: VecDeque<Bytes>,
    tail: BytesMut,
    len: usize,
    flatten_below: usize,
}

impl WriteBuffer {
    /// Pieces up to this many bytes are copied by default. Found by measuring 4 KiB and 32 KiB echoes over TCP with
    /// 1 KiB, 8 KiB and 64 KiB; see `docs/performance.md`.
    pub const DEFAULT_FLATTEN_BELOW: usize = 2 * 1024;

    /// Most bytes shown to one write, but for a short rest. A peer on the same machine then drains the socket while the
    /// bytes are still in cache; at 512 KiB the gain is gone.
    pub const MAX_WRITE: usize = 256 * 1024;

    /// The rest of a segment is shown too when it is this short. A payload of just `MAX_WRITE` bytes has a header before
    /// it, and would end in a write of some twenty bytes.
    const SHORT_REST: usize = 4 * 1024;

    const TAIL: usize = 64 * 1024;

    /// An empty buffer that copies pieces shorter than `flatten_below` bytes and keeps longer ones as segments.
    #[must_use]
    pub fn new(flatten_below: usize) -> Self {
        Self { segments: VecDeque::new(), tail: BytesMut::new(), len: 0, flatten_below }
    }

    /// Copies `bytes` behind what is there.
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.reserve_tail(bytes.len());
        self.tail.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Appends `bytes`, without copying them when they are long.
    pub fn put(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        if bytes.len() < self.flatten_below {
            self.put_slice(&bytes);
            return;
        }
        self.close_tail();
        self.len += bytes.len();
        self.segments.push_back(bytes);
    }

    /// Bytes waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes the first whole segment, for a channel that moves `Bytes` instead of copying them.
    pub fn take_segment(&mut self) -> Option<Bytes> {
        self.close_tail();
        let segment = self.segments.pop_front()?;
        self.len -= segment.len();
        Some(segment)
    }

    /// Puts back at the front what a channel could not take of the segment it took.
    pub fn untake(&mut self, rest: Bytes) {
        if !rest.is_empty() {
            self.len += rest.len();
            self.segments.push_front(rest);
        }
    }

    /// Forgets everything that waits.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.tail.clear();
        self.len = 0;
    }

    /// Gives back what it does not need for what waits.
    pub(crate) fn shrink(&mut self) {
        if self.tail.is_empty() {
            self.tail = BytesMut::new();
        }
        self.segments.shrink_to_fit();
    }

    fn reserve_tail(&mut self, additional: usize) {
        if self.tail.capacity() - self.tail.len() < additional {
            self.close_tail();
            // Reclaims the old allocation when every segment cut from it has been written.
            self.tail.reserve(Self::TAIL.max(additional));
        }
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            let segment = self.tail.split().freeze();
            self.segments.push_back(segment);
        }
    }
}

impl Default for WriteBuffer {
    fn default() -> Self {
        Self::new(Self::DEFAULT_FLATTEN_BELOW)
    }
}

impl Buf for WriteBuffer {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.segments.front().map_or(&self.tail[..], |segment| &segment[..])
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let chunks = self.segments.iter().map(|segment| &segment[..]).chain(std::iter::once(&self.tail[..]));
        let (mut filled, mut room) = (0, Self::MAX_WRITE);
        for (slot, chunk) in slices.iter_mut().zip(chunks.filter(|chunk| !chunk.is_empty())) {
            if room == 0 {
                break;
            }
            let shown = if chunk.len() <= room + Self::SHORT_REST { chunk } else { &chunk[..room] };
            room = room.saturating_sub(shown.len());
            *slot = IoSlice::new(shown);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len, "cannot advance past the {} bytes that wait", self.len);
        self.len -= count;
        while count > 0 {
            let Some(front) = self.segments.front_mut() else {
                self.tail.advance(count);
                return;
            };
            if count < front.len() {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.segments.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_flatten_and_large_ones_are_not_copied() {
        let mut buffer = WriteBuffer::new(100);
        let large = Bytes::from(vec![1; 200]);
        buffer.put_slice(b"head");
        buffer.put(Bytes::from_static(b"small"));
        buffer.put(large.clone());
        buffer.put_slice(b"tail");
        assert_eq!(buffer.len(), 213);
        assert_eq!(buffer.take_segment().unwrap(), "headsmall");
        assert_eq!(buffer.take_segment().unwrap().as_ptr(), large.as_ptr());
        assert_eq!(buffer.take_segment().unwrap(), "tail");
        assert!(buffer.is_empty());
    }

    #[test]
    fn advancing_crosses_segments_and_the_tail() {
        let mut buffer = WriteBuffer::new(2);
        buffer.put(Bytes::from_static(b"abc"));
        buffer.put(Bytes::from_static(b"def"));
        buffer.put_slice(b"ghi");
        buffer.advance(4);
        assert_eq!(buffer.chunk(), b"ef");
        let mut slices = [IoSlice::new(&[]); 4];
        assert_eq!(buffer.chunks_vectored(&mut slices), 2);
        buffer.advance(3);
        assert_eq!(buffer.chunk(), b"hi");
        buffer.advance(2);
        assert!(buffer.is_empty());
    }

    #[test]
    fn one_write_is_bounded_but_takes_a_short_rest_along() {
        let shown = |payload: usize| {
            let mut buffer = WriteBuffer::default();
            buffer.put_slice(&[0; 20]);
            buffer.put(Bytes::from(vec![0; payload]));
            buffer.put_slice(&[0; 20]);
            let mut slices = [IoSlice::new(&[]); 4];
            let count = buffer.chunks_vectored(&mut slices);
            slices[..count].iter().map(|slice| slice.len()).collect::<Vec<_>>()
        };
        assert_eq!(shown(1 << 18), [20, 1 << 18]);
        assert_eq!(shown((1 << 18) + 5000), [20, (1 << 18) - 20]);
        assert_eq!(shown(10_000), [20, 10_000, 20]);
    }
}

//! `WriteBuffer`: outgoing bytes, small pieces flattened together, large ones kept as they are.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// What a packet codec has encoded and a channel has not taken yet.
///
/// It is a [`Buf`] of segments. Pieces shorter than the flattening limit are copied behind one another, so that a
/// batch of small packets is few segments; a longer piece stays the [`Bytes`] it was, and is never copied.
#[derive(Debug)]
pub struct WriteBuffer {
    segments: VecDeque<Segment>,
    /// Short pieces, behind one another: first those of the flat segments, then those behind the last segment.
    flat: BytesMut,
    /// How many bytes of `flat` stand behind the last segment.
    tail: usize,
    len: usize,
    flatten_below: usize,
}

#[derive(Debug)]
enum Segment {
    /// As many bytes at the front of the flat ones. They stay there: cutting them off costs more than a short write.
    Flat(usize),
    Whole(Bytes),
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

    /// Room for short pieces.
    const FLAT: usize = 64 * 1024;

    /// An empty buffer that copies pieces shorter than `flatten_below` bytes and keeps longer ones as segments.
    #[must_use]
    pub fn new(flatten_below: usize) -> Self {
        Self { segments: VecDeque::new(), flat: BytesMut::new(), tail: 0, len: 0, flatten_below }
    }

    /// Copies `bytes` behind what is there.
    #[inline]
    pub fn put_slice(&mut self, bytes: &[u8]) {
        if self.flat.capacity() - self.flat.len() < bytes.len() {
            if bytes.len() > Self::FLAT {
                return self.put_whole(Bytes::copy_from_slice(bytes));
            }
            self.renew_flat();
        }
        self.flat.extend_from_slice(bytes);
        self.tail += bytes.len();
        self.len += bytes.len();
    }

    /// Makes room for short pieces. Those that wait leave with the old buffer, which never grows.
    #[cold]
    fn renew_flat(&mut self) {
        self.close_tail();
        if !self.flat.is_empty() {
            for segment in &mut self.segments {
                if let Segment::Flat(count) = segment {
                    *segment = Segment::Whole(self.flat.split_to(*count).freeze());
                }
            }
            self.flat = BytesMut::new();
        }
        // What was written has left its room here.
        self.flat.reserve(Self::FLAT);
    }

    /// Appends `bytes`, without copying them when they are long.
    #[inline]
    pub fn put(&mut self, bytes: Bytes) {
        if bytes.len() < self.flatten_below {
            self.put_slice(&bytes);
        } else if !bytes.is_empty() {
            self.put_whole(bytes);
        }
    }

    #[inline]
    fn put_whole(&mut self, bytes: Bytes) {
        self.close_tail();
        self.len += bytes.len();
        self.segments.push_back(Segment::Whole(bytes));
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
        let segment = match self.segments.pop_front()? {
            Segment::Flat(count) => self.flat.split_to(count).freeze(),
            Segment::Whole(bytes) => bytes,
        };
        self.len -= segment.len();
        Some(segment)
    }

    /// Puts back at the front what a channel could not take of the segment it took.
    pub fn untake(&mut self, rest: Bytes) {
        if !rest.is_empty() {
            self.len += rest.len();
            self.segments.push_front(Segment::Whole(rest));
        }
    }

    /// Forgets everything that waits.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.flat.clear();
        (self.tail, self.len) = (0, 0);
    }

    /// Gives back what it does not need for what waits.
    pub(crate) fn shrink(&mut self) {
        if self.flat.is_empty() {
            self.flat = BytesMut::new();
        }
        self.segments.shrink_to_fit();
    }

    #[inline]
    fn close_tail(&mut self) {
        if self.tail > 0 {
            self.segments.push_back(Segment::Flat(std::mem::take(&mut self.tail)));
        }
    }

    /// Every piece, in order.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut flat = &self.flat[..];
        let segments = self.segments.iter().map(move |segment| match segment {
            Segment::Flat(count) => flat.split_off(..*count).unwrap_or_default(),
            Segment::Whole(bytes) => bytes,
        });
        let tail = &self.flat[self.flat.len() - self.tail..];
        segments.chain((self.tail > 0).then_some(tail))
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
        self.pieces().next().unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let (mut filled, mut room) = (0, Self::MAX_WRITE);
        for (slot, chunk) in slices.iter_mut().zip(self.pieces()) {
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
            let here = match self.segments.front_mut() {
                Some(Segment::Whole(bytes)) if count < bytes.len() => return bytes.advance(count),
                Some(Segment::Whole(bytes)) => bytes.len(),
                Some(Segment::Flat(left)) => {
                    let here = count.min(*left);
                    self.flat.advance(here);
                    *left -= here;
                    if *left > 0 {
                        return;
                    }
                    here
                }
                None => {
                    self.flat.advance(count);
                    self.tail -= count;
                    return;
                }
            };
            count -= here;
            self.segments.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All that is shown to a write of as many pieces as there are.
    fn shown(buffer: &WriteBuffer) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 256];
        let count = buffer.chunks_vectored(&mut slices);
        slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    proptest! {
        #[test]
        fn what_is_put_leaves_once_and_in_order_however_it_is_taken(
            steps in proptest::collection::vec((0u8..5, 0usize..40), 1..100)
        ) {
            let (mut buffer, mut model, mut next) = (WriteBuffer::new(20), Vec::new(), 0u8);
            for (what, count) in steps {
                let bytes: Vec<u8> = (0..count).map(|at| next.wrapping_add(at as u8)).collect();
                match what {
                    0 | 1 => {
                        model.extend_from_slice(&bytes);
                        next = next.wrapping_add(count as u8);
                        if what == 0 { buffer.put_slice(&bytes) } else { buffer.put(bytes.into()) }
                    }
                    2 => {
                        let count = count.min(model.len());
                        buffer.advance(count);
                        model.drain(..count);
                    }
                    _ => {
                        let Some(mut segment) = buffer.take_segment() else { continue };
                        // A channel may have had no room for all of it.
                        let left = segment.split_off(if what == 3 { segment.len() } else { segment.len() / 2 });
                        prop_assert_eq!(&segment[..], &model[..segment.len()]);
                        model.drain(..segment.len());
                        buffer.untake(left);
                    }
                }
                prop_assert_eq!((buffer.len(), buffer.is_empty()), (model.len(), model.is_empty()));
                prop_assert!(model.starts_with(buffer.chunk()) && buffer.chunk().is_empty() == model.is_empty());
                prop_assert_eq!(shown(&buffer), &model[..]);
            }
        }
    }

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
    fn short_pieces_never_take_more_room_than_one_buffer_of_them() {
        let mut buffer = WriteBuffer::new(2000);
        for round in 0..1000 {
            buffer.put(Bytes::from(vec![round as u8; 1000]));
            buffer.put(Bytes::from(vec![round as u8; 2000]));
            buffer.advance(if round % 3 == 0 { 1500 } else { 0 });
            assert!(buffer.flat.capacity() <= WriteBuffer::FLAT, "{}", buffer.flat.capacity());
        }
        buffer.put_slice(&vec![1; 1 << 20]);
        assert!(buffer.flat.capacity() <= WriteBuffer::FLAT);
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

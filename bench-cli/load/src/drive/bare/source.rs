//! The bytes that the client sends: request after request, in pieces of at most [`WRITE_CAP`].

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::WRITE_CAP;
use crate::payload::{self, BLOCK};

/// Makes the stream, out of buffers that it uses again as soon as they are sent.
#[derive(Debug)]
pub(super) struct Source {
    payload: usize,
    /// The request whose bytes come next, and how many of them have gone.
    request: u64,
    offset: usize,
    /// Buffers that were given out, the oldest first.
    given: VecDeque<Bytes>,
    piece: usize,
}

impl Source {
    /// Given buffers that are remembered. A channel that moves `Bytes` holds one a piece, at most the window's worth.
    const REMEMBERED: usize = 4096;

    /// The stream of payloads from number `first` on, in pieces of at most `piece` bytes.
    pub(super) fn new(payload: usize, first: u64, piece: usize) -> Self {
        let piece = WRITE_CAP.min(piece);
        Self { payload, request: first, offset: 0, given: VecDeque::new(), piece }
    }

    /// Pieces are no longer than `most` from now on. To be said before the first.
    pub(super) fn limit_piece(&mut self, most: usize) {
        self.piece = self.piece.min(most);
    }

    /// As much of `allowed` as can be asked for: where payloads are whole blocks, so are pieces.
    pub(super) fn whole_part(&self, allowed: usize) -> usize {
        if self.is_restampable() { allowed - allowed % BLOCK } else { allowed }
    }

    /// The next bytes of the stream, at most `allowed`, of which the whole part counts.
    pub(super) fn next(&mut self, allowed: usize) -> Bytes {
        let len = allowed.min(self.piece);
        let recycled = self.recycled();
        let has_bodies = recycled.is_some() && self.is_restampable();
        let mut buffer = recycled.unwrap_or_else(|| BytesMut::zeroed(self.piece));
        if has_bodies {
            self.write(&mut buffer[..len], payload::restamp_part);
        } else if self.is_restampable() {
            // To its end, however much is used now, so that later only its stamps differ.
            self.write(&mut buffer, payload::fill_part);
        } else {
            self.write(&mut buffer[..len], payload::fill_part);
        }
        let at = self.offset + len;
        self.request += (at / self.payload) as u64;
        self.offset = at % self.payload;

        let whole = buffer.freeze();
        let piece = whole.slice(..len);
        if self.given.len() == Self::REMEMBERED {
            self.given.pop_front();
        }
        self.given.push_back(whole);
        piece
    }

    /// Where payloads are whole blocks, every piece has its stamps at the same places.
    fn is_restampable(&self) -> bool {
        self.payload.is_multiple_of(BLOCK)
    }

    fn recycled(&mut self) -> Option<BytesMut> {
        if !self.given.front()?.is_unique() {
            return None;
        }
        self.given.pop_front()?.try_into_mut().ok()
    }

    /// Fills `buffer` with the stream from where it is, part by part of a request.
    fn write(&self, mut buffer: &mut [u8], write_part: fn(&mut [u8], u64, usize)) {
        let (mut request, mut offset) = (self.request, self.offset);
        while !buffer.is_empty() {
            let count = buffer.len().min(self.payload - offset);
            let (part, rest) = buffer.split_at_mut(count);
            write_part(part, request, offset);
            (buffer, request, offset) = (rest, request + 1, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Thoroughness;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_stream_is_every_request_in_order_however_it_is_cut(
            payload in prop_oneof![16usize..9000, (1usize..80).prop_map(|blocks| blocks * BLOCK)],
            allowed in prop::collection::vec(1usize..60, 1..20),
            hold in any::<bool>(),
        ) {
            let unit = if payload.is_multiple_of(BLOCK) { BLOCK } else { 777 };
            let mut source = Source::new(payload, 5, 4 * payload);
            let mut stream = Vec::new();
            let mut held = Vec::new();
            for allowed in allowed {
                let piece = source.next(allowed * unit);
                stream.extend_from_slice(&piece);
                if hold { held.push(piece) }
            }
            for (index, part) in stream.chunks(payload).enumerate() {
                prop_assert_eq!(payload::check_part(part, 5 + index as u64, 0, Thoroughness::Full), Ok(()));
            }
        }
    }

    #[test]
    fn a_buffer_that_nobody_reads_any_more_is_used_again() {
        let mut source = Source::new(4096, 0, 4096);
        let first = source.next(4096).as_ptr();
        assert_eq!(source.next(4096).as_ptr(), first);
        let held = source.next(4096);
        assert_ne!(source.next(4096).as_ptr(), held.as_ptr());
    }
}

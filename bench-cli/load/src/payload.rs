//! Payloads and their check: a stamp at the start of each 4 KiB, and known bytes between.
//!
//! A stamp is the request's number and the stamp's own offset in the payload, eight bytes each, little-endian. The
//! bytes between depend on nothing but their place in their block, so a buffer that comes back needs new stamps only.
//! Every stack uses this module, so that all of them pay the same for being checked.

use std::ops::Range;

/// Bytes from one stamp to the next.
pub const BLOCK: usize = 4096;
/// Bytes of a stamp, and the smallest payload: a shorter one could not say whose it is.
pub const STAMP: usize = 16;
/// One timed request in this many is checked byte for byte.
pub const FULL_ONE_IN: u64 = 64;

/// How closely a reply is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thoroughness {
    /// Its length and every stamp.
    Stamps,
    /// Every byte.
    Full,
}

/// How a reply differs from what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// Bytes are missing or too many.
    #[error("request {request}: the reply has {got} bytes instead of {expected}")]
    Length {
        /// The request that was answered.
        request: u64,
        /// Length of the reply.
        got: usize,
        /// Length of the request.
        expected: usize,
    },
    /// A stamp is not the one that was sent: another request's, or from elsewhere in the payload.
    #[error("request {request}: wrong stamp in the block at byte {offset}")]
    Stamp {
        /// The request that was answered.
        request: u64,
        /// Where in the payload.
        offset: usize,
    },
    /// A byte between the stamps is not the one that was sent.
    #[error("request {request}: wrong bytes in the block at byte {offset}")]
    Body {
        /// The request that was answered.
        request: u64,
        /// Where in the payload.
        offset: usize,
    },
}

impl Mismatch {
    /// The kind that errors are counted under.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Length { .. } => "wrong length",
            Self::Stamp { .. } => "wrong stamp",
            Self::Body { .. } => "wrong bytes",
        }
    }
}

static BODY: [u8; BLOCK] = body();

const fn body() -> [u8; BLOCK] {
    let mut bytes = [0; BLOCK];
    let mut state = 0x9E37_79B9_u32;
    let mut at = 0;
    while at < BLOCK {
        // xorshift: no byte value is rare, so that a shifted or zeroed body shows.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes[at] = (state >> 11) as u8;
        at += 1;
    }
    bytes
}

fn stamp(request: u64, offset: usize) -> [u8; STAMP] {
    let mut stamp = [0; STAMP];
    stamp[..8].copy_from_slice(&request.to_le_bytes());
    stamp[8..].copy_from_slice(&(offset as u64).to_le_bytes());
    stamp
}

/// Writes the whole payload of `request` into `buf`.
pub fn fill(buf: &mut [u8], request: u64) {
    fill_part(buf, request, 0);
}

/// Writes only the stamps of `request` into `buf`, which an earlier request of the same length has filled.
pub fn restamp(buf: &mut [u8], request: u64) {
    restamp_part(buf, request, 0);
}

/// Writes only the stamps of the part of the payload of `request` that begins at `offset`, the start of a block.
pub fn restamp_part(part: &mut [u8], request: u64, offset: usize) {
    debug_assert!(offset.is_multiple_of(BLOCK), "a part begins with a stamp");
    for (index, block) in part.chunks_mut(BLOCK).enumerate() {
        let stamp = stamp(request, offset + index * BLOCK);
        let len = block.len().min(STAMP);
        block[..len].copy_from_slice(&stamp[..len]);
    }
}

/// Writes the part of the payload of `request` that begins at `offset`.
pub fn fill_part(part: &mut [u8], request: u64, offset: usize) {
    let mut part = part;
    for (block, within) in blocks(offset, part.len()) {
        let (here, rest) = part.split_at_mut(within.len());
        here.copy_from_slice(&BODY[within.clone()]);
        if within.start < STAMP {
            let end = within.end.min(STAMP);
            here[..end - within.start].copy_from_slice(&stamp(request, block)[within.start..end]);
        }
        part = rest;
    }
}

/// Checks that `reply` is what [`fill`] wrote into `expected` bytes for `request`.
///
/// # Errors
///
/// The first difference that is found.
pub fn check(reply: &[u8], expected: usize, request: u64, how: Thoroughness) -> Result<(), Mismatch> {
    if reply.len() != expected {
        return Err(Mismatch::Length { request, got: reply.len(), expected });
    }
    check_part(reply, request, 0, how)
}

/// Checks a part of a reply that begins at `offset` of its payload, for a stack that sees a stream.
///
/// # Errors
///
/// The first difference that is found.
pub fn check_part(part: &[u8], request: u64, offset: usize, how: Thoroughness) -> Result<(), Mismatch> {
    let mut part = part;
    for (block, within) in blocks(offset, part.len()) {
        let (here, rest) = part.split_at(within.len());
        let stamped = within.end.min(STAMP).saturating_sub(within.start);
        if stamped > 0 && here[..stamped] != stamp(request, block)[within.start..within.start + stamped] {
            return Err(Mismatch::Stamp { request, offset: block });
        }
        if how == Thoroughness::Full && here[stamped..] != BODY[within.start + stamped..within.end] {
            return Err(Mismatch::Body { request, offset: block });
        }
        part = rest;
    }
    Ok(())
}

/// The blocks that `len` bytes from `offset` on lie in: where each begins, and which bytes of it are meant.
fn blocks(offset: usize, len: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    let end = offset + len;
    let mut at = offset;
    std::iter::from_fn(move || {
        (at < end).then(|| {
            let block = at - at % BLOCK;
            let within = at - block..(end - block).min(BLOCK);
            at = block + within.end;
            (block, within)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn payload(len: usize, request: u64) -> Vec<u8> {
        let mut buf = vec![0; len];
        fill(&mut buf, request);
        buf
    }

    #[test]
    fn a_reply_to_another_request_is_caught_by_its_stamp() {
        let found = check(&payload(4096, 8), 4096, 7, Thoroughness::Stamps);
        assert_eq!(found, Err(Mismatch::Stamp { request: 7, offset: 0 }));
    }

    #[test]
    fn blocks_that_changed_places_are_caught_by_their_stamps() {
        let mut reply = payload(12_288, 7);
        let (one, two) = reply.split_at_mut(8192);
        one[4096..].swap_with_slice(two);
        let found = check(&reply, 12_288, 7, Thoroughness::Stamps);
        assert_eq!(found, Err(Mismatch::Stamp { request: 7, offset: 4096 }));
    }

    #[test]
    fn a_short_or_long_reply_is_caught_by_its_length() {
        let found = check(&payload(100, 7), 4096, 7, Thoroughness::Stamps);
        assert_eq!(found, Err(Mismatch::Length { request: 7, got: 100, expected: 4096 }));
        assert_eq!(found.unwrap_err().kind(), "wrong length");
    }

    #[test]
    fn one_flipped_bit_between_the_stamps_is_caught_by_the_full_check() {
        let mut reply = payload(8192, 7);
        reply[5000] ^= 1;
        assert_eq!(check(&reply, 8192, 7, Thoroughness::Stamps), Ok(()));
        let found = check(&reply, 8192, 7, Thoroughness::Full);
        assert_eq!(found, Err(Mismatch::Body { request: 7, offset: 4096 }));
    }

    #[test]
    fn a_buffer_that_comes_back_needs_new_stamps_only() {
        let mut buf = payload(10_000, 7);
        restamp(&mut buf, 8);
        assert_eq!(buf, payload(10_000, 8));
    }

    proptest! {
        #[test]
        fn parts_are_filled_and_checked_as_the_whole_is(len in 16usize..20_000, cuts in prop::collection::vec(1usize..6000, 1..9)) {
            let whole = payload(len, 9);
            let mut at = 0;
            for cut in cuts.into_iter().cycle() {
                let end = (at + cut).min(len);
                let mut part = vec![0; end - at];
                fill_part(&mut part, 9, at);
                prop_assert_eq!(&part[..], &whole[at..end]);
                prop_assert_eq!(check_part(&part, 9, at, Thoroughness::Full), Ok(()));
                at = end;
                if at == len { break }
            }
        }

        #[test]
        fn no_flipped_byte_escapes_the_full_check(len in 16usize..20_000, at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut reply = payload(len, 9);
            reply[at.index(len)] ^= flip;
            prop_assert!(check(&reply, len, 9, Thoroughness::Full).is_err());
        }
    }
}

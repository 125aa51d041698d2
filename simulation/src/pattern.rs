//! Self-describing payload: each byte is a function of its stream and its offset.
//!
//! So a stretch of bytes can be checked wherever it is cut, nothing has to be stored, and bytes that are lost, repeated,
//! swapped or another channel's cannot go unnoticed.

use std::fmt;

use bytes::Bytes;

use crate::random::mix;

/// The bytes of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    stream: u64,
}

impl Pattern {
    /// The bytes of stream number `stream`.
    #[must_use]
    pub const fn new(stream: u64) -> Self {
        Self { stream }
    }

    /// Bytes `at..at + into.len()`.
    pub fn fill(self, at: u64, into: &mut [u8]) {
        let (mut word, skip) = (at / 8, (at % 8) as usize);
        let (first, rest) = into.split_at_mut(((8 - skip) % 8).min(into.len()));
        if !first.is_empty() {
            first.copy_from_slice(&self.word(word)[skip..skip + first.len()]);
            word += 1;
        }
        let (whole, last) = rest.as_chunks_mut();
        for bytes in whole {
            *bytes = self.word(word);
            word += 1;
        }
        last.copy_from_slice(&self.word(word)[..last.len()]);
    }

    /// Bytes `at..at + count`.
    #[must_use]
    pub fn bytes(self, at: u64, count: usize) -> Bytes {
        let mut bytes = vec![0; count];
        self.fill(at, &mut bytes);
        bytes.into()
    }

    /// Whether `seen` is what stands at `at`.
    ///
    /// # Errors
    ///
    /// The first byte that is not, and where it does belong if that is nearby.
    pub fn check(self, at: u64, seen: &[u8]) -> Result<(), Mismatch> {
        let mut expected = [0; 4096];
        for (index, piece) in seen.chunks(expected.len()).enumerate() {
            let from = at + (index * expected.len()) as u64;
            let expected = &mut expected[..piece.len()];
            self.fill(from, expected);
            if piece == expected {
                continue;
            }
            if let Some(wrong) = piece.iter().zip(&*expected).position(|(seen, expected)| seen != expected) {
                let offset = from + wrong as u64;
                return Err(self.mismatch(offset, &seen[(offset - at) as usize..]));
            }
        }
        Ok(())
    }

    #[inline]
    fn word(self, word: u64) -> [u8; 8] {
        mix(self.stream.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ mix(word.wrapping_add(1))).to_le_bytes()
    }

    fn mismatch(self, offset: u64, seen: &[u8]) -> Mismatch {
        let seen = &seen[..seen.len().min(8)];
        let nearby = (0..64).map(Self::new).filter(|other| *other != self);
        let belongs = (seen.len() == 8)
            .then(|| {
                self.find(seen, offset, 256 << 10).map(|found| (self, found)).or_else(|| {
                    nearby.into_iter().find_map(|other| Some((other, other.find(seen, offset, 512)?)))
                })
            })
            .flatten();
        Mismatch {
            stream: self.stream,
            offset,
            expected: self.bytes(offset, seen.len()),
            seen: seen.to_vec(),
            belongs,
        }
    }

    /// Where `seen` stands in this stream, at most `within` bytes from `near`.
    fn find(self, seen: &[u8], near: u64, within: u64) -> Option<u64> {
        let from = near.saturating_sub(within);
        let all = self.bytes(from, (near - from + within) as usize);
        let found = all.windows(seen.len()).position(|window| window == seen)?;
        Some(from + found as u64)
    }
}

/// A byte that is not the one that was written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    stream: u64,
    /// Offset of the first wrong byte.
    pub offset: u64,
    expected: Bytes,
    seen: Vec<u8>,
    belongs: Option<(Pattern, u64)>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, offset, expected, seen, belongs } = self;
        write!(
            f,
            "wrong bytes from offset {offset} of stream {stream} on: expected {expected:02x?}, saw {seen:02x?}",
            expected = &expected[..]
        )?;
        match belongs {
            Some((other, _)) if other.stream != *stream => {
                write!(f, "; those are bytes of stream {}", other.stream)
            }
            Some((_, at)) if at > offset => {
                write!(f, "; those belong at {at}: {} missing", at - offset)
            }
            Some((_, at)) => write!(f, "; those belong at {at}: {} came again", offset - at),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_stretch_is_checked_wherever_it_is_cut() {
        let pattern = Pattern::new(3);
        let all = pattern.bytes(0, 10_000);
        for (from, to) in [(0, 10_000), (1, 9), (7, 8), (4095, 4097), (777, 9_001)] {
            assert_eq!(pattern.bytes(from as u64, to - from), all[from..to]);
            pattern.check(from as u64, &all[from..to]).unwrap();
        }
    }

    #[test]
    fn what_went_wrong_is_named() {
        let pattern = Pattern::new(3);
        let all = pattern.bytes(0, 10_000);
        let told = |bytes: Vec<u8>| pattern.check(0, &bytes).unwrap_err().to_string();
        let lost = told([&all[..5000], &all[5003..]].concat());
        assert!(lost.contains("offset 5000") && lost.contains("5003: 3 missing"), "{lost}");
        let again = told([&all[..5000], &all[4990..]].concat());
        assert!(again.contains("offset 5000") && again.contains("4990: 10 came again"), "{again}");
        let foreign = told([&all[..100], &Pattern::new(4).bytes(100, 50)].concat());
        assert!(foreign.contains("offset 100") && foreign.contains("stream 4"), "{foreign}");
        let flipped = told(all.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 9_999)).collect());
        assert!(flipped.contains("offset 9999") && !flipped.contains("belong"), "{flipped}");
    }
}

//! The first request of a connection, made and checked whole or in parts.

use bytes::Bytes;

use crate::payload::{self, Thoroughness};

/// The number of the first request. Its bytes begin no packet of any protocol.
const NUMBER: u64 = u64::MAX;
/// Bytes of a wrong reply that are shown.
const SHOWN: usize = 32;

/// The first request of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct First {
    /// Bytes of its payload, and of the reply's.
    pub(super) size: usize,
}

impl First {
    /// At most `most` bytes of it from `offset` on, the start of a block.
    pub(super) fn part(self, offset: usize, most: usize) -> Bytes {
        let mut part = vec![0; most.min(self.size - offset)];
        payload::fill_part(&mut part, NUMBER, offset);
        part.into()
    }

    /// Checks the part of the reply that begins at `offset`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn check(self, part: &[u8], offset: usize) -> Result<(), String> {
        let Self { size } = self;
        let is_right = offset + part.len() <= size
            && payload::check_part(part, NUMBER, offset, Thoroughness::Full).is_ok();
        match (is_right, offset) {
            (true, _) => Ok(()),
            (false, 0) => Err(format!("the reply to {size} bytes was {}", shown(part))),
            (false, _) => {
                Err(format!("the reply to {size} bytes went on after {offset} with {}", shown(part)))
            }
        }
    }

    /// Checks the whole reply.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn check_whole(self, reply: &[u8]) -> Result<(), String> {
        if reply.len() < self.size {
            return Err(format!("the reply to {} bytes was {}", self.size, shown(reply)));
        }
        self.check(reply, 0)
    }
}

/// The beginning of a reply, for people to read.
fn shown(reply: &[u8]) -> String {
    let more = if reply.len() > SHOWN { "…" } else { "" };
    format!("`{}{more}`", reply[..reply.len().min(SHOWN)].escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_reply_is_told_with_where_it_goes_wrong() {
        let first = First { size: 8192 };
        let right = first.part(0, 8192);
        assert_eq!(first.check(&right[..100], 0).and_then(|()| first.check(&right[100..], 100)), Ok(()));
        for (part, offset, why) in [
            (&b"HTTP/1.1 400"[..], 0, "the reply to 8192 bytes was `HTTP/1.1 400`"),
            (b"more", 8190, "the reply to 8192 bytes went on after 8190 with `more`"),
        ] {
            assert_eq!(first.check(part, offset), Err(why.to_owned()));
        }
        assert!(first.check_whole(&right[..8191]).is_err() && first.check_whole(&right).is_ok());
    }
}

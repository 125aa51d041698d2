//! INIT and INIT ACK: the parameters of one side.

use bytes::{BufMut, Bytes};

use super::{kind, u16_at, u32_at};

/// The fixed part of INIT and of INIT ACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Init {
    /// What the other side has to put on every packet.
    pub(in super::super) tag: u32,
    /// Bytes that may be on their way to this side.
    pub(in super::super) window: u32,
    /// Streams that this side wants to write.
    pub(in super::super) outbound: u16,
    /// Streams that this side is ready to read.
    pub(in super::super) inbound: u16,
    /// The number of the first DATA chunk.
    pub(in super::super) tsn: u32,
}

impl Init {
    pub(in super::super) const LEN: usize = 16;
    const SMALLEST_WINDOW: u32 = 1500;
    const STATE_COOKIE: u16 = 7;

    /// `None` when a value is none that the standard allows. What may follow is left alone: none of the extensions is
    /// used here, and a peer does without what nobody confirms.
    pub(in super::super) fn parse(value: &[u8]) -> Option<Self> {
        let init = Self {
            tag: u32_at(value, 0)?,
            window: u32_at(value, 4)?,
            outbound: u16_at(value, 8)?,
            inbound: u16_at(value, 10)?,
            tsn: u32_at(value, 12)?,
        };
        let allowed = init.tag != 0
            && init.window >= Self::SMALLEST_WINDOW
            && init.outbound != 0
            && init.inbound != 0
            // Allowed by the standard, but not by the crate that moves data; one peer in four billion tries again.
            && init.tsn != 0;
        allowed.then_some(init)
    }

    /// The cookie of an INIT ACK.
    pub(in super::super) fn cookie(value: &[u8]) -> Option<&[u8]> {
        let mut rest = value.get(Self::LEN..)?;
        loop {
            let length = usize::from(u16_at(rest, 2)?);
            let parameter = rest.get(4..length)?;
            if u16_at(rest, 0)? == Self::STATE_COOKIE {
                return Some(parameter);
            }
            rest = rest.get(length.next_multiple_of(4)..)?;
        }
    }

    pub(in super::super) fn write(&self, into: &mut Vec<u8>) {
        into.put_u32(self.tag);
        into.put_u32(self.window);
        into.put_u16(self.outbound);
        into.put_u16(self.inbound);
        into.put_u32(self.tsn);
    }

    /// The value of an INIT ACK chunk.
    pub(in super::super) fn with_cookie(&self, cookie: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(Self::LEN + 4 + cookie.len());
        self.write(&mut value);
        value.put_u16(Self::STATE_COOKIE);
        value.put_u16((4 + cookie.len()) as u16);
        value.put_slice(cookie);
        value
    }

    /// A whole INIT chunk that says this and nothing else.
    pub(in super::super) fn chunk(&self) -> Bytes {
        let mut chunk = Vec::with_capacity(4 + Self::LEN);
        chunk.put_u8(kind::INIT);
        chunk.put_u8(0);
        chunk.put_u16(4 + Self::LEN as u16);
        self.write(&mut chunk);
        chunk.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INIT: Init = Init { tag: 7, window: 1 << 20, outbound: 3, inbound: 4, tsn: 9 };

    #[test]
    fn the_fixed_part_and_the_cookie_read_back() {
        let value = INIT.with_cookie(b"crumbs");
        assert_eq!(Init::parse(&value), Some(INIT));
        assert_eq!(Init::cookie(&value), Some(&b"crumbs"[..]));
        assert_eq!(Init::parse(&INIT.chunk()[4..]), Some(INIT));
    }

    #[test]
    fn a_cookie_is_found_behind_parameters_that_nobody_knows() {
        let mut value = Vec::new();
        INIT.write(&mut value);
        // An unknown parameter of five bytes, padded to eight.
        value.extend([0xc0, 0x00, 0, 5, 1, 0, 0, 0]);
        value.extend([0, 7, 0, 6, b'o', b'k']);
        assert_eq!(Init::cookie(&value), Some(&b"ok"[..]));
        for bad in [&[0, 7, 0, 3][..], &[0, 7, 0, 9, 1], &[0, 1, 0, 0], &[]] {
            let mut value = Vec::new();
            INIT.write(&mut value);
            value.extend(bad);
            assert_eq!(Init::cookie(&value), None, "{bad:?}");
        }
    }

    #[test]
    fn values_that_the_standard_forbids_are_no_init() {
        for bad in [
            Init { tag: 0, ..INIT },
            Init { window: 1499, ..INIT },
            Init { outbound: 0, ..INIT },
            Init { inbound: 0, ..INIT },
        ] {
            assert_eq!(Init::parse(&bad.chunk()[4..]), None, "{bad:?}");
        }
        assert_eq!(Init::parse(&INIT.chunk()[4..19]), None);
    }
}

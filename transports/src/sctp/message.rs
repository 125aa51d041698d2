//! Messages of the lane protocol, as bytes; the documentation of `sctp` says what they are for.
//!
//! This file knows their bytes, not who may send them when.

use super::fault::Violation;

/// Payload protocol of a message that is bytes of the channel. The number is that of binary data in WebRTC, since the
/// crate that moves data sends no others than WebRTC's.
pub(super) const DATA: u32 = 53;
/// Payload protocol of a [`Control`]: that of channel establishment in WebRTC.
pub(super) const CONTROL: u32 = 50;

/// What one side tells the other about a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    /// The dialer begins a lane, and takes this many bytes until it says more.
    Open { window: u32 },
    /// The listener has taken it on, and takes this many bytes.
    Opened { window: u32 },
    /// The sender takes this many bytes more.
    Credit { bytes: u32 },
    /// The sender writes no more.
    End,
    /// The sender reads no more.
    Stop,
    /// Both directions are over; what was not read may be lost.
    Abort,
    /// The listener's last word about this lane: its stream is free for another.
    Closed,
}

impl Control {
    /// Longest text of one.
    pub(super) const MAX_LEN: usize = 5;

    pub(super) fn write(self, into: &mut Vec<u8>) {
        let (kind, number) = match self {
            Self::Open { window } => (1, Some(window)),
            Self::Opened { window } => (2, Some(window)),
            Self::Credit { bytes } => (3, Some(bytes)),
            Self::End => (4, None),
            Self::Stop => (5, None),
            Self::Abort => (6, None),
            Self::Closed => (7, None),
        };
        into.push(kind);
        into.extend(number.into_iter().flat_map(u32::to_be_bytes));
    }

    /// As the module's page calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open { .. } => "OPEN",
            Self::Opened { .. } => "OPENED",
            Self::Credit { .. } => "CREDIT",
            Self::End => "END",
            Self::Stop => "STOP",
            Self::Abort => "ABORT",
            Self::Closed => "CLOSED",
        }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Violation> {
        let (kind, rest) = bytes.split_first().ok_or(Violation::Malformed { kind: 0, len: 0 })?;
        let malformed = Violation::Malformed { kind: *kind, len: bytes.len() };
        let number = || <[u8; 4]>::try_from(rest).map(u32::from_be_bytes).map_err(|_| malformed);
        let bare = |control| if rest.is_empty() { Ok(control) } else { Err(malformed) };
        match kind {
            1 => Ok(Self::Open { window: number()? }),
            2 => Ok(Self::Opened { window: number()? }),
            3 => Ok(Self::Credit { bytes: number()? }),
            4 => bare(Self::End),
            5 => bare(Self::Stop),
            6 => bare(Self::Abort),
            7 => bare(Self::Closed),
            kind => Err(Violation::UnknownControl { kind: *kind }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_controls_have_these_bytes() {
        for (control, bytes) in [
            (Control::Open { window: 0x0102_0304 }, &[1, 1, 2, 3, 4][..]),
            (Control::Opened { window: 5 }, &[2, 0, 0, 0, 5]),
            (Control::Credit { bytes: 1 << 31 }, &[3, 0x80, 0, 0, 0]),
            (Control::End, &[4]),
            (Control::Stop, &[5]),
            (Control::Abort, &[6]),
            (Control::Closed, &[7]),
        ] {
            let mut written = Vec::new();
            control.write(&mut written);
            assert_eq!(written, bytes);
            assert!(written.len() <= Control::MAX_LEN);
            assert_eq!(Control::parse(bytes), Ok(control));
        }
    }

    #[test]
    fn what_is_no_control_is_named() {
        for bytes in [&[1][..], &[1, 0, 0, 0], &[3, 0, 0, 0, 0, 0], &[4, 0], &[7, 7]] {
            let expected = Violation::Malformed { kind: bytes[0], len: bytes.len() };
            assert_eq!(Control::parse(bytes), Err(expected));
        }
        assert_eq!(Control::parse(&[8]), Err(Violation::UnknownControl { kind: 8 }));
        assert!(Control::parse(&[]).is_err());
    }
}

//! The message of the original's benchmark: 36 bytes of message id, a decimal number right-aligned with spaces, then
//! the payload. Its packet (4 bytes of length, big-endian) is the packet codec's business.

use bytes::Bytes;

/// Bytes of an id.
pub(super) const ID_LEN: usize = 36;
/// Ids of client i start at i times this and count up.
pub(super) const IDS_OF_A_CLIENT: u64 = 10_000_000_000;
/// Why a message has no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum IdError {
    /// Too short to hold one.
    #[error("a message of {len} bytes is too short for an id of {ID_LEN}")]
    Short { len: usize },
    /// Not spaces and then a decimal number.
    #[error("`{found}` is not spaces and then a decimal number of at most 64 bits")]
    Malformed { found: String },
}

/// `id` as it stands at the start of a message.
#[must_use]
pub(super) fn encode_id(id: u64) -> [u8; ID_LEN] {
    let mut text = [b' '; ID_LEN];
    let mut rest = id;
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text
}

/// The id at the start of `message`.
///
/// # Errors
///
/// When it is too short, or there is no number.
pub(super) fn parse_id(message: &[u8]) -> Result<u64, IdError> {
    let field = message.get(..ID_LEN).ok_or(IdError::Short { len: message.len() })?;
    let malformed = || IdError::Malformed { found: String::from_utf8_lossy(field).into_owned() };
    let spaces = field.iter().take_while(|byte| **byte == b' ').count();
    let digits = &field[spaces..];
    if digits.is_empty() {
        return Err(malformed());
    }
    digits.iter().try_fold(0u64, |id, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0')).ok_or_else(malformed)?;
        id.checked_mul(10).and_then(|id| id.checked_add(digit)).ok_or_else(malformed)
    })
}

/// Takes a message apart without copying its payload.
///
/// # Errors
///
/// As [`parse_id`].
pub(super) fn split(mut message: Bytes) -> Result<(u64, Bytes), IdError> {
    let id = parse_id(&message)?;
    Ok((id, message.split_off(ID_LEN)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_have_the_originals_bytes() {
        assert_eq!(&encode_id(0), b"                                   0");
        assert_eq!(&encode_id(10_000_000_042), b"                         10000000042");
        assert_eq!(&encode_id(u64::MAX), b"                18446744073709551615");
    }

    #[test]
    fn what_is_no_id_is_an_error_and_no_panic() {
        assert_eq!(parse_id(b"7"), Err(IdError::Short { len: 1 }));
        for text in [
            "                                    ",
            "7                                   ",
            "                                  -7",
            "                                 7 7",
            "                18446744073709551616",
            "999999999999999999999999999999999999",
        ] {
            assert!(matches!(parse_id(text.as_bytes()), Err(IdError::Malformed { .. })), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_id_reads_back(id in any::<u64>()) {
            prop_assert_eq!(parse_id(&encode_id(id)), Ok(id));
        }
    }
}

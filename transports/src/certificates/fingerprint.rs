//! Certificate fingerprints.

use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a certificate's DER, written `sha256-` and 64 lower-case hexadecimal digits.
///
/// `openssl x509 -noout -fingerprint -sha256` tells it too, in upper case and with colons.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

const PREFIX: &str = "sha256-";

impl Fingerprint {
    /// The fingerprint of a certificate, given as DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Why a text is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no fingerprint; it is written `sha256-` and 64 lower-case hexadecimal digits")]
#[non_exhaustive]
pub struct FingerprintError {
    /// The text, as given.
    pub text: String,
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        parse(text).ok_or_else(|| FingerprintError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Fingerprint> {
    let digits = text.strip_prefix(PREFIX)?.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(Fingerprint(bytes))
}

fn digit(ascii: u8) -> Option<u8> {
    match ascii {
        b'0'..=b'9' => Some(ascii - b'0'),
        b'a'..=b'f' => Some(ascii - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sha256_and_reads_back_as_it_is_written() {
        // The digest of "abc" is the first example of FIPS 180-2.
        let text = "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Fingerprint::of(b"abc").to_string(), text);
        assert_eq!(text.parse(), Ok(Fingerprint::of(b"abc")));
    }

    #[test]
    fn another_text_is_refused_and_named() {
        let right = Fingerprint::of(b"abc").to_string();
        for text in ["", "sha256-", "sha1-00", &right[..70], &format!("{right}0"), &right.to_uppercase()] {
            let error = text.parse::<Fingerprint>().unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("64"), "{error}");
        }
        assert!(right.replace('b', "é").parse::<Fingerprint>().is_err());
    }
}

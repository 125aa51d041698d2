//! Random names of pairs of pipes.

use std::fmt;
use std::io;

use crate::entropy::Entropy;

/// What a pair is called: 128 random bits, written as hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name([u8; 16]);

impl Name {
    pub(super) const LEN: usize = 16;
    pub(super) const DIGITS: usize = 2 * Self::LEN;

    pub(super) fn fresh(entropy: &dyn Entropy) -> io::Result<Self> {
        let mut bytes = [0; Self::LEN];
        entropy.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(super) fn of(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> [u8; Self::LEN] {
        self.0
    }

    /// Whether `text` is written as a name is.
    pub(super) fn is_one(text: &str) -> bool {
        text.len() == Self::DIGITS && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

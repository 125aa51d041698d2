//! Where random numbers come from.

use std::fmt::Debug;
use std::io;

use ring::rand::{SecureRandom, SystemRandom};

/// A source of random bytes: of tags that an outsider must not guess, first sequence numbers, and the key of cookies.
///
/// # Contract
///
/// 1. Nobody else can guess the bytes, unless all that this transport reaches is a simulation.
/// 2. It never waits for long.
pub trait Entropy: Send + Sync + Debug + 'static {
    /// Fills `bytes` with random ones.
    ///
    /// # Errors
    ///
    /// When there are none. Dialling and listening fail with it.
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// The system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        SystemRandom::new().fill(bytes).map_err(|_| io::Error::other("the system has no random numbers"))
    }
}

/// Any number but 0.
pub(super) fn nonzero(entropy: &dyn Entropy) -> io::Result<u32> {
    let mut bytes = [0; 4];
    // A source that gives zeros only is broken; it must not be an endless loop.
    for _ in 0..64 {
        entropy.fill(&mut bytes)?;
        let number = u32::from_ne_bytes(bytes);
        if number != 0 {
            return Ok(number);
        }
    }
    Err(io::Error::other("the source of random numbers gives nothing but zeros"))
}

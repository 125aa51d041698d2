//! Sources of random bytes.

use std::fmt::Debug;
use std::io;

/// A source of random bytes: of names, tags and keys that no other party may guess.
///
/// # Contract
///
/// 1. It fills all of `bytes`, or fails.
/// 2. No other party can guess them, unless all that the transport reaches is a simulation.
/// 3. It does not wait.
pub trait Entropy: Send + Sync + Debug + 'static {
    /// Overwrites `bytes` with random ones.
    ///
    /// # Errors
    ///
    /// When there are none. The dial or listen that needed them fails with it, and may be tried again.
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// The system's random bytes (on Linux by `getrandom`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        Ok(getrandom::fill(bytes)?)
    }
}

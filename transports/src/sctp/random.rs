//! Random numbers of an association.

use std::io;

use crate::entropy::Entropy;

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

//! Randomness of connection ids and tokens: the system's, or from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quinn::{ConnectionId, ConnectionIdGenerator};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// Gives unpredictable bytes; with a seed, the same at every run. Cloning it shares what was drawn already.
///
/// The keys of a handshake are not drawn here: they come from the cryptography's own source, whose bytes differ from run to
/// run and whose lengths do not.
#[derive(Debug, Clone)]
pub(super) enum Entropy {
    System,
    Seed(Arc<Stream>),
}

/// The outputs of a pseudo-random function, one after the other.
#[derive(Debug)]
pub(super) struct Stream {
    key: hmac::Key,
    drawn: AtomicU64,
}

impl Entropy {
    pub(super) fn seeded(seed: [u8; 32]) -> Self {
        Self::Seed(Arc::new(Stream::new(&seed)))
    }

    /// 32 bytes that were never given before.
    ///
    /// # Panics
    ///
    /// When the system has no randomness; nothing that is encrypted could go on then.
    pub(super) fn draw(&self) -> [u8; 32] {
        match self {
            Self::System => {
                let mut bytes = [0; 32];
                SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
                bytes
            }
            Self::Seed(stream) => stream.next(),
        }
    }

    /// A generator of connection ids, which cannot be linked without knowing its key.
    pub(super) fn connection_ids(&self) -> ConnectionIds {
        ConnectionIds(Stream::new(&self.draw()))
    }
}

impl Stream {
    fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), drawn: AtomicU64::new(0) }
    }

    fn next(&self) -> [u8; 32] {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&self.key, &number.to_be_bytes()).as_ref());
        bytes
    }
}

/// The ids by which an endpoint's peers address its connections.
pub(super) struct ConnectionIds(Stream);

/// Enough to be unguessable, and small: it stands in every packet.
const LEN: usize = 8;

impl ConnectionIdGenerator for ConnectionIds {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&self.0.next()[..LEN])
    }

    fn cid_len(&self) -> usize {
        LEN
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

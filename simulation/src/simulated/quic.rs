//! The QUIC of `listenrain-transports`, made to repeat itself on a simulated host.
//!
//! Everything that a run could see differently the next time is taken from the caller or is fixed: sockets, names,
//! randomness, the clock by which certificates are judged, and the certificate itself, which is the one of `fixtures/`.
//! Keys of handshakes stay truly random, so what datagrams say differs from run to run; their times and lengths do not.

use std::sync::Arc;
use std::time::Duration;

use listenrain_transports::Quic;
use listenrain_transports::certificates::{Identity, Trust};
use listenrain_transports::options::OptionError;
use listenrain_transports::quic::QuicOptions;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::time_provider::TimeProvider;

use super::{EPOCH, Names, SimulatedUdp};

/// QUIC through the sockets of `udp`, with everything random drawn from `seed`.
///
/// A host that comes back from a crash must build it anew, and with another seed: with the same one it would repeat its
/// connection ids, and know how to reset what its peers still hold from before the crash, which no real host does.
///
/// # Errors
///
/// When a value of `options` is out of bounds; the error names the option and what is allowed.
pub fn quic(udp: SimulatedUdp, options: QuicOptions, seed: [u8; 32]) -> Result<Quic, OptionError> {
    let identity = identity();
    let trust = Trust::Pinned(identity.fingerprint());
    let quic = Quic::new(options)?.with_udp(Arc::new(udp)).with_seed(seed);
    let quic = quic.with_resolver(Arc::new(Names)).with_clock(Arc::new(Epoch));
    Ok(quic.with_identity(identity).with_trust(trust))
}

/// Options for a simulated network: datagrams of 1,200 bytes, which are never probed for more; 30 s of silence until a
/// connection counts as lost, and something to say every 10 s.
///
/// The first round trip is taken for 333 ms until it was measured; there is no option for it.
#[must_use]
pub fn options() -> QuicOptions {
    QuicOptions::default()
        .mtu(Some(1200))
        .gso(false)
        .idle_timeout(Duration::from_secs(30))
        .keepalive(Some(Duration::from_secs(10)))
}

fn identity() -> Identity {
    const CERTIFICATE: &[u8] = include_bytes!("../../fixtures/certificate.der");
    const KEY: &[u8] = include_bytes!("../../fixtures/key.der");
    let (certificate, key) = (CertificateDer::from(CERTIFICATE), PrivatePkcs8KeyDer::from(KEY));
    Identity::new(vec![certificate], key.into()).expect("the fixture is a certificate and its key")
}

/// A clock that stands at [`EPOCH`].
#[derive(Debug)]
struct Epoch;

impl TimeProvider for Epoch {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(EPOCH))
    }
}

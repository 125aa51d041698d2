//! TLS as a subject of the kit.

use std::io;

use super::{NOBODYS_PIN, endpoint, tcp};
use crate::conformance::{BlackHole, Subject};

pub(super) fn prepare(subject: Subject) -> Subject {
    let bad = [
        "tls://127.0.0.1",
        "tls://127.0.0.1:65536",
        "tls://:1",
        "tls://127.0.0.1:1?pin=sha256-0",
        "tls://127.0.0.1:1?ca=relative.pem",
        "tls://127.0.0.1:1?handshakes=0",
        "tls+magic://127.0.0.1:1",
    ];
    let subject = subject.with_bad_endpoints(bad.map(endpoint)).with_raw_dialer(CLIENT_HELLO, tcp::stream);
    if cfg!(target_os = "linux") { subject.with_black_hole(black_hole) } else { subject }
}

/// How a ClientHello begins: a record of a handshake, of 512 bytes, in the version that all clients name there.
const CLIENT_HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3];

/// One of TCP: no handshake ever begins there.
async fn black_hole() -> io::Result<BlackHole> {
    let BlackHole { endpoint: below, guard } = tcp::black_hole().await?;
    let endpoint = endpoint("tls://127.0.0.1:1").with_address(below.address().to_owned());
    let endpoint = endpoint.with_option("connect_timeout", "200ms").with_option("pin", NOBODYS_PIN);
    Ok(BlackHole { endpoint, guard })
}

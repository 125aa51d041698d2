//! What the cases need to know of TLS.

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
    let subject = subject.with_bad_endpoints(bad.map(endpoint));
    if cfg!(target_os = "linux") { subject.with_black_hole(black_hole) } else { subject }
}

/// One of TCP: no handshake ever begins there.
async fn black_hole() -> io::Result<BlackHole> {
    let BlackHole { endpoint: below, guard } = tcp::black_hole().await?;
    let endpoint = endpoint("tls://127.0.0.1:1").with_address(below.address().to_owned());
    let endpoint = endpoint.with_option("connect_timeout", "200ms").with_option("pin", NOBODYS_PIN);
    Ok(BlackHole { endpoint, guard })
}

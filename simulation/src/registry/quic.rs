//! QUIC as a subject of the kit.

use std::io;

use super::{NOBODYS_PIN, datagrams, endpoint, silent_socket};
use crate::conformance::{BlackHole, Subject};

pub(super) fn prepare(subject: Subject) -> Subject {
    let bad = [
        "quic://127.0.0.1",
        "quic://127.0.0.1:65536",
        "quic://:1",
        "quic://127.0.0.1:1?pin=sha256-0",
        "quic://127.0.0.1:1?alpn=none",
        "quic://127.0.0.1:1?streams=0",
        "quic+magic://127.0.0.1:1",
    ];
    let subject = subject.with_bad_endpoints(bad.map(endpoint)).with_black_hole(black_hole);
    subject.with_raw_dialer(INITIAL, datagrams)
}

/// How a dialer's first packet begins: a long header of version 1, and the ids of a connection that is to be.
const INITIAL: &[u8] = &[0xC3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x9E];

async fn black_hole() -> io::Result<BlackHole> {
    let hole = silent_socket("quic").await?;
    let endpoint = hole.endpoint.with_option("pin", NOBODYS_PIN);
    Ok(BlackHole { endpoint, guard: hole.guard })
}

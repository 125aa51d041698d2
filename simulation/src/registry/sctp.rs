//! SCTP as a subject of the kit.

use super::{datagrams, endpoint, silent_socket};
use crate::conformance::Subject;

pub(super) fn prepare(subject: Subject) -> Subject {
    let bad = [
        "sctp://127.0.0.1",
        "sctp://127.0.0.1:65536",
        "sctp://:1",
        "sctp://127.0.0.1:1?lanes=0",
        "sctp://127.0.0.1:1?mtu=100B",
        "sctp://127.0.0.1:1?sctp_port=70000",
    ];
    let subject = subject.with_bad_endpoints(bad.map(endpoint));
    subject.with_black_hole(|| silent_socket("sctp")).with_raw_dialer(INIT, datagrams)
}

/// How a dialer's first packet begins: two ports, no tag yet, a checksum, and the head of an INIT.
const INIT: &[u8] = &[0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 1, 2, 3, 4, 1, 0, 0, 20];

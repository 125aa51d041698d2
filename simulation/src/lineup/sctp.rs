//! What the cases need to know of SCTP.

use super::{endpoint, silent_socket};
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
    subject.with_bad_endpoints(bad.map(endpoint)).with_black_hole(|| silent_socket("sctp"))
}

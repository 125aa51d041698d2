//! Active/standby lists as a subject of the kit.

use std::io;

use listenrain::Endpoint;

use super::{endpoint, tcp};
use crate::conformance::{BlackHole, Subject};

pub(super) fn prepare(subject: Subject) -> Subject {
    let bad = [
        "ha:",
        "ha://127.0.0.1:1",
        "ha:tcp://127.0.0.1:1,tcp://127.0.0.1:1",
        "ha:pigeon://roof",
        "ha:fail_back=sometimes,tcp://127.0.0.1:1",
        "ha:tcp://127.0.0.1:1,tcp://nowhere",
    ];
    let subject = subject.with_bad_endpoints(bad.map(endpoint));
    // What listens at a list listens at each of its members.
    let subject = subject.with_raw_dialer("", |list: Endpoint| async move {
        let members = list.members().map_err(io::Error::other)?;
        tcp::stream(members.into_iter().next().ok_or(io::ErrorKind::InvalidInput)?).await
    });
    if cfg!(target_os = "linux") { subject.with_black_hole(black_hole) } else { subject }
}

/// A list whose only member swallows dials.
async fn black_hole() -> io::Result<BlackHole> {
    let BlackHole { endpoint: member, guard } = tcp::black_hole().await?;
    let list = Endpoint::list("ha", [&member]).map_err(io::Error::other)?;
    Ok(BlackHole { endpoint: list.with_option("attempt_timeout", "100ms"), guard })
}

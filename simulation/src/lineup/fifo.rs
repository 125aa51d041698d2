//! What the cases need to know of named pipes.

use std::future::pending;
use std::io;

use listenrain::Transport;
use listenrain_transports::Fifo;
use tokio::task::JoinSet;

use super::endpoint;
use crate::conformance::{BlackHole, Subject};

pub(super) fn prepare(subject: Subject) -> Subject {
    let too_long = format!("fifo:///{}", "x".repeat(250));
    let bad = ["fifo://", "fifo://run/x", "fifo:///run/", "fifo:///x%00", &too_long, "fifo:///x?pipe_size=1"];
    subject.with_bad_endpoints(bad.map(endpoint)).with_black_hole(black_hole)
}

/// A listener whose backlog is full: every further dial waits to be answered.
async fn black_hole() -> io::Result<BlackHole> {
    let fifo = Fifo::default();
    let full = fifo.scratch_endpoint().with_option("backlog", "1");
    let listener = fifo.listen(&full).await.map_err(io::Error::other)?;
    let mut dialer = fifo.dialer(&full).map_err(io::Error::other)?;
    let queued = dialer.next().await.map_err(io::Error::other)?;
    // Dropping the set drops what its task holds.
    let mut guard = JoinSet::new();
    guard.spawn(async move {
        let _held = (listener, queued);
        pending::<()>().await;
    });
    Ok(BlackHole { endpoint: full.with_option("connect_timeout", "200ms"), guard: Box::new(guard) })
}

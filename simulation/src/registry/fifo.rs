//! Named pipes as a subject of the kit.

use std::fs::{File, OpenOptions};
use std::future::{pending, ready};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use bytes::Bytes;
use listenrain::{BoxFuture, Endpoint, Transport};
use listenrain_transports::Fifo;
use nix::fcntl::OFlag;
use tokio::task::JoinSet;

use super::endpoint;
use crate::conformance::{BlackHole, RawPeer, Subject};

pub(super) fn prepare(subject: Subject) -> Subject {
    let too_long = format!("fifo:///{}", "x".repeat(250));
    let bad = ["fifo://", "fifo://run/x", "fifo:///run/", "fifo:///x%00", &too_long, "fifo:///x?pipe_size=1"];
    let subject = subject.with_bad_endpoints(bad.map(endpoint)).with_black_hole(black_hole);
    subject.with_raw_dialer(REQUEST, |endpoint: Endpoint| ready(rendezvous(&endpoint)))
}

/// How a dialer's request begins.
const REQUEST: &[u8] = b"\x89LRfifo\n\x01\0\0\0\0\0\0\x01";

/// The pipe at which a listener waits for requests.
fn rendezvous(endpoint: &Endpoint) -> io::Result<Rendezvous> {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
    options.open(endpoint.address()).map(Rendezvous)
}

struct Rendezvous(File);

impl RawPeer for Rendezvous {
    fn say(&mut self, bytes: Bytes) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(ready(self.0.write_all(&bytes)))
    }
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

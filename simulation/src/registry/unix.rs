//! Unix sockets as a subject of the kit.

use std::future::ready;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use listenrain::Endpoint;
use socket2::{Domain, SockAddr, Socket, Type};

use super::endpoint;
use crate::conformance::{BlackHole, Need, Subject};

pub(super) fn prepare(subject: Subject) -> Subject {
    let too_long = format!("unix:///tmp/{}", "x".repeat(200));
    let bad =
        ["unix://", "unix://relative.sock", "unix:///a%00b", "unix://@", "unix:///x?mode=0999", &too_long];
    let scratch = subject.transport().clone();
    let subject = subject.with_raw_dialer("", |endpoint: Endpoint| async move {
        tokio::net::UnixStream::connect(endpoint.address()).await
    });
    let subject = subject.with_bad_endpoints(bad.map(endpoint)).admits(
        Need::Abort,
        "The system knows no other reset, so a packet codec has to notice a packet that was cut.",
    );
    if cfg!(target_os = "linux") {
        return subject.with_black_hole(move || ready(black_hole(&scratch.scratch_endpoint())));
    }
    subject.admits(Need::BlackHole, "on Linux, and is refused elsewhere")
}

/// A listener whose queue is full: Linux makes every further dial wait for room.
fn black_hole(at: &Endpoint) -> io::Result<BlackHole> {
    let path = PathBuf::from(at.address());
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(&path)?)?;
    let file = Removed(path.clone());
    socket.listen(1)?;
    // Linux lets one more in than it was told to.
    let queued = [UnixStream::connect(&path)?, UnixStream::connect(&path)?];
    let endpoint = at.clone().with_option("connect_timeout", "200ms");
    Ok(BlackHole { endpoint, guard: Box::new((file, socket, queued)) })
}

/// A file that goes when it is dropped.
#[derive(Debug)]
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // It was made for this case alone.
        let _ = std::fs::remove_file(&self.0);
    }
}

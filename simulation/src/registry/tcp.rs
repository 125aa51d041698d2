//! TCP as a subject of the kit.

use std::io;

use listenrain::Endpoint;
use tokio::net::{TcpSocket, TcpStream};

use super::endpoint;
use crate::conformance::{BlackHole, Subject};

pub(super) fn prepare(subject: Subject) -> Subject {
    let subject = subject.with_bad_endpoints(
        [
            "tcp://nowhere",
            "tcp://:80",
            "tcp://127.0.0.1:65536",
            "tcp://::1:80",
            "tcp://127.0.0.1:1?backlog=0",
        ]
        .map(endpoint),
    );
    // Neither end says anything that is not its user's.
    let subject = subject.with_raw_dialer("", stream);
    // Elsewhere a full queue refuses, or holds more than it was told to.
    if cfg!(target_os = "linux") { subject.with_black_hole(black_hole) } else { subject }
}

/// A connection to where `endpoint` is.
pub(super) async fn stream(endpoint: Endpoint) -> io::Result<TcpStream> {
    TcpStream::connect(endpoint.address()).await
}

/// A listener whose queue is full: Linux drops the first packet of every further dial.
pub(super) async fn black_hole() -> io::Result<BlackHole> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(1)?;
    let at = listener.local_addr()?;
    // Linux lets one more in than it was told to.
    let queued = [TcpStream::connect(at).await?, TcpStream::connect(at).await?];
    let endpoint = endpoint(&format!("tcp://{at}?connect_timeout=200ms"));
    Ok(BlackHole { endpoint, guard: Box::new((listener, queued)) })
}

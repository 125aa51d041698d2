//! Transports over sockets of the network as subjects of the kit.

use std::io;
use std::net::Ipv4Addr;

use bytes::Bytes;
use listenrain::{BoxFuture, Endpoint};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use super::endpoint;
use crate::conformance::{BlackHole, RawPeer, Subject};

/// `subject` with endpoints that it must refuse, one a word.
fn refusing(subject: Subject, endpoints: &str) -> Subject {
    subject.with_bad_endpoints(endpoints.split_whitespace().map(endpoint))
}

/// TCP. Neither end says anything that is not its user's.
pub(super) fn tcp(subject: Subject) -> Subject {
    let bad = "tcp://nowhere tcp://:80 tcp://127.0.0.1:65536 tcp://::1:80 tcp://127.0.0.1:1?backlog=0";
    let subject = refusing(subject, bad).with_raw_dialer("", stream);
    // Elsewhere a full queue refuses, or holds more than it was told to.
    if cfg!(target_os = "linux") { subject.with_black_hole(full_queue) } else { subject }
}

/// A connection to where `endpoint` is.
async fn stream(endpoint: Endpoint) -> io::Result<TcpStream> {
    TcpStream::connect(endpoint.address()).await
}

/// A listener whose queue is full: Linux drops the first packet of every further dial.
async fn full_queue() -> io::Result<BlackHole> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(1)?;
    let at = listener.local_addr()?;
    // Linux lets one more in than it was told to.
    let queued = [TcpStream::connect(at).await?, TcpStream::connect(at).await?];
    let endpoint = endpoint(&format!("tcp://{at}?connect_timeout=200ms"));
    Ok(BlackHole { endpoint, guard: Box::new((listener, queued)) })
}

/// How a ClientHello begins: a record of a handshake, of 512 bytes, in the version that all clients name there.
const CLIENT_HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3];

/// TLS over TCP.
pub(super) fn tls(subject: Subject) -> Subject {
    let bad = "tls://127.0.0.1 tls://127.0.0.1:65536 tls://:1 tls://127.0.0.1:1?pin=sha256-0 \
               tls://127.0.0.1:1?ca=relative.pem tls://127.0.0.1:1?handshakes=0 tls+magic://127.0.0.1:1";
    let subject = refusing(subject, bad).with_raw_dialer(CLIENT_HELLO, stream);
    if cfg!(target_os = "linux") { subject.with_black_hole(no_handshake) } else { subject }
}

/// The fingerprint of no certificate.
const NOBODYS_PIN: &str = "sha256-0000000000000000000000000000000000000000000000000000000000000000";

/// A black hole of TCP: no handshake ever begins there.
async fn no_handshake() -> io::Result<BlackHole> {
    let BlackHole { endpoint: below, guard } = full_queue().await?;
    let endpoint = endpoint("tls://127.0.0.1:1").with_address(below.address().to_owned());
    let endpoint = endpoint.with_option("connect_timeout", "200ms").with_option("pin", NOBODYS_PIN);
    Ok(BlackHole { endpoint, guard })
}

/// Active/standby lists, over TCP.
pub(super) fn ha(subject: Subject) -> Subject {
    let bad = "ha: ha://127.0.0.1:1 ha:tcp://127.0.0.1:1,tcp://127.0.0.1:1 ha:pigeon://roof \
               ha:fail_back=sometimes,tcp://127.0.0.1:1 ha:tcp://127.0.0.1:1,tcp://nowhere";
    // What listens at a list listens at each of its members.
    let subject = refusing(subject, bad).with_raw_dialer("", |list: Endpoint| async move {
        let members = list.members().map_err(io::Error::other)?;
        stream(members.into_iter().next().ok_or(io::ErrorKind::InvalidInput)?).await
    });
    if cfg!(target_os = "linux") { subject.with_black_hole(list_of_a_black_hole) } else { subject }
}

/// A list whose only member swallows dials.
async fn list_of_a_black_hole() -> io::Result<BlackHole> {
    let BlackHole { endpoint: member, guard } = full_queue().await?;
    let list = Endpoint::list("ha", [&member]).map_err(io::Error::other)?;
    Ok(BlackHole { endpoint: list.with_option("attempt_timeout", "100ms"), guard })
}

/// How a dialer's first packet begins: a long header of version 1, and the ids of a connection that is to be.
const INITIAL: &[u8] = &[0xC3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x9E];

/// QUIC.
pub(super) fn quic(subject: Subject) -> Subject {
    let bad = "quic://127.0.0.1 quic://127.0.0.1:65536 quic://:1 quic://127.0.0.1:1?pin=sha256-0 \
               quic://127.0.0.1:1?alpn=none quic://127.0.0.1:1?streams=0 quic+magic://127.0.0.1:1";
    refusing(subject, bad).with_black_hole(silent_and_pinned).with_raw_dialer(INITIAL, datagrams)
}

async fn silent_and_pinned() -> io::Result<BlackHole> {
    let BlackHole { endpoint, guard } = silent_socket("quic").await?;
    Ok(BlackHole { endpoint: endpoint.with_option("pin", NOBODYS_PIN), guard })
}

/// How a dialer's first packet begins: two ports, no tag yet, a checksum, and the head of an INIT.
const INIT: &[u8] = &[0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 1, 2, 3, 4, 1, 0, 0, 20];

/// SCTP over UDP.
pub(super) fn sctp(subject: Subject) -> Subject {
    let bad = "sctp://127.0.0.1 sctp://127.0.0.1:65536 sctp://:1 sctp://127.0.0.1:1?lanes=0 \
               sctp://127.0.0.1:1?mtu=100B sctp://127.0.0.1:1?sctp_port=70000";
    refusing(subject, bad).with_black_hole(|| silent_socket("sctp")).with_raw_dialer(INIT, datagrams)
}

/// A black hole for transports over UDP: a socket whose owner does not read it.
async fn silent_socket(scheme: &str) -> io::Result<BlackHole> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let endpoint = endpoint(&format!("{scheme}://{}?connect_timeout=200ms", socket.local_addr()?));
    Ok(BlackHole { endpoint, guard: Box::new(socket) })
}

/// A peer of transports over UDP that is none: what it says are datagrams.
async fn datagrams(endpoint: Endpoint) -> io::Result<Datagrams> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(endpoint.address()).await?;
    Ok(Datagrams(socket))
}

struct Datagrams(UdpSocket);

impl RawPeer for Datagrams {
    fn say(&mut self, bytes: Bytes) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move { self.0.send(&bytes).await.map(drop) })
    }
}

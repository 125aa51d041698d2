//! Handshakes: from a TCP connection to a session, or the reason why not.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use listenrain::ChannelFacts;
use rustls::pki_types::ServerName;
use rustls::{Connection, ServerConfig};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::SCHEME;
use crate::certificates::{ClientSide, Fingerprint, HandshakeError, pinned};
use crate::tcp::address;

/// What one side demands of its handshakes.
pub(super) struct Terms {
    /// What both must speak, where it matters.
    pub(super) alpn: Option<String>,
    pub(super) limit: Duration,
}

/// A session that both sides agreed on.
pub(super) struct Agreed {
    pub(super) socket: TcpStream,
    pub(super) tls: Connection,
    pub(super) facts: ChannelFacts,
}

/// How long a refused peer may take to read why, and most bytes that it may still send meanwhile.
const PARTING: Duration = Duration::from_secs(1);
const PARTING_BYTES: usize = 64 * 1024;

impl Terms {
    /// The dialling side's.
    pub(super) async fn dial(
        &self,
        side: &ClientSide,
        name: ServerName<'static>,
        socket: TcpStream,
    ) -> io::Result<Agreed> {
        let (config, showing) = side.one();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, socket);
        let (socket, tls) = self.by(Instant::now() + self.limit, connecting).await?.into_inner();
        self.agree(socket, tls.into(), showing.shown())
    }

    /// The listening side's, to be done by `deadline`. A peer that is refused is told so before its connection is closed.
    pub(super) async fn accept(
        &self,
        config: Arc<ServerConfig>,
        shown: Fingerprint,
        socket: TcpStream,
        deadline: Instant,
    ) -> io::Result<Agreed> {
        let accepting = TlsAcceptor::from(config).accept(socket).into_fallible();
        let accepted = async { Ok(accepting.await) };
        match self.by(deadline, accepted).await? {
            Ok(stream) => {
                let (socket, tls) = stream.into_inner();
                self.agree(socket, tls.into(), Some(shown))
            }
            Err((error, socket)) => {
                part(socket).await;
                Err(self.meant(error))
            }
        }
    }

    /// What comes of a part of a handshake by `deadline`, which is `limit` from the handshake's beginning.
    pub(super) async fn by<T>(
        &self,
        deadline: Instant,
        part: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        match timeout_at(deadline, part).await {
            Ok(done) => done.map_err(|error| self.meant(error)),
            Err(_) => Err(HandshakeError::TimedOut { limit: self.limit }.into()),
        }
    }

    /// The typed error for what was the session's own failure.
    fn meant(&self, error: io::Error) -> io::Error {
        let alpn = self.alpn.as_deref().unwrap_or_default();
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(tls) => HandshakeError::of(tls, alpn).into(),
            None => error,
        }
    }

    /// A peer that names no application protocol is let through by TLS, not by this side.
    fn agree(&self, socket: TcpStream, tls: Connection, shown: Option<Fingerprint>) -> io::Result<Agreed> {
        if let Some(wanted) = &self.alpn
            && tls.alpn_protocol() != Some(wanted.as_bytes())
        {
            return Err(HandshakeError::Protocol { wanted: wanted.clone() }.into());
        }
        let certificates = tls.peer_certificates().unwrap_or_default();
        let their = certificates.first().map(|certificate| Fingerprint::of(certificate));
        let local = pinned(address::endpoint(SCHEME, socket.local_addr()?), shown);
        let peer = pinned(address::endpoint(SCHEME, socket.peer_addr()?), their);
        let mut facts = ChannelFacts::new(SCHEME).between(Some(local), Some(peer));
        facts.certificates = certificates.iter().map(|certificate| certificate.to_vec()).collect();
        Ok(Agreed { socket, tls, facts })
    }
}

/// Lets the peer read the alert that says why: a reset would overtake it, and so would closing with bytes left unread.
async fn part(socket: TcpStream) {
    let socket_ref = SockRef::from(&socket);
    if socket_ref.set_linger(None).is_err() || socket_ref.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let drained = async {
        let (mut space, mut left) = ([0; 1024], PARTING_BYTES);
        while left > 0 && socket.readable().await.is_ok() {
            match socket.try_read(&mut space) {
                Ok(0) => break,
                Ok(count) => left = left.saturating_sub(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    };
    let _ = timeout(PARTING, drained).await;
}

//! QUIC of another make: quinn by itself, which knows nothing of this crate.

use std::net::SocketAddr;
use std::sync::Arc;

use listenrain::{ChannelGenerator, Transport};
use listenrain_transports::Quic;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};

use crate::support::certificates::{Authority, Leaf};

/// Clients that believe one listener.
pub(crate) struct Foreign {
    config: quinn::ClientConfig,
    at: SocketAddr,
}

impl Foreign {
    /// A listener of `quic`, and clients for it.
    pub(crate) async fn listen(quic: Quic) -> (Box<dyn ChannelGenerator>, Self) {
        let authority = Authority::new();
        let quic = quic.with_identity(authority.sign_local().identity);
        let listener = quic.listen(&"quic://127.0.0.1:0".parse().unwrap()).await.unwrap();
        let config = quinn::ClientConfig::new(Arc::new(
            QuicClientConfig::try_from(authority.client_config()).unwrap(),
        ));
        let at = listener.endpoint().address().parse().unwrap();
        (listener, Self { config, at })
    }

    /// A connection to the listener, from `host` of the loopback network.
    pub(crate) async fn connect_from(&self, host: u8) -> (quinn::Endpoint, quinn::Connection) {
        let client = quinn::Endpoint::client(([127, 0, 0, host], 0).into()).unwrap();
        let connecting = client.connect_with(self.config.clone(), self.at, "localhost").unwrap();
        (client, connecting.await.unwrap())
    }

    /// The first datagram of a connection to the listener.
    pub(crate) async fn first_datagram(&self) -> Vec<u8> {
        let taken = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let to = taken.local_addr().unwrap();
        let _connecting = client.connect_with(self.config.clone(), to, "localhost").unwrap();
        let mut datagram = vec![0; 2000];
        let count = taken.recv(&mut datagram).await.unwrap();
        datagram.truncate(count);
        datagram
    }
}

/// A listener of `quic` and a connection to it.
pub(crate) async fn with_foreign_client(
    quic: Quic,
) -> (Box<dyn ChannelGenerator>, quinn::Endpoint, quinn::Connection) {
    let (listener, foreign) = Foreign::listen(quic).await;
    let (client, connection) = foreign.connect_from(1).await;
    (listener, client, connection)
}

/// A server.
pub(crate) fn foreign_server(leaf: &Leaf) -> quinn::Endpoint {
    let tls = QuicServerConfig::try_from(leaf.server_config(&["listenrain"])).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap()
}

/// The first connection to `server` and its first stream, greeted.
pub(crate) async fn greet(
    server: &quinn::Endpoint,
) -> (quinn::Connection, quinn::SendStream, quinn::RecvStream) {
    let connection = server.accept().await.unwrap().await.unwrap();
    let (mut send, mut recv) = connection.accept_bi().await.unwrap();
    let mut version = [0];
    recv.read_exact(&mut version).await.unwrap();
    send.write_all(&version).await.unwrap();
    (connection, send, recv)
}

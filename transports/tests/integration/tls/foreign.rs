//! TLS by a library that knows nothing of this crate, on either side.

use listenrain_transports::Tls;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server};

use crate::support::certificates::*;
use crate::support::*;

/// A plain TLS server that knows nothing of this crate, with the authority that its dialers believe.
pub(crate) struct Foreign {
    pub(crate) authority: Authority,
    pub(crate) listener: TcpListener,
    pub(crate) acceptor: TlsAcceptor,
}

impl Foreign {
    pub(crate) async fn new(alpn: &[&str]) -> Self {
        let authority = Authority::new();
        let leaf = authority.sign_local();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { authority, listener, acceptor: TlsAcceptor::from(Arc::new(leaf.server_config(alpn))) }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        let at = self.listener.local_addr().unwrap();
        with_path(Endpoint::new("tls", &at.to_string()).unwrap(), "ca", &self.authority.ca())
    }

    pub(crate) async fn accept(&self) -> server::TlsStream<TcpStream> {
        self.acceptor.accept(self.listener.accept().await.unwrap().0).await.unwrap()
    }

    /// A channel dialled by this crate, and the stream that this server has of it.
    pub(crate) async fn linked(&self) -> (Channel, server::TlsStream<TcpStream>) {
        let mut dialer = Tls::default().dialer(&self.endpoint()).unwrap();
        let (near, far) = watched(async { tokio::join!(dialer.next(), self.accept()) }).await;
        (near.unwrap(), far)
    }
}

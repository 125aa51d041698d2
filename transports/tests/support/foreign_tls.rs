//! TLS by a library that knows nothing of this crate, on either side.

use std::sync::Arc;

use listenrain::{Channel, Endpoint, Transport};
use listenrain_transports::Tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server};

use super::certificates::*;
use super::support::*;

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
        let key = rcgen::KeyPair::from_pem(&std::fs::read_to_string(&leaf.key).unwrap()).unwrap();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                leaf.identity.chain().to_vec(),
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { authority, listener, acceptor: TlsAcceptor::from(Arc::new(config)) }
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

impl Authority {
    /// How a client speaks that knows nothing of this crate and believes this authority.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let ca = std::fs::read(self.ca()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"listenrain".to_vec()];
        config
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

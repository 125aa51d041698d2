//! Certificates made when they are needed: an authority, and what it signs, rightly or wrongly.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use listenrain::{Endpoint, NextError};
use listenrain_transports::certificates::{HandshakeError, Identity, Trust};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ED25519,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tempfile::TempDir;

/// Valid around now for whoever has a right clock.
pub(crate) const VALID: (i32, i32) = (2020, 2120);

/// An authority with a directory of its own for the files of its certificates.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate that an authority signed.
pub(crate) struct Leaf {
    pub(crate) identity: Identity,
    /// The PEM files of its chain and its key.
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let (mut params, key) = (params(&[], VALID), key());
        // Two of the same name would be taken for each other, and only their signatures be found wrong.
        params.distinguished_name.push(DnType::CommonName, format!("authority {:x?}", key.public_key_raw()));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, directory }
    }

    /// The PEM file of its own certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::authorities_from_pem(self.issuer.pem().as_bytes()).unwrap()
    }

    /// A certificate for `names`, valid from the first of these years to the second.
    pub(crate) fn sign(&self, names: &[&str], years: (i32, i32)) -> Leaf {
        let key = key();
        let certificate = params(names, years).signed_by(&key, &self.issuer).unwrap();
        let identity = Identity::new(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
        let path = |kind: &str| self.directory.path().join(format!("{}.{kind}", identity.fingerprint()));
        let (cert_path, key_path) = (path("pem"), path("key"));
        fs::write(&cert_path, certificate.pem()).unwrap();
        fs::write(&key_path, key.serialize_pem()).unwrap();
        Leaf { identity, cert: cert_path, key: key_path }
    }

    /// A good one for this host.
    pub(crate) fn sign_local(&self) -> Leaf {
        self.sign(&["localhost", "127.0.0.1", "::1"], VALID)
    }
}

/// Of TLS by itself, for clients and servers that know nothing of this crate.
impl Authority {
    /// How a client speaks that believes this authority.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.ca()).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"listenrain".to_vec()];
        config
    }
}

impl Leaf {
    /// How a server speaks that shows this certificate.
    pub(crate) fn server_config(&self, alpn: &[&str]) -> ServerConfig {
        let chain = vec![CertificateDer::from_pem_file(&self.cert).unwrap()];
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(&self.key).unwrap())
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

fn params(names: &[&str], (from, to): (i32, i32)) -> CertificateParams {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(to, 1, 1);
    params
}

/// `endpoint` with an option that is a path.
pub(crate) fn with_path(endpoint: Endpoint, name: &str, path: &std::path::Path) -> Endpoint {
    endpoint.with_option(name, path.to_str().unwrap())
}

/// The typed reason of a dial that failed its handshake.
pub(crate) fn reason(error: &NextError) -> &HandshakeError {
    HandshakeError::behind(error).unwrap_or_else(|| panic!("no handshake failed: {error:?}"))
}

/// A clock that stands where it is put.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    /// The start of `year`, nearly.
    pub(crate) fn at(year: i64) -> Self {
        let clock = Self(Arc::default());
        clock.put(year);
        clock
    }

    pub(crate) fn put(&self, year: i64) {
        self.0.store((year - 1970) * 31_556_952 + 86_400, Ordering::Relaxed);
    }

    pub(crate) fn shared(&self) -> Arc<dyn TimeProvider> {
        Arc::new(self.clone())
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = self.0.load(Ordering::Relaxed).unsigned_abs();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

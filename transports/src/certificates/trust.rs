//! Trust: what a peer's certificate is verified against.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::pinned::Pinned;
use super::{CertificateError, Fingerprint, provider};

/// What a peer's certificate must be. There is no third choice: an unknown peer is not trusted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Trust {
    /// It was signed by one of these, is valid now, and a listener's is made out to the name that was dialled.
    Authorities(Arc<RootCertStore>),
    /// It is this very one, whatever its issuer, its name and its dates say. That the peer holds its key is still
    /// checked.
    Pinned(Fingerprint),
}

impl Trust {
    /// The authorities of a PEM text, at least one.
    ///
    /// # Errors
    ///
    /// When it is no PEM, holds no certificate, or one that is none of an authority.
    pub fn authorities_from_pem(text: &[u8]) -> Result<Self, CertificateError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate = certificate.map_err(|error| CertificateError::pem("certificate", error))?;
            roots.add(certificate).map_err(|error| CertificateError::Unusable {
                what: "certificate of an authority",
                source: error,
            })?;
        }
        if roots.is_empty() {
            return Err(CertificateError::Missing { what: "certificate" });
        }
        Ok(Self::Authorities(Arc::new(roots)))
    }

    pub(super) fn server_verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, CertificateError> {
        Ok(match self {
            Self::Authorities(roots) => {
                WebPkiServerVerifier::builder_with_provider(roots.clone(), provider())
                    .build()
                    .map_err(|_| CertificateError::Missing { what: "certificate of an authority" })?
            }
            Self::Pinned(pin) => Arc::new(Pinned::new(*pin)),
        })
    }

    pub(super) fn client_verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
        Ok(match self {
            Self::Authorities(roots) => {
                WebPkiClientVerifier::builder_with_provider(roots.clone(), provider())
                    .build()
                    .map_err(|_| CertificateError::Missing { what: "certificate of an authority" })?
            }
            Self::Pinned(pin) => Arc::new(Pinned::new(*pin)),
        })
    }
}

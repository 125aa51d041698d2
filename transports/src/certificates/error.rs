//! Errors of certificates and of handshakes.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError as Fault};

use super::NotPinned;
use crate::options::value::show_duration;

/// What is wrong with certificates or keys that this side was given.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Its path, as given.
        path: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A file is larger than certificates are.
    #[error("{path} has more than {limit} bytes, which is more than certificates and keys take")]
    TooLarge {
        /// Its path, as given.
        path: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A text is no PEM.
    #[error("what should hold a {what} is no PEM: {why}")]
    Pem {
        /// What was looked for.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// There is none.
    #[error("there is no {what}")]
    Missing {
        /// What was looked for.
        what: &'static str,
    },
    /// It is none that can be used.
    #[error("the {what} cannot be used")]
    Unusable {
        /// What was given.
        what: &'static str,
        /// Why not.
        source: rustls::Error,
    },
    /// A throw-away certificate cannot be made.
    #[error("cannot make a certificate")]
    Made {
        /// Why not.
        source: Arc<rcgen::Error>,
    },
    /// A renewed certificate is not the one that the listener's endpoint pins.
    #[error(transparent)]
    NotPinned(#[from] NotPinned),
    /// In a file.
    #[error("in {path}")]
    In {
        /// Its path, as given.
        path: String,
        /// What is wrong there.
        source: Box<Self>,
    },
}

impl CertificateError {
    pub(super) fn pem(what: &'static str, error: rustls::pki_types::pem::Error) -> Self {
        use rustls::pki_types::pem::Error;
        match error {
            Error::NoItemsFound => Self::Missing { what },
            error => Self::Pem { what, why: error.to_string() },
        }
    }

    pub(super) fn within(self, path: &str) -> Self {
        Self::In { path: path.to_owned(), source: Box::new(self) }
    }

    pub(super) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::File { source, .. } => source.kind(),
            Self::In { source, .. } => source.kind(),
            Self::Made { .. } => io::ErrorKind::Other,
            Self::NotPinned(_) => io::ErrorKind::PermissionDenied,
            Self::TooLarge { .. } | Self::Pem { .. } | Self::Missing { .. } | Self::Unusable { .. } => {
                io::ErrorKind::InvalidData
            }
        }
    }
}

/// Why two sides did not agree to talk to each other.
///
/// [`behind`](Self::behind) finds it below the [`NextError`](listenrain::NextError) of a dial, whose kind says the same in
/// short.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer's certificate is no longer valid, by this side's clock.
    #[error("the peer's certificate has expired")]
    Expired,
    /// The peer's certificate is not valid yet, by this side's clock.
    #[error("the peer's certificate is not valid yet")]
    NotValidYet,
    /// The peer's certificate is made out to another name.
    #[error("the peer's certificate is not for this name: {why}")]
    WrongName {
        /// The name that was wanted, and those that there are.
        why: String,
    },
    /// None of the authorities that this side trusts has signed the peer's certificate.
    #[error("the peer's certificate is not signed by a trusted authority")]
    UnknownIssuer,
    /// The peer's certificate is not the pinned one.
    #[error(transparent)]
    NotPinned(NotPinned),
    /// Something else is wrong with the peer's certificate.
    #[error("the peer's certificate is not accepted")]
    Certificate {
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// The peer did not believe this side, or wants something that it does not have, such as a certificate.
    #[error("the peer refused this side: {0:?}")]
    Refused(AlertDescription),
    /// The two sides have no application protocol in common.
    #[error("the peer does not speak `{wanted}`; see the option `alpn`")]
    Protocol {
        /// What this side wants to speak.
        wanted: String,
    },
    /// The peer does not follow the protocol, or not this version of it.
    #[error("the handshake failed")]
    Tls {
        /// What went wrong.
        #[source]
        source: rustls::Error,
    },
    /// It was not done in time.
    #[error("no handshake within {} (handshake_timeout)", show_duration(*.limit))]
    TimedOut {
        /// How long it may take.
        limit: Duration,
    },
}

impl HandshakeError {
    /// What `error` means to a side that wants to speak `alpn`.
    pub(crate) fn of(error: &rustls::Error, alpn: &str) -> Self {
        use rustls::Error as Tls;
        match error {
            Tls::InvalidCertificate(fault) => {
                Self::of_certificate(fault).unwrap_or_else(|| Self::Certificate { source: error.clone() })
            }
            Tls::NoApplicationProtocol | Tls::AlertReceived(AlertDescription::NoApplicationProtocol) => {
                Self::Protocol { wanted: alpn.to_owned() }
            }
            Tls::AlertReceived(alert) => Self::Refused(*alert),
            error => Self::Tls { source: error.clone() },
        }
    }

    fn of_certificate(fault: &Fault) -> Option<Self> {
        Some(match fault {
            Fault::Expired | Fault::ExpiredContext { .. } => Self::Expired,
            Fault::NotValidYet | Fault::NotValidYetContext { .. } => Self::NotValidYet,
            Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
                Self::WrongName { why: fault.to_string() }
            }
            Fault::UnknownIssuer => Self::UnknownIssuer,
            Fault::Other(other) => Self::NotPinned(*other.0.downcast_ref()?),
            _ => return None,
        })
    }

    /// The one that is behind `error`, if one is.
    #[must_use]
    pub fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            // What is inside an io::Error or an Arc is the error itself, not its source.
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let shared = error.downcast_ref::<Arc<dyn Error + Send + Sync>>();
            next = match (inner, shared) {
                (Some(inner), _) => Some(inner),
                (None, Some(shared)) => Some(&**shared),
                (None, None) => error.source(),
            };
        }
        None
    }

    /// What kind of failure it is, as the operating system names them.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Expired
            | Self::NotValidYet
            | Self::WrongName { .. }
            | Self::UnknownIssuer
            | Self::NotPinned(_)
            | Self::Certificate { .. }
            | Self::Tls { .. } => io::ErrorKind::InvalidData,
            Self::Refused(_) => io::ErrorKind::PermissionDenied,
            Self::Protocol { .. } => io::ErrorKind::Unsupported,
            Self::TimedOut { .. } => io::ErrorKind::TimedOut,
        }
    }
}

impl From<HandshakeError> for io::Error {
    fn from(error: HandshakeError) -> Self {
        Self::new(error.kind(), error)
    }
}

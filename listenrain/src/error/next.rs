//! `NextError`: why a generator has no next channel.

use std::error::Error;
use std::io;
use std::sync::Arc;

use crate::endpoint::{Endpoint, EndpointError};

/// Why there is no next channel.
///
/// It can be cloned, since one failed dial is told to everyone who waited for it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{doing} {endpoint}: {kind}")]
#[non_exhaustive]
pub struct NextError {
    /// What was tried: `dial`, `listen` or `accept`.
    pub doing: &'static str,
    /// For which endpoint.
    pub endpoint: String,
    /// What kind of failure, as the operating system names it.
    pub kind: io::ErrorKind,
    /// Whether asking again is pointless.
    pub is_final: bool,
    /// What the transport said.
    #[source]
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

impl NextError {
    /// An error that may pass: asking again later can help.
    pub fn passing(doing: &'static str, endpoint: &Endpoint, source: io::Error) -> Self {
        let (endpoint, kind) = (endpoint.to_string(), source.kind());
        Self { doing, endpoint, kind, is_final: false, source: Some(Arc::new(source)) }
    }

    /// An error that will not pass: the generator is over.
    pub fn lasting(doing: &'static str, endpoint: &Endpoint, source: io::Error) -> Self {
        Self { is_final: true, ..Self::passing(doing, endpoint, source) }
    }

    /// As [`lasting`](Self::lasting), for an endpoint that the transport does not understand.
    #[must_use]
    pub fn invalid(doing: &'static str, error: EndpointError) -> Self {
        Self {
            doing,
            endpoint: error.endpoint.clone(),
            kind: io::ErrorKind::InvalidInput,
            is_final: true,
            source: Some(Arc::new(error)),
        }
    }
}

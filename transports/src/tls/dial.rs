//! Dialing: a TCP dial, then a handshake, each within its own limit.
//!
//! Options that do not go together are a final error; everything else may pass, so that asking again can
//! help. Files are read at each dial. Dropping a dial closes its socket at once.

use listenrain::{Channel, EndpointError, NextError};

use super::handshake::Terms;
use super::{TlsOptions, channel};
use crate::accept_limiter::Closures;
use crate::certificates::{Credentials, server_name};
use crate::tcp;

/// What is dialled or listened at, and how.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) tcp: tcp::dial::Target,
    pub(super) options: TlsOptions,
    pub(super) credentials: Credentials,
    pub(super) closures: Closures,
}

impl Target {
    pub(super) fn dialer(self) -> Result<Self, EndpointError> {
        Ok(self)
    }

    /// What this side demands of its handshakes.
    pub(super) fn terms(&self) -> Terms {
        let alpn = self.options.certificates.protocol().map(str::to_owned);
        Terms { alpn, limit: self.options.handshake_timeout }
    }

    pub(super) async fn dial(self) -> Result<Channel, NextError> {
        let (certificates, endpoint) = (&self.options.certificates, &self.tcp.endpoint);
        let name = server_name(endpoint, certificates, &self.tcp.address.host())?;
        let side = self.credentials.client(endpoint, certificates).await?;
        let socket = self.tcp.connect().await?;
        let agreed = self.terms().dial(&side, name, socket).await;
        agreed.map(channel).map_err(|error| NextError::passing("dial", endpoint, error))
    }
}

//! Dialing: a TCP dial, then a handshake, each within its own limit.
//!
//! Options that do not go together are a final error; everything else may be mended by somebody, so that asking again can
//! help. Files are read at each dial. Dropping a dial closes its socket at once.

use std::sync::Arc;

use listenrain::{Channel, Endpoint, NextError};

use super::handshake::Terms;
use super::{TlsOptions, channel};
use crate::certificates::{Credentials, server_name};
use crate::tcp::address::Address;
use crate::tcp::{self, Resolve};

/// Dials one endpoint, once for each channel.
#[derive(Clone)]
pub(super) struct Dialer {
    endpoint: Endpoint,
    host: String,
    tcp: tcp::dial::Dialer,
    options: TlsOptions,
    credentials: Credentials,
}

impl Dialer {
    pub(super) fn new(
        endpoint: Endpoint,
        address: Address,
        options: TlsOptions,
        credentials: Credentials,
        resolver: Arc<dyn Resolve>,
    ) -> Self {
        let host = address.host();
        let tcp = tcp::dial::Dialer::new(endpoint.clone(), address, options.tcp.clone(), resolver);
        Self { endpoint, host, tcp, options, credentials }
    }

    pub(super) async fn dial(self) -> Result<Channel, NextError> {
        let certificates = &self.options.certificates;
        let name = server_name(&self.endpoint, certificates, &self.host)?;
        let side = self.credentials.client(&self.endpoint, certificates).await?;
        let terms =
            Terms { alpn: certificates.protocol().map(str::to_owned), limit: self.options.handshake_timeout };
        let socket = self.tcp.connect().await?;
        let agreed = terms.dial(&side, name, socket).await;
        agreed.map(channel).map_err(|error| NextError::passing("dial", &self.endpoint, error))
    }
}

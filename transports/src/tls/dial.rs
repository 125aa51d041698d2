//! Dialing: a TCP dial, then a handshake, each within its own limit.
//!
//! Options that do not go together are a final error; everything else may pass, so that asking again can
//! help. Files are read at each dial. Dropping a dial closes its socket at once.

use listenrain::{Channel, NextError};

use super::handshake::Terms;
use super::{TlsOptions, channel};
use crate::certificates::{Credentials, server_name};
use crate::tcp;

/// Dials one endpoint, once for each channel.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) tcp: tcp::dial::Dialer,
    pub(super) options: TlsOptions,
    pub(super) credentials: Credentials,
}

impl Dialer {
    pub(super) async fn dial(self) -> Result<Channel, NextError> {
        let (certificates, endpoint) = (&self.options.certificates, &self.tcp.endpoint);
        let name = server_name(endpoint, certificates, &self.tcp.address.host())?;
        let side = self.credentials.client(endpoint, certificates).await?;
        let terms =
            Terms { alpn: certificates.protocol().map(str::to_owned), limit: self.options.handshake_timeout };
        let socket = self.tcp.connect().await?;
        let agreed = terms.dial(&side, name, socket).await;
        agreed.map(channel).map_err(|error| NextError::passing("dial", endpoint, error))
    }
}

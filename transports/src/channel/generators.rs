//! Dialer and listener of in-process channels.

use std::future::poll_fn;
use std::sync::Arc;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};

use super::ChannelOptions;
use super::name::{Name, Names};

/// Dials one name, once for each channel; a dial never waits.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) names: Arc<Names>,
    pub(super) endpoint: Endpoint,
    pub(super) options: ChannelOptions,
}

impl Dialer {
    pub(super) async fn dial(self) -> Result<Channel, NextError> {
        let name = self.names.named(self.endpoint.address());
        let dialled = name.dial(&self.endpoint, self.names.number(), &self.options);
        dialled.map_err(|error| NextError::passing("dial", &self.endpoint, error))
    }
}

/// Holds one name and accepts what dials it.
pub(super) struct Listener {
    name: Arc<Name>,
    endpoint: Endpoint,
}

impl Listener {
    pub(super) fn bind(
        names: &Names,
        endpoint: Endpoint,
        options: ChannelOptions,
    ) -> Result<Self, NextError> {
        let name = names.named(endpoint.address());
        name.listen(endpoint.clone(), options)
            .map_err(|error| NextError::passing("listen", &endpoint, error))?;
        Ok(Self { name, endpoint })
    }
}

impl ChannelGenerator for Listener {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async move { Ok(poll_fn(|cx| self.name.poll_accept(cx)).await) })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.name.unlisten();
    }
}

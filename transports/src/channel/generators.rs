//! Dialer and listener of in-process channels.

use std::future::poll_fn;
use std::sync::Arc;

use listenrain::{Channel, Endpoint, EndpointError, NextError};

use super::ChannelOptions;
use super::name::{Name, Names};

/// What is dialled or listened at, and how.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) names: Arc<Names>,
    pub(super) endpoint: Endpoint,
    pub(super) options: ChannelOptions,
}

impl Target {
    pub(super) fn dialer(self) -> Result<Self, EndpointError> {
        if self.endpoint.address().is_empty() {
            return Err(self.endpoint.invalid("has no name; only a listener may leave it to be chosen"));
        }
        Ok(self)
    }

    /// A dial never waits.
    pub(super) async fn dial(self) -> Result<Channel, NextError> {
        let name = self.names.named(self.endpoint.address());
        let dialled = name.dial(&self.endpoint, self.names.number(), &self.options);
        dialled.map_err(|error| NextError::passing("dial", &self.endpoint, error))
    }
}

/// Holds one name and accepts what dials it.
pub(super) struct Listener {
    name: Arc<Name>,
    pub(super) endpoint: Endpoint,
}

impl Listener {
    pub(super) async fn bind(target: Target) -> Result<Self, NextError> {
        let Target { names, endpoint: asked, options } = target;
        loop {
            let is_chosen = asked.address().is_empty();
            let endpoint = if is_chosen { asked.clone().with_address(names.fresh()) } else { asked.clone() };
            let name = names.named(endpoint.address());
            match name.listen(endpoint.clone(), options.clone()) {
                Ok(()) => return Ok(Self { name, endpoint }),
                // A caller may have chosen that very name by hand.
                Err(_) if is_chosen => {}
                Err(error) => return Err(NextError::passing("listen", &endpoint, error)),
            }
        }
    }

    pub(super) async fn accept(&mut self) -> Result<Channel, NextError> {
        Ok(poll_fn(|cx| self.name.poll_accept(cx)).await)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.name.unlisten();
    }
}

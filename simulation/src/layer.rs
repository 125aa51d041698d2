//! What may stand between a transport and whoever uses it.
//!
//! A [`Layer`] changes channels and generators on their way through; [`Layered`] is the transport with the layer on
//! top, itself a transport. Legal layers are [hardships](crate::hardship); illegal ones are the conformance kit's
//! negative controls. Nothing here knows of either.

use std::fmt;
use std::sync::Arc;

use listenrain::transport::OptionInfo;
use listenrain::{
    BoxFuture, Capabilities, Channel, ChannelGenerator, ChannelRead, ChannelWrite, Endpoint, EndpointError,
    NextError, Transport,
};

/// Which end of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The end that dialled.
    Dialer,
    /// The end that was accepted.
    Listener,
}

/// Something between a transport and its user. By default every method lets everything through unchanged.
///
/// A layer must forward what it does not change: [`map_halves`] keeps a channel's facts and its `superseded`, and a
/// wrapped write half forwards [`flatten_below`](ChannelWrite::flatten_below) and [`abort`](ChannelWrite::abort).
pub trait Layer: Send + Sync + fmt::Debug + 'static {
    /// The channel as the user at `side` shall have it.
    fn channel(&self, side: Side, channel: Channel) -> Channel {
        let _ = side;
        channel
    }

    /// The next channel of a generator below, before [`channel`](Self::channel) sees it.
    fn next<'a>(
        &'a self,
        side: Side,
        below: &'a mut dyn ChannelGenerator,
    ) -> BoxFuture<'a, Result<Channel, NextError>> {
        let _ = side;
        below.next()
    }

    /// A dialer of the transport below.
    ///
    /// # Errors
    ///
    /// As [`Transport::dialer`].
    fn dialer(
        &self,
        below: &dyn Transport,
        endpoint: &Endpoint,
    ) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        below.dialer(endpoint)
    }

    /// A listener of the transport below.
    ///
    /// # Errors
    ///
    /// As [`Transport::listen`].
    fn listen<'a>(
        &'a self,
        below: &'a dyn Transport,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        below.listen(endpoint)
    }
}

/// A transport with a layer on top. Scheme, capabilities, options and endpoints are those of the transport.
#[derive(Debug, Clone)]
pub struct Layered {
    below: Arc<dyn Transport>,
    layer: Arc<dyn Layer>,
}

impl Layered {
    /// `layer` on top of `below`.
    #[must_use]
    pub fn new(below: Arc<dyn Transport>, layer: Arc<dyn Layer>) -> Self {
        Self { below, layer }
    }
}

impl Transport for Layered {
    fn scheme(&self) -> &str {
        self.below.scheme()
    }

    fn capabilities(&self) -> Capabilities {
        self.below.capabilities()
    }

    fn options(&self) -> Vec<OptionInfo> {
        self.below.options()
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let below = self.layer.dialer(&*self.below, endpoint)?;
        Ok(Box::new(Generator { below, layer: self.layer.clone(), side: Side::Dialer }))
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            let below = self.layer.listen(&*self.below, endpoint).await?;
            Ok(Box::new(Generator { below, layer: self.layer.clone(), side: Side::Listener }) as _)
        })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        self.below.scratch_endpoint()
    }
}

struct Generator {
    below: Box<dyn ChannelGenerator>,
    layer: Arc<dyn Layer>,
    side: Side,
}

impl ChannelGenerator for Generator {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            let channel = self.layer.next(self.side, &mut *self.below).await?;
            Ok(self.layer.channel(self.side, channel))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        self.below.endpoint()
    }
}

/// The same channel with each half replaced by what `read` and `write` make of it.
#[must_use]
pub fn map_halves(
    mut channel: Channel,
    read: impl FnOnce(Box<dyn ChannelRead>) -> Box<dyn ChannelRead>,
    write: impl FnOnce(Box<dyn ChannelWrite>) -> Box<dyn ChannelWrite>,
) -> Channel {
    channel.read = read(channel.read);
    channel.write = write(channel.write);
    channel
}

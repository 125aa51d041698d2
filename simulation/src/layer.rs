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
    NextError, Transport, TransportId,
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

/// A transport with a layer on top. Scheme, capabilities, options and endpoints are those of the transport; its id is its
/// own, which clones share: a layer may lead elsewhere.
#[derive(Debug, Clone)]
pub struct Layered {
    below: Arc<dyn Transport>,
    layer: Arc<dyn Layer>,
    id: TransportId,
}

impl Layered {
    /// `layer` on top of `below`.
    #[must_use]
    pub fn new(below: Arc<dyn Transport>, layer: Arc<dyn Layer>) -> Self {
        Self { below, layer, id: TransportId::new() }
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

    fn id(&self) -> Option<TransportId> {
        Some(self.id.clone())
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

    fn fork(&self) -> Option<Box<dyn ChannelGenerator>> {
        let (layer, side) = (self.layer.clone(), self.side);
        self.below.fork().map(|below| Box::new(Self { below, layer, side }) as _)
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

#[cfg(test)]
mod tests {
    use listenrain::ChannelFacts;
    use listenrain::transport::generator;
    use listenrain_transports::channel::pair;

    use super::*;

    /// Dials halves of channels in memory; knows no listener.
    #[derive(Debug)]
    struct Halves;

    impl Transport for Halves {
        fn scheme(&self) -> &str {
            "halves"
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::default()
        }

        fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
            Ok(generator(endpoint.clone(), || async { Ok(pair().0) }))
        }

        fn listen<'a>(
            &'a self,
            endpoint: &'a Endpoint,
        ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
            Box::pin(async { Err(NextError::passing("listen", endpoint, std::io::ErrorKind::Other.into())) })
        }

        fn scratch_endpoint(&self) -> Endpoint {
            Endpoint::new("halves", "here").unwrap()
        }
    }

    #[derive(Debug)]
    struct Marks;

    impl Layer for Marks {
        fn channel(&self, _side: Side, mut channel: Channel) -> Channel {
            channel.facts = ChannelFacts::new("marked");
            channel
        }
    }

    #[tokio::test]
    async fn a_fork_of_a_layered_dialer_is_layered_too() {
        // Broken by a layer that hides the forks of what is below it, or that they escape.
        let layered = Layered::new(Arc::new(Halves), Arc::new(Marks));
        let dialer = layered.dialer(&layered.scratch_endpoint()).unwrap();
        let mut fork = dialer.fork().unwrap().fork().unwrap();
        assert_eq!(fork.next().await.unwrap().facts.scheme, "marked");
    }

    #[test]
    fn a_layered_transport_has_an_id_of_its_own_which_its_clones_share() {
        let (one, other) = (
            Layered::new(Arc::new(Halves), Arc::new(Marks)),
            Layered::new(Arc::new(Halves), Arc::new(Marks)),
        );
        assert_eq!(one.id(), one.clone().id());
        assert_ne!(one.id(), other.id());
    }
}

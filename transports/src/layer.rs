//! Layers between a transport and its user: channels and generators that are changed on their way through.
//!
//! A [`Layer`] changes channels and generators on their way through; [`Layered`] is the transport with the layer on
//! top, itself a transport. A [`ReadFilter`] and a [`WriteFilter`] stand upon the two halves of a channel.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use listenrain::buffer::{ReadBuffer, WriteBuffer};
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
/// A layer must forward what it does not change: [`with_read`] and [`with_write`] keep a channel's facts, `superseded` and
/// `ended`, and forward [`flatten_below`](ChannelWrite::flatten_below).
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
/// own, since the layer reaches something else.
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

    fn reload(&self) {
        self.below.reload();
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
        let below = self.below.fork()?;
        Some(Box::new(Self { below, layer: self.layer.clone(), side: self.side }))
    }
}

/// A read half that looks at what passes from the half below. A closure of the same arguments is one too.
pub trait ReadFilter: Send + 'static {
    /// Reads, as [`ChannelRead::poll_read`], from the half `below`.
    fn poll_read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>>;

    /// Called when the half is dropped, before the half below is.
    fn dropped(&mut self) {}
}

impl<F> ReadFilter for F
where
    F: FnMut(&mut dyn ChannelRead, &mut Context<'_>, &mut ReadBuffer) -> Poll<io::Result<usize>>,
    F: Send + 'static,
{
    fn poll_read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        self(below, cx, into)
    }
}

/// A write half that looks at what passes to the half below. By default every method forwards.
pub trait WriteFilter: Send + 'static {
    /// Writes, as [`ChannelWrite::poll_write`], to the half `below`.
    fn poll_write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        below.poll_write(cx, from)
    }

    /// Flushes, as [`ChannelWrite::poll_flush`].
    fn poll_flush(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        below.poll_flush(cx)
    }

    /// Ends writing, as [`ChannelWrite::poll_shutdown`].
    fn poll_shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        below.poll_shutdown(cx)
    }

    /// Resets the channel, as [`ChannelWrite::abort`].
    fn abort(&mut self, below: &mut dyn ChannelWrite) {
        below.abort();
    }

    /// Called when the half is dropped, before the half below is.
    fn dropped(&mut self, below: &mut dyn ChannelWrite) {
        let _ = below;
    }
}

/// `channel` whose read half is `filter` over the one that it had.
#[must_use]
pub fn with_read(mut channel: Channel, filter: impl ReadFilter) -> Channel {
    channel.read = Box::new(FilteredRead { below: channel.read, filter });
    channel
}

/// `channel` whose write half is `filter` over the one that it had.
#[must_use]
pub fn with_write(mut channel: Channel, filter: impl WriteFilter) -> Channel {
    channel.write = Box::new(FilteredWrite { below: channel.write, filter });
    channel
}

struct FilteredRead<F: ReadFilter> {
    below: Box<dyn ChannelRead>,
    filter: F,
}

impl<F: ReadFilter> ChannelRead for FilteredRead<F> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        self.filter.poll_read(&mut *self.below, cx, into)
    }
}

impl<F: ReadFilter> Drop for FilteredRead<F> {
    fn drop(&mut self) {
        self.filter.dropped();
    }
}

struct FilteredWrite<F: WriteFilter> {
    below: Box<dyn ChannelWrite>,
    filter: F,
}

impl<F: WriteFilter> ChannelWrite for FilteredWrite<F> {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        self.filter.poll_write(&mut *self.below, cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.filter.poll_flush(&mut *self.below, cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.filter.poll_shutdown(&mut *self.below, cx)
    }

    fn abort(&mut self) {
        self.filter.abort(&mut *self.below);
    }

    fn flatten_below(&self) -> usize {
        self.below.flatten_below()
    }
}

impl<F: WriteFilter> Drop for FilteredWrite<F> {
    fn drop(&mut self) {
        self.filter.dropped(&mut *self.below);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::InProcess;

    /// Counts the channels that pass.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl Layer for Counting {
        fn channel(&self, _: Side, channel: Channel) -> Channel {
            self.0.fetch_add(1, Ordering::Relaxed);
            channel
        }
    }

    fn layered() -> (Layered, Arc<Counting>) {
        let layer = Arc::new(Counting::default());
        (Layered::new(Arc::new(InProcess::default()), layer.clone()), layer)
    }

    #[test]
    fn a_layer_makes_a_transport_of_its_own_that_stays_the_same() {
        // With the id of the transport below, a pool would share connections with faults among those that want none.
        let (one, _) = layered();
        assert!(one.id() == one.clone().id() && one.id() != one.below.id());
        assert_ne!(one.id(), Layered::new(one.below.clone(), one.layer.clone()).id());
    }

    #[tokio::test]
    async fn forks_pass_the_layer_too_and_ends_are_told_through_it() {
        let (transport, layer) = layered();
        let listener = transport.listen(&"channel://a".parse().unwrap()).await.unwrap();
        let dialer = transport.dialer(listener.endpoint()).unwrap();
        let mut forks = [dialer.fork().unwrap(), dialer.fork().unwrap()];
        for fork in &mut forks {
            fork.next().await.unwrap();
        }
        assert_eq!(layer.0.load(Ordering::Relaxed), 2);
        let told = Channel::new(tokio::io::empty(), tokio::io::empty(), Default::default()).on_end(|_| {});
        assert!(layer.channel(Side::Dialer, told).ended.is_some());
    }
}

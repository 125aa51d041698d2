//! A transport, sound but for the bomb in it.

use std::io;
use std::task::{Context, Poll};

use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{BoxFuture, Channel, ChannelGenerator, ChannelRead, ChannelWrite, Endpoint, NextError};

use super::bomb::Bomb;

/// A generator, and the channels that it gives, by the name of its side.
pub(crate) struct Generator {
    pub(crate) inner: Box<dyn ChannelGenerator>,
    pub(crate) names: &'static Names,
    pub(crate) bomb: Bomb,
}

/// What the parts of a transport are called on one side.
pub(crate) struct Names {
    pub(crate) next: &'static str,
    pub(crate) endpoint: &'static str,
    pub(crate) fork: &'static str,
    pub(crate) read: &'static str,
    pub(crate) write: &'static str,
    pub(crate) flush: &'static str,
    pub(crate) shutdown: &'static str,
    pub(crate) abort: &'static str,
    pub(crate) flatten_below: &'static str,
    pub(crate) read_drop: &'static str,
    pub(crate) write_drop: &'static str,
    pub(crate) ended: &'static str,
    pub(crate) superseded: &'static str,
    pub(crate) generator_drop: &'static str,
}

impl ChannelGenerator for Generator {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            let channel = self.inner.next().await?;
            self.bomb.at(self.names.next);
            let (names, bomb) = (self.names, self.bomb.for_new());
            let Channel { read, write, facts, .. } = channel;
            let halves = (Half(read, names, bomb.clone()), Half(write, names, bomb.clone()));
            let channel = Channel::from_halves(halves.0, halves.1, facts);
            let (ended, better) = (bomb.clone(), bomb);
            let channel = channel.on_end(move |_| ended.at(names.ended));
            Ok(channel.superseded_by(async move {
                better.at(names.superseded);
                std::future::pending().await
            }))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        self.bomb.at(self.names.endpoint);
        self.inner.endpoint()
    }

    fn fork(&self) -> Option<Box<dyn ChannelGenerator>> {
        self.bomb.at(self.names.fork);
        None
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.bomb.at(self.names.generator_drop);
    }
}

struct Half<T: ?Sized + Named>(Box<T>, &'static Names, Bomb);

/// Which half a drop is of.
trait Named {
    fn drop_of(names: &Names) -> &'static str;
}

impl Named for dyn ChannelRead {
    fn drop_of(names: &Names) -> &'static str {
        names.read_drop
    }
}

impl Named for dyn ChannelWrite {
    fn drop_of(names: &Names) -> &'static str {
        names.write_drop
    }
}

impl<T: ?Sized + Named> Drop for Half<T> {
    fn drop(&mut self) {
        self.2.at(T::drop_of(self.1));
    }
}

impl ChannelRead for Half<dyn ChannelRead> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        self.2.at(self.1.read);
        self.0.poll_read(cx, into)
    }
}

impl ChannelWrite for Half<dyn ChannelWrite> {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        self.2.at(self.1.write);
        self.0.poll_write(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.2.at(self.1.flush);
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.2.at(self.1.shutdown);
        self.0.poll_shutdown(cx)
    }

    fn abort(&mut self) {
        self.2.at(self.1.abort);
        self.0.abort();
    }

    fn flatten_below(&self) -> usize {
        self.2.at(self.1.flatten_below);
        self.0.flatten_below()
    }
}

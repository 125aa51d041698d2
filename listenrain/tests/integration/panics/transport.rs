//! A transport, sound but for the bomb in it.

use super::bomb::Bomb;
use crate::support::*;

/// A generator, and the channels that it gives; what is called of them begins with their side.
struct Generator {
    inner: Box<dyn ChannelGenerator>,
    side: &'static str,
    bomb: Bomb,
}

impl Bomb {
    pub(crate) fn dialer(&self, net: &Net) -> Box<dyn ChannelGenerator> {
        Box::new(Generator { inner: net.dialer(), side: "dialer", bomb: self.clone() })
    }

    pub(crate) fn listener(&self, net: &Net) -> Box<dyn ChannelGenerator> {
        Box::new(Generator { inner: net.listener(), side: "listener", bomb: self.clone() })
    }
}

impl ChannelGenerator for Generator {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            let channel = self.inner.next().await?;
            self.bomb.of(self.side, "next");
            let (side, bomb) = (self.side, self.bomb.for_new());
            let Channel { read, write, facts, .. } = channel;
            let read = Half { half: read, dropped: "read_drop", side, bomb: bomb.clone() };
            let write = Half { half: write, dropped: "write_drop", side, bomb: bomb.clone() };
            let (ended, better) = (bomb.clone(), bomb);
            let channel = Channel::from_halves(read, write, facts).on_end(move |_| ended.of(side, "ended"));
            Ok(channel.superseded_by(async move {
                better.of(side, "superseded");
                std::future::pending().await
            }))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        self.bomb.of(self.side, "endpoint");
        self.inner.endpoint()
    }

    fn fork(&self) -> Option<Box<dyn ChannelGenerator>> {
        self.bomb.of(self.side, "fork");
        None
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.bomb.of(self.side, "drop");
    }
}

struct Half<T: ?Sized> {
    half: Box<T>,
    dropped: &'static str,
    side: &'static str,
    bomb: Bomb,
}

impl<T: ?Sized> Drop for Half<T> {
    fn drop(&mut self) {
        self.bomb.of(self.side, self.dropped);
    }
}

impl ChannelRead for Half<dyn ChannelRead> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        self.bomb.of(self.side, "read");
        self.half.poll_read(cx, into)
    }
}

impl ChannelWrite for Half<dyn ChannelWrite> {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        self.bomb.of(self.side, "write");
        self.half.poll_write(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bomb.of(self.side, "flush");
        self.half.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bomb.of(self.side, "shutdown");
        self.half.poll_shutdown(cx)
    }

    fn abort(&mut self) {
        self.bomb.of(self.side, "abort");
        self.half.abort();
    }

    fn flatten_below(&self) -> usize {
        self.bomb.of(self.side, "flatten_below");
        self.half.flatten_below()
    }
}

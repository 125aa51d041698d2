//! The two halves of an in-process channel.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite};
use tokio::task::coop::poll_proceed;
use tokio::time::{Instant, Sleep, sleep_until};

use super::link::{Link, Side};
use super::pipe::Read;

/// Below this a copy costs less than a chunk of its own does.
const FLATTEN_BELOW: usize = 512;

pub(super) struct ReadHalf {
    pub(super) link: Arc<Link>,
    pub(super) side: Side,
    /// Rings when the first chunk that is still on its way arrives. Only with latency, so that a channel without needs
    /// no runtime.
    pub(super) alarm: Option<Pin<Box<Sleep>>>,
}

impl ReadHalf {
    fn poll_alarm(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
        }
        alarm.as_mut().poll(cx)
    }
}

impl ChannelRead for ReadHalf {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        // Without it, two busy ends would never let another task run.
        let budget = ready!(poll_proceed(cx));
        loop {
            let count = match self.link.towards(self.side).read(self.side, cx, into)? {
                Read::Done(count) => count,
                Read::Cut(count) => {
                    self.link.reset(None);
                    count
                }
                Read::NotBefore(due) => {
                    ready!(self.poll_alarm(due, cx));
                    continue;
                }
                Read::Pending => return Poll::Pending,
            };
            budget.made_progress();
            return Poll::Ready(Ok(count));
        }
    }
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        self.link.drop_read(self.side);
    }
}

pub(super) struct WriteHalf {
    pub(super) link: Arc<Link>,
    pub(super) side: Side,
}

impl ChannelWrite for WriteHalf {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        let budget = ready!(poll_proceed(cx));
        let written = ready!(self.link.from(self.side).poll_write(self.side, cx, from));
        budget.made_progress();
        Poll::Ready(written)
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.link.from(self.side).check_writer(self.side))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let pipe = self.link.from(self.side);
        pipe.check_writer(self.side)?;
        pipe.end();
        Poll::Ready(Ok(()))
    }

    fn abort(&mut self) {
        self.link.reset(Some(self.side));
    }

    fn flatten_below(&self) -> usize {
        FLATTEN_BELOW
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        self.link.drop_write(self.side);
    }
}

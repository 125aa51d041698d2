//! The two halves of a channel.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite};
use tokio::task::coop::poll_proceed;

use super::shared::Shared;

pub(super) struct ReadHalf {
    pub(super) shared: Arc<Shared>,
    pub(super) lane: usize,
}

impl ChannelRead for ReadHalf {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        let budget = ready!(poll_proceed(cx));
        let read = ready!(self.shared.on_lane(self.lane, |lane, scope| lane.poll_read(cx, into, scope)));
        budget.made_progress();
        Poll::Ready(read)
    }
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        self.shared.let_go(self.lane, |lane, scope| lane.drop_reader(scope));
    }
}

pub(super) struct WriteHalf {
    pub(super) shared: Arc<Shared>,
    pub(super) lane: usize,
}

impl ChannelWrite for WriteHalf {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        let budget = ready!(poll_proceed(cx));
        let written = ready!(self.shared.on_lane(self.lane, |lane, scope| lane.poll_write(cx, from, scope)));
        budget.made_progress();
        Poll::Ready(written)
    }

    /// What was taken is on its way already.
    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shared.on_lane(self.lane, |lane, _| lane.flushed()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shared.on_lane(self.lane, |lane, scope| lane.shutdown(scope)))
    }

    fn abort(&mut self) {
        self.shared.on_lane(self.lane, |lane, scope| lane.abort(scope));
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        self.shared.let_go(self.lane, |lane, scope| lane.drop_writer(scope));
    }
}

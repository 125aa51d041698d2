//! Polls that say `Pending` although they need not.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite};
use tokio::time::{Sleep, sleep};

use crate::random::Random;

/// How long a delayed wake takes; the shortest that tokio's timer can tell.
const DELAY: Duration = Duration::from_millis(1);

/// Decides before each poll whether it is held up: one in three wakes its task at once, one in 256 later.
pub(super) struct Storm {
    random: Random,
    delay: Option<Pin<Box<Sleep>>>,
}

impl Storm {
    pub(super) fn new(random: Random) -> Self {
        Self { random, delay: None }
    }

    /// Ready when the poll may go on.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.delay.is_none() {
            if self.random.one_in(256) {
                self.delay = Some(Box::pin(sleep(DELAY)));
            } else if self.random.one_in(3) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        if let Some(delay) = &mut self.delay {
            ready!(delay.as_mut().poll(cx));
            self.delay = None;
        }
        Poll::Ready(())
    }
}

/// A half in a storm.
pub(super) struct Stormy<T: ?Sized> {
    storm: Storm,
    below: Box<T>,
}

impl<T: ?Sized> Stormy<T> {
    pub(super) fn new(below: Box<T>, random: Random) -> Self {
        Self { storm: Storm::new(random), below }
    }
}

impl ChannelRead for Stormy<dyn ChannelRead> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        ready!(self.storm.poll(cx));
        self.below.poll_read(cx, into)
    }
}

impl ChannelWrite for Stormy<dyn ChannelWrite> {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        ready!(self.storm.poll(cx));
        self.below.poll_write(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.storm.poll(cx));
        self.below.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.storm.poll(cx));
        self.below.poll_shutdown(cx)
    }

    fn abort(&mut self) {
        self.below.abort();
    }

    fn flatten_below(&self) -> usize {
        self.below.flatten_below()
    }
}

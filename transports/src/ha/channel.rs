//! A member's channel, watched from its first byte to its end.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use listenrain::buffer::ReadBuffer;
use listenrain::{Channel, ChannelRead};
use tokio::time::timeout;

use super::health::{Health, Life};

/// `channel`, which tells by its bytes and by its end how `member` is doing.
pub(super) fn watch(health: &Health, member: usize, mut channel: Channel) -> Channel {
    let life = Arc::new(Life::new(health.clone(), member));
    channel.read = Box::new(Watched { half: channel.read, life: Arc::clone(&life) });
    let told = channel.ended.take();
    channel.on_end(move |end| {
        life.ended(end);
        if let Some(told) = told {
            told(end);
        }
    })
}

/// Waits for `channel` to deliver something, which it will deliver again to the reader to come; `None` when it does not
/// within `limit`, or ends.
pub(super) async fn prove(mut channel: Channel, limit: Duration) -> Option<Channel> {
    let mut early = ReadBuffer::default();
    let read = timeout(limit, poll_fn(|cx| channel.read.poll_read(cx, &mut early))).await;
    if !matches!(read, Ok(Ok(1..))) {
        return None;
    }
    channel.read = Box::new(Early { early: Some(early), half: channel.read });
    Some(channel)
}

/// A read half that tells when bytes come.
struct Watched {
    half: Box<dyn ChannelRead>,
    life: Arc<Life>,
}

impl ChannelRead for Watched {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        let read = self.half.poll_read(cx, into);
        if matches!(read, Poll::Ready(Ok(1..))) {
            self.life.heard();
        }
        read
    }
}

/// A read half of which something was read before.
struct Early {
    early: Option<ReadBuffer>,
    half: Box<dyn ChannelRead>,
}

impl ChannelRead for Early {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        match self.early.take() {
            Some(mut early) => {
                let count = early.len();
                into.push(early.take(count));
                Poll::Ready(Ok(count))
            }
            None => self.half.poll_read(cx, into),
        }
    }
}

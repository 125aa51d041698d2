//! A server that stalls on purpose: it reads nothing for a while, on any transport.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use ::listenrain::buffer::ReadBuffer;
use ::listenrain::{Channel, ChannelRead, Transport};
use listenrain_simulation::layer::{Layer, Layered, Side, map_halves};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Stall;

/// When a server stalls. Whoever holds the server says when the timed window [begins](Self::begin).
#[derive(Debug, Default)]
pub struct Stalls {
    stalls: Vec<Stall>,
    began: OnceLock<Instant>,
}

impl Stalls {
    /// The stalls of a cell, none of which comes before the window begins.
    #[must_use]
    pub fn new(stalls: &[Stall]) -> Arc<Self> {
        Arc::new(Self { stalls: stalls.to_vec(), began: OnceLock::new() })
    }

    /// The timed window begins at `now`, from which the stalls count. The first word holds.
    pub fn begin(&self, now: Instant) {
        let _ = self.began.set(now);
    }

    /// `transport`, whose listeners' channels deliver nothing during a stall. What arrives then waits where the
    /// transport keeps it. Without stalls it is `transport` itself, at no cost.
    #[must_use]
    pub fn over(self: &Arc<Self>, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        if self.stalls.is_empty() {
            return transport;
        }
        Arc::new(Layered::new(transport, Arc::new(Stalling(Arc::clone(self)))))
    }

    /// When the stall ends that is going on at `now`, if one is.
    fn until(&self, now: Instant) -> Option<Instant> {
        let since = now.saturating_duration_since(*self.began.get()?);
        let on = self.stalls.iter().filter(|stall| stall.at <= since && since < stall.at + stall.length);
        on.map(|stall| now + (stall.at + stall.length - since)).max()
    }
}

#[derive(Debug)]
struct Stalling(Arc<Stalls>);

impl Layer for Stalling {
    fn channel(&self, side: Side, channel: Channel) -> Channel {
        match side {
            Side::Dialer => channel,
            Side::Listener => {
                let stalls = Arc::clone(&self.0);
                map_halves(
                    channel,
                    |below| Box::new(StallingRead { below, stalls, pause: None }),
                    |write| write,
                )
            }
        }
    }
}

struct StallingRead {
    below: Box<dyn ChannelRead>,
    stalls: Arc<Stalls>,
    /// Wakes the reader when the stall ends.
    pause: Option<Pin<Box<Sleep>>>,
}

impl ChannelRead for StallingRead {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match self.stalls.until(Instant::now()) {
                Some(end) => self.pause = Some(Box::pin(sleep_until(end))),
                None => return self.below.poll_read(cx, into),
            }
        }
    }
}

#[cfg(test)]
#[path = "stalls_tests.rs"]
mod tests;

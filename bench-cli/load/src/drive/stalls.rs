//! Fault injection while measuring: a server that stops reading, on any transport, and a scenario's other faults.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use ::listenrain::buffer::ReadBuffer;
use ::listenrain::{Channel, ChannelRead, Transport};
use listenrain_transports::layer::{Layer, Layered, ReadFilter, Side, with_read};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::load::{CellConfig, Stall};

/// When a server stalls, and the faults of a scenario. The holder of the server says when the timed window
/// [begins](Self::begin).
#[derive(Debug, Default)]
pub struct Stalls {
    stalls: Vec<Stall>,
    began: Arc<OnceLock<Instant>>,
    #[cfg(feature = "simulate")]
    faults: super::faults::Faults,
}

impl Stalls {
    /// Those of a cell, none of which comes before the window begins.
    #[must_use]
    pub fn of(config: &CellConfig) -> Arc<Self> {
        let began = Arc::new(OnceLock::new());
        let mut stalls = config.stalls.clone();
        stalls.extend(config.scenario.iter().flat_map(|scenario| scenario.stalls()));
        Arc::new(Self {
            stalls,
            #[cfg(feature = "simulate")]
            faults: super::faults::Faults::of(config, &began),
            began,
        })
    }

    /// The timed window begins at `now`, from which the stalls count. The first call holds.
    pub fn begin(&self, now: Instant) {
        let _ = self.began.set(now);
    }

    /// `transport`, whose listeners' channels deliver nothing during a stall. What arrives then waits where the
    /// transport keeps it. Without stalls it is `transport` itself, at no cost.
    #[must_use]
    pub fn over(self: &Arc<Self>, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        #[cfg(feature = "simulate")]
        let transport = self.faults.over(transport);
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

/// Has the channels of listeners stall.
#[derive(Debug)]
struct Stalling(Arc<Stalls>);

impl Layer for Stalling {
    fn channel(&self, side: Side, channel: Channel) -> Channel {
        match side {
            Side::Dialer => channel,
            Side::Listener => with_read(channel, StallingRead { stalls: Arc::clone(&self.0), pause: None }),
        }
    }
}

struct StallingRead {
    stalls: Arc<Stalls>,
    /// Wakes the reader when the stall ends.
    pause: Option<Pin<Box<Sleep>>>,
}

impl ReadFilter for StallingRead {
    fn poll_read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match self.stalls.until(Instant::now()) {
                Some(end) => self.pause = Some(Box::pin(sleep_until(end))),
                None => return below.poll_read(cx, into),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stalls(stalls: &[Stall]) -> Arc<Stalls> {
        Stalls::of(&CellConfig { stalls: stalls.to_vec(), ..CellConfig::default() })
    }

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_counts_from_the_beginning_of_the_window() {
        let stalls = stalls(&[Stall { at: ms(100), length: ms(50) }, Stall { at: ms(120), length: ms(10) }]);
        let start = Instant::now();
        assert_eq!(stalls.until(start + ms(120)), None, "it has not begun");
        stalls.begin(start + ms(1000));
        stalls.begin(start);
        assert_eq!(stalls.until(start + ms(120)), None, "the first call holds");
        assert_eq!(stalls.until(start + ms(1099)), None);
        for at in [1100, 1125, 1149] {
            assert_eq!(stalls.until(start + ms(at)), Some(start + ms(1150)), "{at}");
        }
        assert_eq!(stalls.until(start + ms(1150)), None);
    }

    #[test]
    fn without_stalls_the_transport_is_itself() {
        let transport: Arc<dyn Transport> = Arc::new(listenrain_transports::InProcess::default());
        assert!(Arc::ptr_eq(&transport, &stalls(&[]).over(Arc::clone(&transport))));
    }
}

//! A server that stalls on purpose: it reads nothing for a while, on any transport.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::listenrain::buffer::ReadBuffer;
use ::listenrain::{Channel, ChannelRead, NativePackets, Transport};
use listenrain_simulation::layer::{Layer, Layered, Side, map_halves};
use listenrain_simulation::stack::BareBodies;
use listenrain_simulation::stage::{Clock, Stage};
use listenrain_simulation::world::{Cast, Site};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::cli::MAX_PAYLOAD;
use crate::config::{CellConfig, Stall};
use crate::scenario::BEFORE;

/// What goes wrong on purpose: when a server stalls, and the faults of a scenario. Whoever holds the server says when the timed window [begins](Self::begin).
#[derive(Debug, Default)]
pub struct Stalls {
    stalls: Vec<Stall>,
    began: Arc<OnceLock<Instant>>,
    /// A link that takes time, in the simulation.
    link: Option<Stage>,
    /// On top of the transport, where there are such.
    faults: Option<Stage>,
}

impl Stalls {
    /// Those of a cell, none of which comes before the window begins.
    #[must_use]
    pub fn of(config: &CellConfig) -> Arc<Self> {
        let began = Arc::new(OnceLock::new());
        let mut stalls = config.stalls.clone();
        let (mut link, mut faults) = (None, None);
        if let Some(scenario) = &config.scenario {
            stalls.extend(scenario.stalls());
            // Its time goes on before the timed part: bytes travel then too.
            let start = Instant::now();
            link = scenario.link().map(|plan| Stage::untraced(plan, Arc::new(move || start.elapsed())));
            faults = scenario.plan().map(|plan| Stage::untraced(plan, clock(Arc::clone(&began))));
        }
        Arc::new(Self { stalls, began, link, faults })
    }

    /// The timed window begins at `now`, from which the stalls count. The first word holds.
    pub fn begin(&self, now: Instant) {
        let _ = self.began.set(now);
    }

    /// `transport`, whose listeners' channels deliver nothing during a stall. What arrives then waits where the
    /// transport keeps it. Without stalls it is `transport` itself, at no cost.
    #[must_use]
    pub fn over(self: &Arc<Self>, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        let stages = self.link.iter().chain(&self.faults);
        let transport = stages.fold(transport, |transport, stage| faulty(stage, transport));
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

/// Time for faults: it begins with the timed window, a moment after 0, at which it stands before.
fn clock(began: Arc<OnceLock<Instant>>) -> Clock {
    Arc::new(move || began.get().map_or(Duration::ZERO, |began| began.elapsed() + BEFORE))
}

/// `transport` with the simulation's faults of streams and dials on top, at both ends of every channel.
fn faulty(stage: &Stage, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
    let packets = NativePackets::default().with_max_packet(MAX_PAYLOAD as usize);
    let cast = Cast {
        servers: Vec::new(),
        client: Arc::new(|_| Box::pin(std::future::ready(()))),
        bodies: Arc::new(BareBodies(Arc::new(packets))),
    };
    let listen = transport.scratch_endpoint();
    Site::new(stage, &cast, cast.client_number(), transport, listen).transport
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

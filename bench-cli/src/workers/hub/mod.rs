//! Worker 0's other task: it waits until all are there, tells them when to begin, and gathers what they measured.

mod gather;

use std::time::{Duration, Instant};

use listenrain_results::Run;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use self::gather::out_of_turn;
use super::clock::{Clock, PINGS, Probe};
use super::door::Event;
use super::server::CellUsage;
use super::settings::Settings;
use super::wire::{Message, Sender, Stretch};

/// How long everything may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Until all have come.
    pub(crate) gather: Duration,
    /// Until connections stand, or a result has come, beyond the launch itself.
    pub(crate) between: Duration,
    /// Between the word to start and the start, at least; ten round trips where those take longer.
    pub(crate) lead: Duration,
    /// Until the others have handed in what they have, once the run is void.
    pub(crate) grace: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            gather: Duration::from_secs(60),
            between: Duration::from_secs(90),
            lead: Duration::from_secs(1),
            grace: Duration::from_secs(5),
        }
    }
}

/// Who must come.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) workers: u64,
    pub(super) servers: u64,
    pub(super) settings: Settings,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The parts that were handed in, by index.
    pub(super) parts: Vec<Run>,
    /// What each server used, cell by cell.
    pub(super) servers: Vec<Vec<CellUsage>>,
    /// Workers without a part.
    pub(super) missing: Vec<u64>,
    /// Why the run is void, where it is.
    pub(super) void: Option<String>,
    /// How far apart the workers began at most, µs.
    pub(super) skew_us: Option<f64>,
}

/// One who has come.
pub(super) struct Guest {
    connection: u64,
    pub(super) who: Who,
    outgoing: Sender,
    probe: Probe,
    ready: Option<Stretch>,
    part: Option<Run>,
    usage: Option<Vec<CellUsage>>,
    is_gone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Worker(u64),
    Server(u64),
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Worker(index) => write!(f, "worker {index}"),
            Self::Server(number) => write!(f, "server {number}"),
        }
    }
}

/// Why the run is void, in a sentence.
pub(super) type Void = String;

pub(super) struct Hub {
    listener: TcpListener,
    expected: Expected,
    pace: Pace,
    run: String,
    clock: Clock,
    guests: Vec<Guest>,
    tell: mpsc::UnboundedSender<Event>,
    events: mpsc::UnboundedReceiver<Event>,
    doors: JoinSet<()>,
    connections: u64,
    skew_us: Option<f64>,
}

impl Hub {
    /// For the run of that name, at `listener`.
    pub(super) fn new(listener: TcpListener, expected: Expected, pace: Pace, run: String) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        Self {
            listener,
            expected,
            pace,
            run,
            clock: Clock::new(),
            guests: Vec::new(),
            tell,
            events,
            doors: JoinSet::new(),
            connections: 0,
            skew_us: None,
        }
    }

    /// Sees the run to its end. `own` is worker 0's connection, which comes by no network.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it ends every connection.
    pub(super) async fn run(mut self, own: DuplexStream) -> Outcome {
        let (read, write) = tokio::io::split(own);
        self.open(Box::new(read), Box::new(write));
        let void = self.measure().await.err();
        if let Some(why) = &void {
            self.abort(why).await;
        }
        self.close().await;
        self.outcome(void)
    }

    async fn measure(&mut self) -> Result<(), Void> {
        self.gather(Instant::now() + self.pace.gather).await?;
        self.tell(Message::Prepare { run: self.run.clone() });
        let mut until = Instant::now() + self.pace.between;
        while let Some(stretch) = self.all_ready(until).await? {
            self.probe().await?;
            let start = self.start(stretch);
            until = start + stretch.warmup + stretch.duration + self.pace.between;
        }
        for guest in self.guests.iter().filter(|guest| matches!(guest.who, Who::Server(_))) {
            let _ = guest.outgoing.send(Message::Over);
        }
        self.usages(Instant::now() + self.pace.between).await
    }

    /// Waits until everybody's connections stand: what begins now; or nothing, when all have handed in their parts.
    async fn all_ready(&mut self, until: Instant) -> Result<Option<Stretch>, Void> {
        loop {
            let workers = || self.guests.iter().filter(|guest| matches!(guest.who, Who::Worker(_)));
            if workers().all(|guest| guest.part.is_some()) {
                return Ok(None);
            }
            if workers().all(|guest| guest.ready.is_some() || guest.part.is_some()) {
                let first = workers().next().and_then(|guest| guest.ready);
                return match workers().find(|guest| guest.ready != first) {
                    Some(guest) => Err(format!("{} is at another launch than worker 0", guest.who)),
                    None => Ok(first),
                };
            }
            let lacks = |guest: &Guest| {
                matches!(guest.who, Who::Worker(_)) && guest.ready.is_none() && guest.part.is_none()
            };
            let (guest, message, _) = self.said(until, "was not ready for a launch in time", lacks).await?;
            let guest = &mut self.guests[guest];
            match (guest.who, message) {
                (Who::Worker(_), Message::Ready(stretch)) => guest.ready = Some(stretch),
                (Who::Worker(_), Message::Result { run }) => guest.part = Some(*run),
                (who, _) => return Err(out_of_turn(who)),
            }
        }
    }

    /// Asks everybody's clock, just before it is needed: clocks drift apart.
    async fn probe(&mut self) -> Result<(), Void> {
        let until = Instant::now() + self.pace.between;
        let mut asked = vec![(0u64, 0u64); self.guests.len()];
        for (guest, asked) in self.guests.iter_mut().zip(&mut asked) {
            guest.probe = Probe::default();
            *asked = (1, self.clock.ns(Instant::now()));
            let _ = guest.outgoing.send(Message::Ping { number: 1 });
        }
        let mut left = self.guests.len() as u64 * PINGS;
        while left > 0 {
            let (guest, message, back) = self.said(until, "answered no ping", |_| true).await?;
            let (number, sent) = &mut asked[guest];
            let guest = &mut self.guests[guest];
            match message {
                Message::Pong { number: answered, at_ns } if answered == *number => {
                    guest.probe.add(*sent, at_ns, self.clock.ns(back));
                }
                _ => return Err(out_of_turn(guest.who)),
            }
            left -= 1;
            *number += 1;
            if *number <= PINGS {
                *sent = self.clock.ns(Instant::now());
                let _ = guest.outgoing.send(Message::Ping { number: *number });
            }
        }
        Ok(())
    }

    /// Tells everybody when to begin, each by its own clock.
    fn start(&mut self, stretch: Stretch) -> Instant {
        let worst = self.guests.iter().map(|guest| guest.probe.rtt_ns()).max().unwrap_or(0);
        let start = Instant::now() + self.pace.lead.max(Duration::from_nanos(worst.saturating_mul(10)));
        let start_ns = self.clock.ns(start);
        for guest in &mut self.guests {
            guest.ready = None;
            let _ = guest.outgoing.send(Message::Start { at_ns: guest.probe.theirs(start_ns), stretch });
        }
        self.skew_us = Some(self.skew_us.unwrap_or(0.0).max(self.apart_us()));
        start
    }

    /// Each clock is known to half of its round trip: two workers may be as far apart as the two worst together.
    fn apart_us(&self) -> f64 {
        let workers = self.guests.iter().filter(|guest| matches!(guest.who, Who::Worker(_)));
        let mut errors: Vec<u64> = workers.map(|guest| guest.probe.rtt_ns().div_ceil(2)).collect();
        errors.sort_unstable();
        errors.iter().rev().take(2).sum::<u64>() as f64 / 1e3
    }

    async fn usages(&mut self, until: Instant) -> Result<(), Void> {
        let lacks = |guest: &Guest| matches!(guest.who, Who::Server(_)) && guest.usage.is_none();
        while self.guests.iter().any(lacks) {
            let (guest, message, _) = self.said(until, "did not say what it used", lacks).await?;
            let guest = &mut self.guests[guest];
            match (guest.who, message) {
                (Who::Server(_), Message::Usage { cells }) => guest.usage = Some(cells),
                (who, _) => return Err(out_of_turn(who)),
            }
        }
        Ok(())
    }

    /// Tells everybody that the run is void, and takes what they have by now.
    async fn abort(&mut self, why: &str) {
        self.tell(Message::Abort { why: why.to_owned() });
        let until = Instant::now() + self.pace.grace;
        let lacks =
            |guest: &Guest| matches!(guest.who, Who::Worker(_)) && guest.part.is_none() && !guest.is_gone;
        while self.guests.iter().any(lacks) {
            match self.event(until).await {
                Some(Event::Said(connection, Message::Result { run }, _)) => {
                    if let Some(guest) = self.guest(connection) {
                        guest.part = Some(*run);
                    }
                }
                Some(Event::Gone(connection, _)) => {
                    self.left(connection);
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    /// The last word, and then until everybody has hung up: who hangs up first may take away what is still on its way.
    async fn close(&mut self) {
        self.tell(Message::Over);
        for guest in &mut self.guests {
            guest.outgoing = mpsc::unbounded_channel().0;
        }
        let until = Instant::now() + self.pace.grace;
        while self.guests.iter().any(|guest| !guest.is_gone) {
            match self.event(until).await {
                Some(Event::Gone(connection, _)) => {
                    self.left(connection);
                }
                Some(_) => {}
                None => return,
            }
        }
        // Those that were refused read why.
        let _ = timeout_at(until.into(), async { while self.doors.join_next().await.is_some() {} }).await;
    }

    fn outcome(self, void: Option<Void>) -> Outcome {
        let mut parts: Vec<Option<Run>> = (0..self.expected.workers).map(|_| None).collect();
        let mut servers = Vec::new();
        for guest in self.guests {
            match guest.who {
                Who::Worker(index) => parts[index as usize] = guest.part,
                Who::Server(_) => servers.extend(guest.usage),
            }
        }
        let missing =
            (0u64..).zip(&parts).filter(|(_, part)| part.is_none()).map(|(index, _)| index).collect();
        let parts = parts.into_iter().flatten().collect();
        Outcome { parts, servers, missing, void, skew_us: self.skew_us }
    }

    fn tell(&self, message: Message) {
        for guest in self.guests.iter().filter(|guest| !guest.is_gone) {
            let _ = guest.outgoing.send(message.clone());
        }
    }
}

//! The coordinator, a task of worker 0: it waits for all participants, tells them when to begin, and gathers what they
//! measured.

mod gather;

use std::time::{Duration, Instant};

use listenrain_results::Run;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use self::gather::out_of_turn;
use super::admission::Event;
use super::clock::{Clock, PINGS, Probe};
use super::settings::Settings;
use super::wire::{LaunchPhase, Message, Sender};
use crate::merge::ServerUsage;

/// How long everything may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Until all have come.
    pub(crate) gather: Duration,
    /// Until connections stand, or a result has come, beyond the launch itself.
    pub(crate) between: Duration,
    /// Between the word to start and the start, at least; ten round trips where those take longer.
    pub(crate) lead: Duration,
    /// Until the others have handed in what they have, once the run is aborted.
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
    pub(super) servers: Vec<Vec<ServerUsage>>,
    /// Workers without a part.
    pub(super) missing: Vec<u64>,
    /// Why the run is aborted, where it is.
    pub(super) aborted: Option<String>,
    /// How far apart the workers began at most, µs.
    pub(super) skew_us: Option<f64>,
}

/// A participant that has joined.
pub(super) struct Member {
    connection: u64,
    pub(super) who: Who,
    outgoing: Sender,
    probe: Probe,
    ready: Option<LaunchPhase>,
    part: Option<Run>,
    usage: Option<Vec<ServerUsage>>,
    is_gone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Worker(u64),
    Server(u64),
}

impl Who {
    fn is_worker(self) -> bool {
        matches!(self, Self::Worker(_))
    }
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Worker(index) => write!(f, "worker {index}"),
            Self::Server(number) => write!(f, "server {number}"),
        }
    }
}

/// Why the run is aborted, in a sentence.
pub(super) type Aborted = String;

pub(super) struct Coordinator {
    listener: TcpListener,
    expected: Expected,
    pace: Pace,
    run: String,
    clock: Clock,
    members: Vec<Member>,
    tell: mpsc::UnboundedSender<Event>,
    events: mpsc::UnboundedReceiver<Event>,
    connections_open: JoinSet<()>,
    connections: u64,
    skew_us: Option<f64>,
}

impl Coordinator {
    /// For the run of that name, at `listener`.
    pub(super) fn new(listener: TcpListener, expected: Expected, pace: Pace, run: String) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        Self {
            listener,
            expected,
            pace,
            run,
            clock: Clock::new(),
            members: Vec::new(),
            tell,
            events,
            connections_open: JoinSet::new(),
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
        let aborted = self.measure().await.err();
        if let Some(why) = &aborted {
            self.abort(why).await;
        }
        self.close().await;
        self.outcome(aborted)
    }

    async fn measure(&mut self) -> Result<(), Aborted> {
        self.gather(Instant::now() + self.pace.gather).await?;
        self.tell(Message::Prepare { run: self.run.clone() });
        let mut until = Instant::now() + self.pace.between;
        while let Some(phase) = self.all_ready(until).await? {
            self.probe().await?;
            let start = self.start(phase);
            until = start + phase.warmup + phase.duration + self.pace.between;
        }
        for member in self.members.iter().filter(|member| !member.who.is_worker()) {
            let _ = member.outgoing.send(Message::Over);
        }
        self.usages(Instant::now() + self.pace.between).await
    }

    /// Waits until all participants' connections stand: what begins now; or nothing, when all have handed in their parts.
    async fn all_ready(&mut self, until: Instant) -> Result<Option<LaunchPhase>, Aborted> {
        loop {
            let workers = || self.members.iter().filter(|member| member.who.is_worker());
            if workers().all(|member| member.part.is_some()) {
                return Ok(None);
            }
            if workers().all(|member| member.ready.is_some() || member.part.is_some()) {
                let first = workers().next().and_then(|member| member.ready);
                return match workers().find(|member| member.ready != first) {
                    Some(member) => Err(format!("{} is at another launch than worker 0", member.who)),
                    None => Ok(first),
                };
            }
            let lacks =
                |member: &Member| member.who.is_worker() && member.ready.is_none() && member.part.is_none();
            let (member, message, _) = self.said(until, "was not ready for a launch in time", lacks).await?;
            let member = &mut self.members[member];
            match (member.who, message) {
                (Who::Worker(_), Message::Ready(phase)) => member.ready = Some(phase),
                (Who::Worker(_), Message::Result { run }) => member.part = Some(*run),
                (who, _) => return Err(out_of_turn(who)),
            }
        }
    }

    /// Asks every participant's clock, just before it is needed: clocks drift apart.
    async fn probe(&mut self) -> Result<(), Aborted> {
        let until = Instant::now() + self.pace.between;
        let mut asked = vec![(0u64, 0u64); self.members.len()];
        for (member, asked) in self.members.iter_mut().zip(&mut asked) {
            member.probe = Probe::default();
            *asked = (1, self.clock.ns(Instant::now()));
            let _ = member.outgoing.send(Message::Ping { number: 1 });
        }
        let mut left = self.members.len() as u64 * PINGS;
        while left > 0 {
            let (member, message, back) = self.said(until, "answered no ping", |_| true).await?;
            let (number, sent) = &mut asked[member];
            let member = &mut self.members[member];
            match message {
                Message::Pong { number: answered, at_ns } if answered == *number => {
                    member.probe.add(*sent, at_ns, self.clock.ns(back));
                }
                _ => return Err(out_of_turn(member.who)),
            }
            left -= 1;
            *number += 1;
            if *number <= PINGS {
                *sent = self.clock.ns(Instant::now());
                let _ = member.outgoing.send(Message::Ping { number: *number });
            }
        }
        Ok(())
    }

    /// Tells all participants when to begin, each by its own clock.
    fn start(&mut self, phase: LaunchPhase) -> Instant {
        let worst = self.members.iter().map(|member| member.probe.rtt_ns()).max().unwrap_or(0);
        let start = Instant::now() + self.pace.lead.max(Duration::from_nanos(worst.saturating_mul(10)));
        let start_ns = self.clock.ns(start);
        for member in &mut self.members {
            member.ready = None;
            let _ = member.outgoing.send(Message::Start { at_ns: member.probe.theirs(start_ns), phase });
        }
        self.skew_us = Some(self.skew_us.unwrap_or(0.0).max(self.apart_us()));
        start
    }

    /// Each clock is known to half of its round trip: two workers may be as far apart as the two worst together.
    fn apart_us(&self) -> f64 {
        let workers = self.members.iter().filter(|member| member.who.is_worker());
        let mut errors: Vec<u64> = workers.map(|member| member.probe.rtt_ns().div_ceil(2)).collect();
        errors.sort_unstable();
        errors.iter().rev().take(2).sum::<u64>() as f64 / 1e3
    }

    async fn usages(&mut self, until: Instant) -> Result<(), Aborted> {
        let lacks = |member: &Member| !member.who.is_worker() && member.usage.is_none();
        while self.members.iter().any(lacks) {
            let (member, message, _) = self.said(until, "did not say what it used", lacks).await?;
            let member = &mut self.members[member];
            match (member.who, message) {
                (Who::Server(_), Message::Usage { cells }) => member.usage = Some(cells),
                (who, _) => return Err(out_of_turn(who)),
            }
        }
        Ok(())
    }

    /// Tells all participants that the run is aborted, and takes what they have by now.
    async fn abort(&mut self, why: &str) {
        self.tell(Message::Abort { why: why.to_owned() });
        let lacks = |member: &Member| member.who.is_worker() && member.part.is_none() && !member.is_gone;
        self.drain(Instant::now() + self.pace.grace, lacks).await;
    }

    /// Hears those that `lack` something until none does, or until then; whether that is so.
    async fn drain(&mut self, until: Instant, lacks: impl Fn(&Member) -> bool) -> bool {
        while self.members.iter().any(&lacks) {
            match self.event(until).await {
                Some(Event::Said(connection, Message::Result { run }, _)) => {
                    if let Some(member) = self.member(connection) {
                        member.part = Some(*run);
                    }
                }
                Some(Event::Gone(connection, _)) => {
                    self.left(connection);
                }
                Some(_) => {}
                None => return false,
            }
        }
        true
    }

    /// Says goodbye, and waits until all have hung up: to hang up first may discard what is still on its way.
    async fn close(&mut self) {
        self.tell(Message::Over);
        for member in &mut self.members {
            member.outgoing = mpsc::unbounded_channel().0;
        }
        let until = Instant::now() + self.pace.grace;
        if self.drain(until, |member| !member.is_gone).await {
            // Those that were refused read why.
            let hung_up = async { while self.connections_open.join_next().await.is_some() {} };
            let _ = timeout_at(until.into(), hung_up).await;
        }
    }

    fn outcome(self, aborted: Option<Aborted>) -> Outcome {
        let mut parts: Vec<Option<Run>> = (0..self.expected.workers).map(|_| None).collect();
        let mut servers = Vec::new();
        for member in self.members {
            match member.who {
                Who::Worker(index) => parts[index as usize] = member.part,
                Who::Server(_) => servers.extend(member.usage),
            }
        }
        let missing =
            (0u64..).zip(&parts).filter(|(_, part)| part.is_none()).map(|(index, _)| index).collect();
        let parts = parts.into_iter().flatten().collect();
        Outcome { parts, servers, missing, aborted, skew_us: self.skew_us }
    }

    fn tell(&self, message: Message) {
        for member in self.members.iter().filter(|member| !member.is_gone) {
            let _ = member.outgoing.send(message.clone());
        }
    }
}

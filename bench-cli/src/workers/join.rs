//! A worker's part in a run, from joining to the merged whole.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Instant, SystemTime};

use listenrain_results::{Run, Workers};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::coordinator::{Coordinator, Expected, Outcome, Pace};
use super::identity::Identity;
use super::participant::{Ended, Participant};
use super::settings::Settings;
use super::wire::{LaunchPhase, Message, Role};
use crate::machine::moment;
use crate::machine::secrets::told_without_secrets;
use crate::merge;

/// Bytes on their way between worker 0 and itself.
const OWN_BUFFER: usize = 64 << 10;

/// A worker that is about to join the others.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Which one.
    pub(crate) identity: Identity,
    /// What it is about to do, in the whole.
    pub(crate) settings: Settings,
    /// Servers that take part.
    pub(crate) servers: u64,
    /// How long everything may take.
    pub(crate) pace: Pace,
}

/// A worker that has joined. Dropped, it leaves without a word, which aborts the run for all.
#[derive(Debug)]
pub(crate) struct Joined {
    participant: Participant,
    own: Workers,
    /// Worker 0's other task.
    coordinator: Option<JoinSet<Outcome>>,
}

/// When to begin, by this process's monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StartAt(pub(crate) Instant);

/// What worker 0 has in the end.
#[derive(Debug)]
pub(crate) struct Whole {
    /// All parts in one.
    pub(crate) run: Run,
    /// The parts by themselves, by index.
    pub(crate) parts: Vec<Run>,
    /// Why the whole is worth nothing, where it is: workers are missing or gave up. Its `workers` say which.
    pub(crate) aborted: Option<String>,
}

impl Worker {
    /// Meets the others at `address`: worker 0 listens there, tells `listens` where it really does, and the others dial
    /// it. Returns when all are there.
    ///
    /// # Errors
    ///
    /// Not all have come in time, or one of them has something wrong; all are told.
    pub(crate) async fn join(self, address: &str, listens: impl FnOnce(SocketAddr)) -> Result<Joined, Ended> {
        if self.identity.index > 0 {
            let participant = Participant::dial(address, self.pace.gather, self.role()).await?;
            return self.wait(participant, None).await;
        }
        let no_listener =
            |error: io::Error| Ended::NoListener { address: address.to_owned(), why: error.to_string() };
        let listener = listen(address).await.map_err(no_listener)?;
        listens(listener.local_addr().map_err(no_listener)?);
        let expected =
            Expected { workers: self.identity.count, servers: self.servers, settings: self.settings.clone() };
        let (ours, hubs) = tokio::io::duplex(OWN_BUFFER);
        let mut coordinator = JoinSet::new();
        coordinator.spawn(Coordinator::new(listener, expected, self.pace, run_name()).run(hubs));
        let (read, write) = tokio::io::split(ours);
        let participant = Participant::take(Box::new(read), Box::new(write), self.role());
        self.wait(participant, Some(coordinator)).await
    }

    fn role(&self) -> Role {
        let Identity { index, count } = self.identity;
        Role::Worker { index, count, settings: self.settings.to_text() }
    }

    async fn wait(
        self,
        mut participant: Participant,
        coordinator: Option<JoinSet<Outcome>>,
    ) -> Result<Joined, Ended> {
        let mut own = Workers {
            index: Some(self.identity.index),
            count: self.identity.count,
            settings: self.settings.hash(),
            ..Workers::default()
        };
        loop {
            match participant.next().await {
                Ok(Message::Prepare { run }) => {
                    own.run = run;
                    return Ok(Joined { participant, own, coordinator });
                }
                Ok(_) => {}
                Err(ended) => {
                    participant.leave().await;
                    // Not before it has told the others why.
                    if let Some(mut coordinator) = coordinator {
                        coordinator.join_next().await;
                    }
                    return Err(ended);
                }
            }
        }
    }
}

impl Joined {
    /// The connections of the next launch stand: when does it begin? Once a launch, in the order of the plan.
    ///
    /// # Errors
    ///
    /// There is no beginning any more, and why. [`finish`](Self::finish) with what there is.
    ///
    /// # Cancel safety
    ///
    /// None: it has been said that they stand.
    pub(crate) async fn ready(&mut self, launch: LaunchPhase) -> Result<StartAt, Ended> {
        self.participant.say(Message::Ready(launch));
        loop {
            if let Message::Start { at_ns, .. } = self.participant.next().await? {
                let at = self.participant.instant(at_ns);
                if let Err(late) = &at {
                    self.abort(&late.to_string());
                }
                return at.map(StartAt);
            }
        }
    }

    /// Resolves when the run is aborted, and why, whatever this worker does at that time. It borrows nothing.
    pub(crate) fn aborted(&self) -> impl Future<Output = Ended> + Send + 'static {
        self.participant.ended()
    }

    /// Makes the run aborted for all: this worker cannot go on, or was interrupted. [`finish`](Self::finish) follows.
    pub(crate) fn abort(&self, why: &str) {
        self.participant.say(Message::Abort { why: why.to_owned() });
    }

    /// Hands in `part`, which is marked as this worker's; for worker 0, waits for the others and gives the whole. Of a
    /// aborted run, hand in what there is.
    ///
    /// # Errors
    ///
    /// The run is aborted, and why; for worker 0, only where not even a part of it can be had.
    pub(crate) async fn finish(mut self, part: &mut Run) -> Result<Option<Whole>, Ended> {
        part.workers = Some(self.own.clone());
        self.participant.say(Message::Result { run: Box::new(part.clone()) });
        let ended = loop {
            match self.participant.next().await {
                Ok(Message::Over) => break None,
                Ok(_) => {}
                Err(ended) => break Some(ended),
            }
        };
        self.participant.leave().await;
        let Some(mut coordinator) = self.coordinator else { return ended.map_or(Ok(None), Err) };
        match coordinator.join_next().await {
            Some(Ok(outcome)) => whole(outcome).map(Some),
            _ => Err(Ended::Gone("its rendezvous failed".to_owned())),
        }
    }
}

fn whole(outcome: Outcome) -> Result<Whole, Ended> {
    let Outcome { mut parts, servers, missing, aborted, skew_us } = outcome;
    for workers in parts.iter_mut().filter_map(|part| part.workers.as_mut()) {
        workers.skew_us = skew_us;
    }
    let merged = merge::workers(parts.clone(), aborted.is_some() || !missing.is_empty());
    // An aborted run may have ended before anything could be merged.
    let mut run = match (merged, &aborted) {
        (Ok(run), _) => run,
        (Err(_), Some(why)) => return Err(Ended::Aborted(why.clone())),
        (Err(error), None) => return Err(Ended::Merge(error.to_string())),
    };
    merge::add_servers(&mut run, &servers);
    if let Some(why) = &aborted {
        run.warnings.insert(0, format!("this run is aborted: {}", told_without_secrets(why, None)));
    }
    Ok(Whole { run, parts, aborted })
}

/// Where worker 0 listens. An address is taken as it is; a name may mean another address on its own host than for the
/// others (Debian gives a host's name to 127.0.1.1), so then it is the port on all of this host's addresses.
async fn listen(address: &str) -> io::Result<TcpListener> {
    let (host, port) = address.rsplit_once(':').ok_or_else(|| io::Error::other("write it as HOST:PORT"))?;
    if address.parse::<SocketAddr>().is_ok() || host == "localhost" {
        return TcpListener::bind(address).await;
    }
    let port: u16 = port.parse().map_err(io::Error::other)?;
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
    }
}

/// A name that no other run has: the time, and a number that the system drew.
fn run_name() -> String {
    let drawn = RandomState::new().build_hasher().finish();
    // Where the clock cannot be right, the number alone has to do; the run itself is refused for it.
    let time = moment(SystemTime::now()).unwrap_or_default();
    format!("{time}-{drawn:016x}")
}

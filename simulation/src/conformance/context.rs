//! Test context of a case: the transport, pairs of connections in their roles, seeded choices, sizes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use listenrain::{Channel, ChannelGenerator, Endpoint, EndpointError, NextError, Transport};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

use super::attempt::Watch;
use super::connection::Connection;
use super::failure::{Check, Failure, describe, ensure};
use super::held::Held;
use super::ledger::{Busy, Doing, Entry, Ledger};
use super::subject::Subject;
use super::trial::Trial;
use crate::faults::{Hardship, Side};
use crate::random::Random;

/// How long what must happen at once may take, on a machine that is busy with something else.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(3);

/// Options by which little is in flight, whatever they are called.
const SMALL_WINDOWS: &[(&str, &str)] = &[
    ("send_buffer", "32KiB"),
    ("recv_buffer", "32KiB"),
    ("capacity", "64KiB"),
    ("pipe_size", "64KiB"),
    ("stream_window", "64KiB"),
    ("send_window", "64KiB"),
];

/// `endpoint` with those of the `wanted` options that it knows by their name, or takes.
fn with_options(
    endpoint: Endpoint,
    wanted: &[(&str, &str)],
    is_known: impl Fn(&str, &Endpoint) -> bool,
) -> Endpoint {
    wanted.iter().fold(endpoint, |endpoint, (name, value)| {
        let with = endpoint.clone().with_option(name, value);
        if is_known(name, &with) { with } else { endpoint }
    })
}

/// A dialer's pause between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// Which end a case's near end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Roles {
    /// The near end dialled.
    NearDials,
    /// The near end was accepted.
    NearAccepts,
}

impl Roles {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NearDials => "near-dials",
            Self::NearAccepts => "near-accepts",
        }
    }
}

/// Everything that one case gets; see the parts for what they do.
pub(crate) struct TestContext {
    pub(crate) subject: Subject,
    /// The subject's transport, under the hardship if there is one.
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) random: Random,
    /// Whether what the whole process holds may be counted: nothing else runs in it.
    pub(crate) alone: bool,
    trial: Trial,
    roles: Roles,
    ledger: Arc<Ledger>,
    notes: Arc<Mutex<Vec<String>>>,
    numbers: Arc<AtomicU64>,
    endpoints: Option<Endpoints>,
}

impl TestContext {
    pub(super) fn new(subject: Subject, trial: Trial, roles: Roles, watch: &Watch) -> Self {
        let what = format!("{} {}", trial.case.id, roles.name());
        let mut random = Random::of(trial.settings.seed, &what);
        let transport = match trial.hardship {
            Some(hardship) => Arc::new(hardship.upon(subject.transport().clone(), random.draw())),
            None => subject.transport().clone(),
        };
        let (ledger, notes, alone) = (watch.ledger.clone(), watch.notes.clone(), trial.alone.is_here());
        let numbers = Arc::default();
        Self { subject, transport, random, alone, trial, roles, ledger, notes, numbers, endpoints: None }
    }

    /// What is being run, to run something else in the same manner.
    pub(crate) fn trial(&self) -> &Trial {
        &self.trial
    }

    pub(crate) fn roles(&self) -> Roles {
        self.roles
    }

    pub(crate) fn hardship(&self) -> Option<Hardship> {
        self.trial.hardship
    }

    /// Has the record say which part of what is held this program or system does not count.
    pub(crate) fn note_what_is_not_counted(&self) {
        let Held { descriptors, bytes, .. } = Held::now();
        let missing = [
            (descriptors.is_none(), "file descriptors were not counted: this system does not list them"),
            (
                bytes.is_none(),
                "memory was not counted: the program's allocator is not `allocations::AllocationCounter`",
            ),
        ];
        missing.into_iter().filter(|(is_so, _)| *is_so).for_each(|(_, note)| self.note(note));
    }

    /// Has the record say what its reader should know, although all is well.
    pub(crate) fn note(&self, text: &str) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }

    /// `full`, or as much less as hardship and settings want, but not below `least`.
    pub(crate) fn size(&self, full: usize, least: usize) -> usize {
        let divisor = self.hardship().map_or(1, Hardship::divisor) * self.trial.settings.divisor.max(1);
        (full / divisor).max(least)
    }

    /// A listener at a fresh endpoint and a dialer for it.
    pub(crate) async fn endpoints(&self) -> Check<Endpoints> {
        self.endpoints_at(&self.transport.scratch_endpoint()).await
    }

    /// A listener at `endpoint` and a dialer for it.
    pub(crate) async fn endpoints_at(&self, endpoint: &Endpoint) -> Check<Endpoints> {
        let listener = self.listen(endpoint).await?;
        let dialer = self.dialer(listener.endpoint())?;
        Ok(Endpoints { dialer, listener, numbers: self.numbers.clone() })
    }

    /// A listener at a fresh endpoint and a dialer for it, with as little in flight as the hardship wants.
    pub(crate) async fn narrow_endpoints(&self) -> Check<Endpoints> {
        self.endpoints_at(&self.scratch_with(self.windows())).await
    }

    /// A fresh endpoint with a queue of four and dials of half a second, where it has such options.
    pub(crate) fn scratch_with_short_queue(&self) -> Endpoint {
        self.scratch_with(&[("backlog", "4"), ("connect_timeout", "500ms")])
    }

    /// A list hands no options on, so they are given to its members.
    pub(crate) fn scratch_with(&self, wanted: &[(&str, &str)]) -> Endpoint {
        let scratch = self.transport.scratch_endpoint();
        let Ok(members) = scratch.members() else { return scratch };
        if !scratch.is_list() {
            let options = self.transport.options();
            return with_options(scratch, wanted, |name, _| options.iter().any(|option| option.name == name));
        }
        let alone = |member: &Endpoint| Endpoint::list(scratch.scheme(), [member]);
        let is_known = |_: &str, member: &Endpoint| {
            alone(member).is_ok_and(|alone| self.transport.dialer(&alone).is_ok())
        };
        let members: Vec<_> =
            members.into_iter().map(|member| with_options(member, wanted, is_known)).collect();
        Endpoint::list(scratch.scheme(), &members).unwrap_or(scratch)
    }

    /// A dialer for `endpoint`.
    pub(crate) fn dialer(&self, endpoint: &Endpoint) -> Result<Acceptor, EndpointError> {
        Ok(self.acceptor(Side::Dialer, self.transport.dialer(endpoint)?))
    }

    /// A listener at `endpoint`.
    pub(crate) async fn listen(&self, endpoint: &Endpoint) -> Result<Acceptor, NextError> {
        let log = self.ledger.entry(format!("a listener at {endpoint}"));
        let _busy = log.busy(Doing::Listening);
        Ok(self.acceptor(Side::Listener, self.transport.listen(endpoint).await?))
    }

    /// A generator that was made elsewhere, as one under test.
    pub(crate) fn acceptor(&self, side: Side, generator: Box<dyn ChannelGenerator>) -> Acceptor {
        let who = if side == Side::Dialer { "a dialer" } else { "a listener" };
        let log = self.ledger.entry(format!("{who} of {}", generator.endpoint()));
        Acceptor { generator, side, log, ledger: self.ledger.clone() }
    }

    /// The two ends of one more channel: near, then far.
    pub(crate) async fn pair(&mut self) -> Check<(Connection, Connection)> {
        let mut endpoints = match self.endpoints.take() {
            Some(endpoints) => endpoints,
            None => self.narrow_endpoints().await?,
        };
        let connected = endpoints.connect().await;
        self.endpoints = Some(endpoints);
        let (dialled, accepted) = connected?;
        Ok(match self.roles {
            Roles::NearDials => (dialled, accepted),
            Roles::NearAccepts => (accepted, dialled),
        })
    }

    /// Options by which less is in flight. A full window that goes byte by byte takes long, and proves no more.
    fn windows(&self) -> &'static [(&'static str, &'static str)] {
        match self.hardship() {
            Some(Hardship::OneByteReads | Hardship::ShortWrites) => SMALL_WINDOWS,
            _ => &[],
        }
    }
}

/// What `future` gives, or a failure when it takes longer than what must happen at once may.
pub(crate) async fn at_once<F: Future>(what: &str, future: F) -> Check<F::Output> {
    let late = |_| Failure::new(format!("{what} took longer than {} s", AT_ONCE.as_secs()));
    timeout(AT_ONCE, future).await.map_err(late)
}

/// A listener and a dialer for it.
pub(crate) struct Endpoints {
    pub(crate) dialer: Acceptor,
    pub(crate) listener: Acceptor,
    numbers: Arc<AtomicU64>,
}

impl Endpoints {
    /// The two ends of one more channel: the dialled one, then the accepted one.
    pub(crate) async fn connect(&mut self) -> Check<(Connection, Connection)> {
        let (mut dialled, mut accepted) = tokio::try_join!(self.dialer.next(), self.listener.next())?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        dialled.follow(number, Side::Dialer);
        accepted.follow(number, Side::Listener);
        Ok((dialled, accepted))
    }
}

/// A generator under test.
pub(crate) struct Acceptor {
    pub(crate) generator: Box<dyn ChannelGenerator>,
    side: Side,
    log: Arc<Entry>,
    ledger: Arc<Ledger>,
}

impl Acceptor {
    pub(crate) fn endpoint(&self) -> &Endpoint {
        self.generator.endpoint()
    }

    /// Another dialer of the same endpoint, which can be asked while this one is; where the transport has forks.
    pub(crate) fn fork(&self) -> Option<Self> {
        let generator = self.generator.fork()?;
        let log = self.ledger.entry(format!("a fork of a dialer of {}", generator.endpoint()));
        Some(Self { generator, side: self.side, log, ledger: self.ledger.clone() })
    }

    /// One end of its next channel.
    pub(crate) async fn next(&mut self) -> Check<Connection> {
        Ok(self.try_next().await?)
    }

    /// As [`next`](Self::next), with the error that the transport reports.
    pub(crate) async fn try_next(&mut self) -> Result<Connection, NextError> {
        let channel = self.next_channel().await?;
        Ok(self.end(channel))
    }

    /// As [`next`](Self::next), asking again for as long as that may help: a queue may be full for now.
    pub(crate) async fn next_in_the_end(&mut self) -> Check<Connection> {
        loop {
            match self.try_next().await {
                Err(error) if !error.is_final => sleep(PAUSE).await,
                other => return Ok(other?),
            }
        }
    }

    /// As [`next_in_the_end`](Self::next_in_the_end), and says that it is `number`.
    pub(crate) async fn introduced(&mut self, number: u64) -> Check<Connection> {
        let mut end = self.next_in_the_end().await?;
        end.introduce(number).await?;
        Ok(end)
    }

    /// Accepts until a channel introduces itself as `number`. A peer that says something else, or goes away, is another.
    pub(crate) async fn find(&mut self, number: u64) -> Check<Connection> {
        let mut meeting = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(met) = meeting.join_next() => {
                    if let Ok(far) = met? {
                        return Ok(far);
                    }
                }
                far = self.try_next() => match far {
                    Ok(mut far) => {
                        meeting.spawn(async move {
                            let met = far.meet().await?;
                            ensure!(met == Some(number), "another channel: {met:?}");
                            Ok(far)
                        });
                    }
                    Err(error) if error.is_final => {
                        return Err(Failure::new(format!("the listener gave up: {}", describe(&error))));
                    }
                    // One connection failed; others come.
                    Err(_) => yield_now().await,
                },
            }
        }
    }

    /// Its next channel as it is.
    pub(crate) async fn next_channel(&mut self) -> Result<Channel, NextError> {
        let _busy = self.waiting();
        self.generator.next().await
    }

    /// Tells, until it is dropped, that the generator is asked.
    pub(crate) fn waiting(&self) -> Busy {
        self.log.busy(if self.side == Side::Dialer { Doing::Dialling } else { Doing::Accepting })
    }

    /// A channel of this generator as an end.
    pub(crate) fn end(&self, channel: Channel) -> Connection {
        let who = if self.side == Side::Dialer { "a dialled end" } else { "an accepted end" };
        Connection::new(channel, self.side, who, &self.ledger)
    }
}

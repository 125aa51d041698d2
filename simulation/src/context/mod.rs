//! Shared state of one run: clock, plan, trace, history and counters.

mod channels;
mod faults;
mod handlers;
mod quiet;
mod situation;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use listenrain::{CallError, Endpoint};
use tokio::sync::watch;

use crate::faults::FaultPlan;
use crate::history::{Call, End, History};
use crate::random::Random;
use crate::trace::{Event, Trace};

pub(crate) use self::channels::{Cut, LANE_DEAD, Sever};
pub(crate) use self::faults::{ALL_DOWN, FAILED_BACK, FAILED_OVER};
pub use self::handlers::RunningHandler;
pub use self::situation::{Situation, When};

/// Which way something passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// From the client to a server.
    ToServer,
    /// From a server to the client.
    ToClient,
}

/// Tells the time of a run.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// One run, as everyone who takes part in it sees it. Cheap to clone.
#[derive(Clone)]
pub struct RunContext {
    shared: Arc<Shared>,
}

struct Shared {
    plan: FaultPlan,
    clock: Clock,
    seen: Mutex<Seen>,
    listening: watch::Sender<BTreeMap<usize, Endpoint>>,
    over: watch::Sender<bool>,
}

#[derive(Default)]
struct Seen {
    trace: Trace,
    history: History,
    /// How often each fault of the plan has happened.
    fired: BTreeMap<usize, u64>,
    situations: BTreeSet<Situation>,
    violations: Vec<String>,
    /// Open channels, by party.
    channels: BTreeMap<u16, usize>,
    /// Channels that were opened, by party.
    opened: BTreeMap<u16, usize>,
    channels_made: u64,
    dialing: usize,
    draining: bool,
    drawn: u64,
    /// Open channels by number, with whose they are, to be cut when their program is killed.
    wires: BTreeMap<u64, (u16, Weak<dyn Sever>)>,
    /// Parties whose programs are about to be killed.
    dying: BTreeSet<u16>,
    /// Nothing counts any more.
    is_closed: bool,
    /// Servers that do not run.
    down: BTreeSet<usize>,
    /// Where the client was led last.
    led_to: Option<usize>,
    /// Writes, dials and datagrams between the client and each server.
    passed: BTreeMap<(usize, Way), u64>,
    /// Handlers that run, by party.
    handlers: BTreeMap<u16, usize>,
    /// What servers have in use at a time when nothing should be, by name; `None`: something may be.
    quiet: Option<BTreeMap<String, InUse>>,
}

/// What a side has in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InUse {
    /// Requests that have not ended.
    pub requests: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets that wait to be written.
    pub queued: u64,
}

/// Most violations that one run reports.
const MOST_VIOLATIONS: usize = 20;

impl RunContext {
    /// A run of `plan` whose time `clock` tells.
    #[must_use]
    pub fn new(plan: FaultPlan, clock: Clock) -> Self {
        let seen = Mutex::new(Seen::default());
        let (listening, over) = (watch::Sender::default(), watch::Sender::default());
        Self { shared: Arc::new(Shared { plan, clock, seen, listening, over }) }
    }

    /// The same without a trace: for a load that lasts as long as it likes.
    #[must_use]
    pub fn untraced(plan: FaultPlan, clock: Clock) -> Self {
        let context = Self::new(plan, clock);
        context.close();
        context
    }

    /// What goes wrong in it.
    #[must_use]
    pub fn plan(&self) -> &FaultPlan {
        &self.shared.plan
    }

    /// How long it has lasted.
    #[must_use]
    pub fn now(&self) -> Duration {
        (self.shared.clock)()
    }

    /// When the last event was.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        let seen = self.seen();
        let last = seen.trace.events().last().map_or(0, |event| event.at_us);
        Duration::from_micros(last)
    }

    /// Random choices for the purpose `what`, the same for the same seed and order of asking.
    #[must_use]
    pub fn random(&self, what: &str) -> Random {
        let mut seen = self.seen();
        seen.drawn += 1;
        let number = seen.drawn;
        drop(seen);
        Random::of(self.plan().seed.wrapping_add(number), what)
    }

    /// Notes something that happened to party `who`.
    pub fn note(&self, who: u16, what: &'static str, number: u64, amount: u64) {
        let now = self.now();
        let mut seen = self.seen();
        if !seen.is_closed {
            seen.trace.add(now, who, what, number, amount);
        }
    }

    /// Server `server` listens at `endpoint`.
    pub fn listens(&self, server: usize, endpoint: Endpoint) {
        self.seen().down.remove(&server);
        self.shared.listening.send_modify(|listening| {
            listening.insert(server, endpoint);
        });
    }

    /// Where `server` listens or has listened.
    #[must_use]
    pub fn endpoint(&self, server: usize) -> Option<Endpoint> {
        self.shared.listening.borrow().get(&server).cloned()
    }

    /// Which server listens at `endpoint`.
    #[must_use]
    pub fn server_at(&self, endpoint: &Endpoint) -> Option<usize> {
        let bare = |endpoint: &Endpoint| (endpoint.scheme().to_owned(), endpoint.address().to_owned());
        let wanted = bare(endpoint);
        let listening = self.shared.listening.borrow();
        listening.iter().find(|(_, at)| bare(at) == wanted).map(|(server, _)| *server)
    }

    /// Where each of `servers` servers listens, once all have done so.
    pub async fn endpoints(&self, servers: usize) -> Vec<Endpoint> {
        let mut listening = self.shared.listening.subscribe();
        // The sender lives as long as this context.
        let all = listening.wait_for(|listening| listening.len() >= servers).await;
        all.map(|all| all.values().take(servers).cloned().collect()).unwrap_or_default()
    }

    /// The clients have done what they had to: servers end now.
    pub fn end(&self) {
        self.shared.over.send_replace(true);
    }

    /// Ready once the clients have done what they had to.
    pub async fn over(&self) {
        let mut over = self.shared.over.subscribe();
        let _ = over.wait_for(|over| *over).await;
    }

    /// Whether the clients have done what they had to.
    #[must_use]
    pub fn is_over(&self) -> bool {
        *self.shared.over.borrow()
    }

    /// Something is not as it must be.
    pub fn violation(&self, what: impl Into<String>) {
        let mut seen = self.seen();
        if seen.violations.len() < MOST_VIOLATIONS {
            seen.violations.push(what.into());
        }
    }

    /// What is not as it must be.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.seen().violations.clone()
    }

    /// The clients are being closed in an orderly way, or no longer.
    pub fn set_draining(&self, draining: bool) {
        self.seen().draining = draining;
    }

    /// Call `number` is made.
    pub fn call_begins(&self, number: u64, call: Call) {
        let mut seen = self.seen();
        seen.trace.add(call.began, Event::RUN, "call", number, call.timeout.as_micros() as u64);
        seen.history.begins(number, call);
    }

    /// The caller of `number` is told `end`, with what is wrong with its reply.
    pub fn call_ends(&self, number: u64, end: End, wrong: Option<String>) {
        let now = self.now();
        let mut seen = self.seen();
        seen.trace.add(now, Event::RUN, end.name(), number, 0);
        seen.history.ends(number, now, end);
        if let Some(why) = wrong {
            seen.history.note(number, |call| call.wrong = Some(why));
        }
    }

    /// The caller of `number` is told that there is no reply, and why.
    pub fn call_fails(&self, number: u64, error: CallError) {
        self.call_ends(number, End::of(&error), None);
        self.seen().history.note(number, |call| call.error = Some(error));
    }

    /// Reads the history.
    pub fn with_history<R>(&self, read: impl FnOnce(&History) -> R) -> R {
        read(&self.seen().history)
    }

    /// How many events its trace has.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.seen().trace.count()
    }

    /// The trace so far.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.seen().trace.clone()
    }

    /// The run is over: what happens while it is taken down is no part of it.
    pub(crate) fn close(&self) {
        self.seen().is_closed = true;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Panics are judged elsewhere; what is here is whole after each step.
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RunContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunContext").field("plan", self.plan()).finish_non_exhaustive()
    }
}

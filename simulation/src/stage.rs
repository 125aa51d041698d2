//! What all parties of one run share: its clock, its plan, its trace and history, and what has been seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use listenrain::Endpoint;
use tokio::sync::watch;

use crate::fault::{Fault, FaultKind, FaultPlan};
use crate::history::{Call, End, History};
use crate::random::Random;
use crate::scenario::Situation;
use crate::stream::{Cut, Wire};
use crate::trace::{Event, Trace};

/// Tells the time of a run.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// One run, as everyone who takes part in it sees it. Cheap to clone.
#[derive(Clone)]
pub struct Stage {
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
    channels_made: u64,
    dialing: usize,
    draining: bool,
    drawn: u64,
    /// Open channels by number, with whose they are, to be cut when their program is killed.
    wires: BTreeMap<u64, (u16, Weak<Wire>)>,
    /// Parties whose programs are about to be killed.
    dying: BTreeSet<u16>,
    /// Nothing counts any more.
    is_closed: bool,
    /// Servers that do not run.
    down: BTreeSet<usize>,
    /// Where the client was led last.
    led_to: Option<usize>,
    /// Writes, dials and datagrams between the client and each server.
    passed: BTreeMap<usize, u64>,
}

/// A client was led to another server than before.
pub(crate) const FAILED_OVER: &str = "a client led to the standby";
/// A client was led to the active server again.
pub(crate) const FAILED_BACK: &str = "a client led back to the active server";
/// No server ran.
pub(crate) const ALL_DOWN: &str = "every server down at once";
/// Some lanes of a client were lost while others were not.
pub(crate) const LANE_DEAD: &str = "a lane lost beside others";

/// Most violations that one run reports.
const MOST_VIOLATIONS: usize = 20;

impl Stage {
    /// A run of `plan` whose time `clock` tells.
    #[must_use]
    pub fn new(plan: FaultPlan, clock: Clock) -> Self {
        let seen = Mutex::new(Seen::default());
        let (listening, over) = (watch::Sender::default(), watch::Sender::default());
        Self { shared: Arc::new(Shared { plan, clock, seen, listening, over }) }
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

    /// Whether everything is healed that will be.
    #[must_use]
    pub fn is_healed(&self) -> bool {
        self.now() >= self.plan().heal()
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
        // The sender lives as long as this stage.
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
        seen.trace.add(call.began, Event::WORLD, "call", number, call.timeout.as_micros() as u64);
        seen.history.begins(number, call);
    }

    /// The caller of `number` is told `end`, with what is wrong with its reply.
    pub fn call_ends(&self, number: u64, end: End, wrong: Option<String>) {
        let now = self.now();
        let mut seen = self.seen();
        seen.trace.add(now, Event::WORLD, end.name(), number, 0);
        seen.history.ends(number, now, end);
        if let Some(why) = wrong {
            seen.history.note_wrong(number, why);
        }
    }

    /// The handler of `number` begins; whether there is such a call.
    pub fn call_executes(&self, who: u16, number: u64) -> bool {
        let now = self.now();
        let mut seen = self.seen();
        seen.trace.add(now, who, "executes", number, 0);
        seen.history.executes(number, now)
    }

    /// Reads the history.
    pub fn with_history<R>(&self, read: impl FnOnce(&History) -> R) -> R {
        read(&self.seen().history)
    }

    /// The trace so far.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.seen().trace.clone()
    }
}

/// Faults.
impl Stage {
    /// The faults of `kind` that concern `server` and are on now, with their places in the plan.
    pub fn active(&self, kind: FaultKind, server: usize) -> impl Iterator<Item = (usize, &Fault)> {
        let (now, heal) = (self.now(), self.plan().heal());
        let all = self.plan().faults.iter().enumerate();
        all.filter(move |(_, fault)| fault.kind == kind && fault.concerns(server))
            .filter(move |(_, fault)| fault.begins() <= now && fault.ends(heal).is_none_or(|end| now < end))
    }

    /// The next time at which a fault begins or ends; `None` when none will.
    #[must_use]
    pub fn next_change(&self) -> Option<Duration> {
        let (now, heal) = (self.now(), self.plan().heal());
        let faults = self.plan().faults.iter();
        let changes = faults.flat_map(|fault| [Some(fault.begins()), fault.ends(heal)]).flatten();
        changes.filter(|change| *change > now).min()
    }

    /// Fault number `fault` has happened, to party `who`; `in_packet`: in the middle of a write.
    pub fn fired(&self, fault: usize, who: u16, in_packet: bool) {
        let now = self.now();
        let kind = self.plan().faults[fault].kind;
        let mut seen = self.seen();
        let times = seen.fired.entry(fault).or_default();
        *times += 1;
        // What goes on all the time is noted once.
        let notable = *times == 1 || kind.cuts();
        if notable {
            seen.trace.add(now, who, kind.name(), fault as u64, u64::from(in_packet));
            seen.look(kind, in_packet);
        }
    }

    /// Whether fault number `fault` has happened.
    #[must_use]
    pub fn has_fired(&self, fault: usize) -> bool {
        self.seen().fired.contains_key(&fault)
    }

    /// The kinds that have happened, and how often.
    #[must_use]
    pub fn kinds_fired(&self) -> BTreeMap<FaultKind, u64> {
        let seen = self.seen();
        let mut kinds = BTreeMap::new();
        for (fault, times) in &seen.fired {
            *kinds.entry(self.plan().faults[*fault].kind).or_default() += times;
        }
        kinds
    }

    /// Something that a scenario is there for has happened.
    pub fn situation(&self, situation: Situation) {
        self.seen().situations.insert(situation);
    }

    /// What has happened of what scenarios are there for.
    #[must_use]
    pub fn situations(&self) -> BTreeSet<Situation> {
        self.seen().situations.clone()
    }

    /// A channel of the client `who` is lost, which had taken these calls.
    pub(crate) fn channel_lost(&self, who: u16, calls: &[u64]) {
        let now = self.now();
        let mut seen = self.seen();
        if seen.channels.get(&who).is_some_and(|channels| *channels > 1) {
            seen.situations.insert(Situation::Seen(LANE_DEAD));
        }
        calls.iter().for_each(|number| seen.history.doom(*number, now));
    }

    /// Channel `channel` has taken all of call `number`; whether there is such a call.
    pub(crate) fn call_is_sent(&self, who: u16, number: u64) -> bool {
        let now = self.now();
        let mut seen = self.seen();
        let is_call = seen.history.is_sent(number, now);
        if is_call {
            seen.trace.add(now, who, "sent", number, 0);
        }
        is_call
    }

    /// Fault number `fault` has killed `server`, which is party `who`; there are `servers` of them.
    pub fn killed(&self, fault: usize, server: usize, servers: usize) {
        self.note(server as u16, "killed", server as u64, 0);
        let mut seen = self.seen();
        seen.down.insert(server);
        if seen.down.len() == servers {
            seen.situations.insert(Situation::Seen(ALL_DOWN));
        }
        drop(seen);
        self.fired(fault, server as u16, false);
    }

    /// Something is to pass between the client and `server`.
    pub fn passes(&self, server: usize) {
        *self.seen().passed.entry(server).or_default() += 1;
    }

    /// How much was to pass between the client and `server` so far: writes, dials, datagrams.
    #[must_use]
    pub fn passed(&self, server: usize) -> u64 {
        self.seen().passed.get(&server).copied().unwrap_or(0)
    }

    /// The client was led to `server`.
    pub(crate) fn led_to(&self, server: usize) {
        let mut seen = self.seen();
        let situation = match seen.led_to.replace(server) {
            Some(before) if before < server => FAILED_OVER,
            Some(before) if before > server => FAILED_BACK,
            _ => return,
        };
        seen.situations.insert(Situation::Seen(situation));
    }

    /// Cuts every channel of party `who`, oldest first, and each that it opens from now on: its program is about to be
    /// killed. A runtime that is dropped drops its tasks in no order that a seed decides.
    pub(crate) fn dies(&self, who: u16) {
        let mut seen = self.seen();
        seen.dying.insert(who);
        let its = seen.wires.values().filter(|(whose, _)| *whose == who);
        let wires: Vec<_> = its.filter_map(|(_, wire)| wire.upgrade()).collect();
        drop(seen);
        wires.iter().for_each(|wire| wire.sever(Cut::Reset));
    }

    /// Party `who` is started again.
    pub(crate) fn lives(&self, who: u16) {
        self.seen().dying.remove(&who);
    }

    /// A channel is there that has to be cut when its program is killed.
    pub(crate) fn registers(&self, number: u64, who: u16, wire: &Arc<Wire>) {
        let mut seen = self.seen();
        seen.wires.insert(number, (who, Arc::downgrade(wire)));
        let is_dying = seen.dying.contains(&who);
        drop(seen);
        if is_dying {
            wire.sever(Cut::Reset);
        }
    }

    /// The run is over: what happens while it is taken down is no part of it.
    pub(crate) fn close(&self) {
        self.seen().is_closed = true;
    }

    /// A dial is under way until what is given back is dropped.
    #[must_use]
    pub fn dialing(&self) -> Dialing {
        self.seen().dialing += 1;
        Dialing(self.clone())
    }

    /// A channel is open at party `who` until what is given back is dropped.
    #[must_use]
    pub fn channel(&self, who: u16) -> OpenChannel {
        let now = self.now();
        let mut seen = self.seen();
        seen.channels_made += 1;
        let number = seen.channels_made;
        *seen.channels.entry(who).or_default() += 1;
        seen.trace.add(now, who, "channel opens", number, 0);
        drop(seen);
        OpenChannel { stage: self.clone(), who, number }
    }

    /// Channels open at party `who`.
    #[must_use]
    pub fn channels(&self, who: u16) -> usize {
        self.seen().channels.get(&who).copied().unwrap_or(0)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Panics are judged elsewhere; what is here is whole after each step.
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// In which situation a fault of `kind` has happened.
    fn look(&mut self, kind: FaultKind, in_packet: bool) {
        let whens = [
            (self.history.open() > 0, crate::scenario::When::CallsInFlight),
            (self.dialing > 0, crate::scenario::When::Dialing),
            (self.draining, crate::scenario::When::Draining),
            (in_packet, crate::scenario::When::InPacket),
        ];
        let holds = whens.into_iter().filter(|(holds, _)| *holds);
        self.situations.extend(holds.map(|(_, when)| Situation::Fault(kind, when)));
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("plan", self.plan()).finish_non_exhaustive()
    }
}

/// A dial that is under way.
#[derive(Debug)]
pub struct Dialing(Stage);

impl Drop for Dialing {
    fn drop(&mut self) {
        self.0.seen().dialing -= 1;
    }
}

/// A channel that is open.
#[derive(Debug)]
pub struct OpenChannel {
    stage: Stage,
    who: u16,
    /// Which channel of the run, counted from 1.
    pub number: u64,
}

impl Drop for OpenChannel {
    fn drop(&mut self) {
        let now = self.stage.now();
        let mut seen = self.stage.seen();
        seen.wires.remove(&self.number);
        if let Some(channels) = seen.channels.get_mut(&self.who) {
            *channels -= 1;
        }
        // Those of a program that is killed close in any order.
        if !seen.is_closed && !seen.dying.contains(&self.who) {
            seen.trace.add(now, self.who, "channel closes", self.number, 0);
        }
    }
}

//! Active and past faults of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{RunContext, Seen, Situation, Way, When};
use crate::faults::{Fault, FaultKind};

/// A client was led to another server than before.
pub(crate) const FAILED_OVER: &str = "a client led to the standby";
/// A client was led to the active server again.
pub(crate) const FAILED_BACK: &str = "a client led back to the active server";
/// No server ran.
pub(crate) const ALL_DOWN: &str = "every server down at once";

impl RunContext {
    /// The faults of `kind` that concern `server` and are on now, with their places in the plan.
    pub fn active(&self, kind: FaultKind, server: usize) -> impl Iterator<Item = (usize, &Fault)> {
        self.plan().active(kind, server, self.now())
    }

    /// The first fault of `kind` that is on for `server`, with how much of it there is.
    pub(crate) fn amount(&self, kind: FaultKind, server: usize) -> Option<(usize, u64)> {
        self.active(kind, server).next().map(|(fault, how)| (fault, how.amount))
    }

    /// The next time at which a fault begins or ends; `None` when none will.
    #[must_use]
    pub fn next_change(&self) -> Option<Duration> {
        self.plan().next_change(self.now())
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
    pub fn passes(&self, server: usize, way: Way) {
        *self.seen().passed.entry((server, way)).or_default() += 1;
    }

    /// How much was to pass between the client and `server` so far: writes, dials, datagrams.
    #[must_use]
    pub fn passed(&self, server: usize, way: Way) -> u64 {
        self.seen().passed.get(&(server, way)).copied().unwrap_or(0)
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
}

impl Seen {
    /// In which situation a fault of `kind` has happened.
    fn look(&mut self, kind: FaultKind, in_packet: bool) {
        let whens = [
            (self.history.open() > 0, When::CallsInFlight),
            (self.dialing > 0, When::Dialing),
            (self.draining, When::Draining),
            (in_packet, When::InPacket),
        ];
        let holds = whens.into_iter().filter(|(holds, _)| *holds);
        self.situations.extend(holds.map(|(_, when)| Situation::Fault(kind, when)));
    }
}

//! Network faults between the client and each server.

use std::time::Duration;

use turmoil::Sim;

use super::{LATENCY_MS, server_host};
use crate::context::{RunContext, Way};
use crate::faults::FaultKind;

/// Every link from the client to a server, as it is now.
pub(super) struct Links(Vec<Link>);

struct Link {
    state: State,
    latency: u64,
    fail: u64,
    dark: bool,
    /// The faults that are on, each with how much had passed when it began.
    on: Vec<(usize, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Cut,
    CutToServer,
    CutToClient,
    Held,
}

impl Links {
    pub(super) fn new(servers: usize) -> Self {
        let open = || Link { state: State::Open, latency: LATENCY_MS, fail: 0, dark: false, on: Vec::new() };
        Self((0..servers).map(|_| open()).collect())
    }

    /// Nothing passes to or from `server` any more.
    pub(super) fn darken(&mut self, sim: &Sim<'_>, server: usize) {
        self.0[server].dark = true;
        self.0[server].enter(State::Cut, sim, server);
    }

    /// What [`darken`](Self::darken) did is over.
    pub(super) fn lighten(&mut self, sim: &Sim<'_>, server: usize) {
        self.0[server].dark = false;
        self.0[server].enter(State::Open, sim, server);
    }

    /// Brings every link into the state that the plan wants for `now`.
    pub(super) fn look(&mut self, sim: &mut Sim<'_>, context: &RunContext, now: Duration) {
        for (server, link) in self.0.iter_mut().enumerate() {
            link.look(sim, context, server, now);
        }
    }
}

impl Link {
    fn look(&mut self, sim: &mut Sim<'_>, context: &RunContext, server: usize, now: Duration) {
        let mut on = Vec::new();
        let (mut state, mut latency, mut fail) = (State::Open, LATENCY_MS, 0);
        for (number, fault) in context.plan().faults.iter().enumerate() {
            let ends = fault.ends(context.plan().heal());
            let is_on = fault.concerns(server) && fault.begins() <= now && ends.is_none_or(|end| now < end);
            if !is_on {
                continue;
            }
            match fault.kind {
                FaultKind::Partition => state = State::Cut,
                FaultKind::PartitionToServer => state = State::CutToServer,
                FaultKind::PartitionToClient => state = State::CutToClient,
                FaultKind::Hold => state = State::Held,
                FaultKind::Latency => latency = latency.max(fault.amount),
                FaultKind::Loss => fail = fail.max(fault.amount),
                FaultKind::Flapping => {
                    let round = u128::from(fault.amount.max(2));
                    if (now - fault.begins()).as_millis() % round >= round / 2 {
                        continue;
                    }
                    state = State::Cut;
                }
                _ => continue,
            }
            on.push(number);
        }
        if !self.dark {
            self.enter(state, sim, server);
        }
        self.set(sim, server, latency, fail);
        self.note(context, server, &on);
    }

    /// A fault has happened once something was to pass while it was on; of rare losses, once many were.
    fn note(&mut self, context: &RunContext, server: usize, on: &[usize]) {
        let passed = |fault: usize| match context.plan().faults[fault].kind {
            FaultKind::PartitionToServer => context.passed(server, Way::ToServer),
            FaultKind::PartitionToClient => context.passed(server, Way::ToClient),
            _ => context.passed(server, Way::ToServer) + context.passed(server, Way::ToClient),
        };
        self.on.retain(|(fault, _)| on.contains(fault));
        for fault in on {
            if !self.on.iter().any(|(known, _)| known == fault) {
                self.on.push((*fault, passed(*fault)));
            }
        }
        for (fault, before) in &self.on {
            let how = &context.plan().faults[*fault];
            let enough = if how.kind == FaultKind::Loss { 3000 / how.amount.max(1) } else { 1 };
            if passed(*fault) - before >= enough && !context.has_fired(*fault) {
                context.fired(*fault, crate::trace::Event::RUN, false);
            }
        }
    }

    fn enter(&mut self, next: State, sim: &Sim<'_>, server: usize) {
        if self.state == next {
            return;
        }
        let (client, server) = ("client", server_host(server));
        let server = server.as_str();
        match self.state {
            State::Open => {}
            State::Cut => sim.repair(client, server),
            State::CutToServer => sim.repair_oneway(client, server),
            State::CutToClient => sim.repair_oneway(server, client),
            State::Held => sim.release(client, server),
        }
        match next {
            State::Open => {}
            State::Cut => sim.partition(client, server),
            State::CutToServer => sim.partition_oneway(client, server),
            State::CutToClient => sim.partition_oneway(server, client),
            State::Held => sim.hold(client, server),
        }
        self.state = next;
    }

    fn set(&mut self, sim: &mut Sim<'_>, server: usize, latency: u64, fail: u64) {
        let name = server_host(server);
        if self.latency != latency {
            self.latency = latency;
            sim.set_link_max_message_latency("client", name.as_str(), Duration::from_millis(latency));
        }
        if self.fail != fail {
            self.fail = fail;
            sim.set_link_fail_rate("client", name.as_str(), fail.min(1000) as f64 / 1000.0);
        }
    }
}

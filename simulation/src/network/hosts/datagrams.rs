//! Datagram faults.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::server_host;
use crate::context::{RunContext, Way};
use crate::faults::FaultKind;
use crate::random::Random;
use crate::simulated::{Datagram, Fate, Tamper};

/// How many datagrams a burst takes with it, at most.
const BURST: usize = 8;
/// How long a datagram waits at a bottleneck, at most.
const QUEUE: Duration = Duration::from_millis(100);

/// Decides for the datagrams that one host sends.
pub(super) struct Datagrams {
    context: RunContext,
    servers: usize,
    state: Mutex<State>,
}

struct State {
    random: Random,
    /// Datagrams that a burst still takes.
    burst: usize,
    /// When the bottleneck has passed what waits there.
    free: Duration,
}

impl Datagrams {
    pub(super) fn new(context: RunContext, servers: usize) -> Self {
        let random = context.random("datagrams");
        Self { context, servers, state: Mutex::new(State { random, burst: 0, free: Duration::ZERO }) }
    }

    /// Which server's link a datagram between these goes over.
    fn server(&self, from: SocketAddr, to: SocketAddr) -> usize {
        let is_at = |server: &usize| {
            let address = turmoil::lookup(server_host(*server));
            address == from.ip() || address == to.ip()
        };
        (0..self.servers).find(is_at).unwrap_or(0)
    }
}

impl Tamper for Datagrams {
    fn fate(&self, datagram: &Datagram) -> Fate {
        let server = self.server(datagram.from, datagram.to);
        self.context.note(crate::trace::Event::RUN, "datagram", server as u64, datagram.len as u64);
        let is_to_server = datagram.to.ip() == turmoil::lookup(server_host(server));
        self.context.passes(server, if is_to_server { Way::ToServer } else { Way::ToClient });
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (fate, causes) = state.decide(&self.context, server, datagram.len);
        drop(state);
        let who = crate::trace::Event::RUN;
        causes.into_iter().for_each(|fault| self.context.fired(fault, who, false));
        fate
    }
}

impl State {
    /// What becomes of a datagram of `len` bytes, and which faults have a part in it.
    fn decide(&mut self, context: &RunContext, server: usize, len: usize) -> (Fate, Vec<usize>) {
        let on = |kind| context.amount(kind, server);
        let mut causes = Vec::new();
        if let Some((fault, most)) = on(FaultKind::Mtu)
            && len as u64 > most
        {
            return (Fate::LOSE, vec![fault]);
        }
        if let Some((fault, in_thousand)) = on(FaultKind::BurstLoss) {
            if self.burst == 0 && self.happens(in_thousand) {
                self.burst = 1 + self.random.below(BURST);
            }
            if self.burst > 0 {
                self.burst -= 1;
                return (Fate::LOSE, vec![fault]);
            }
        }
        let mut fate = Fate::PASS;
        if let Some((fault, in_thousand)) = on(FaultKind::DoubledDatagrams)
            && self.happens(in_thousand)
        {
            (fate, causes) = (Fate::DOUBLE, vec![fault]);
        }
        if let Some((fault, in_thousand)) = on(FaultKind::CorruptDatagrams)
            && self.happens(in_thousand)
        {
            fate = fate.corrupt(self.random.below(len), 1 << self.random.below(8));
            causes.push(fault);
        }
        if let Some((fault, per_second)) = on(FaultKind::Bottleneck) {
            let now = context.now();
            let free = now.max(self.free) + Duration::from_micros(len as u64 * 1_000_000 / per_second.max(1));
            causes.push(fault);
            if free - now > QUEUE {
                return (Fate::LOSE, causes);
            }
            self.free = free;
            fate = fate.delay(free - now);
        }
        (fate, causes)
    }

    fn happens(&mut self, in_thousand: u64) -> bool {
        (self.random.below(1000) as u64) < in_thousand
    }
}

impl fmt::Debug for Datagrams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagrams").field("servers", &self.servers).finish_non_exhaustive()
    }
}

//! One accepted channel, and what packets mean on it.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::Instant;

use super::Shared;
use super::builder::{OnDisconnect, Overload};
use super::dispatch::Incoming;
use super::responder::Answer;
use super::running::{Handling, Running};
use crate::channel::{Channel, ChannelFacts};
use crate::counters::count;
use crate::error::RemoteRefusal;
use crate::executor::Job;
use crate::link::{Role, Signal};
use crate::packet::{Kind, Packet};
use crate::primitives::budget::{Budget, Permit};
use crate::primitives::outbox::{Outbox, Ticket};
use crate::queued::Queued;

/// What outlives the reading of an accepted channel: handlers may still hold it.
pub(crate) struct Peer {
    pub(super) id: u64,
    pub(super) signal: Arc<Signal>,
    pub(super) running: Arc<Running>,
    pub(super) facts: Arc<ChannelFacts>,
    /// Requests of this channel that are not answered.
    budget: Arc<Budget>,
}

impl Peer {
    pub(super) fn new(id: u64, shared: &Shared, channel: &Channel) -> Self {
        Self {
            id,
            signal: Arc::new(Signal::new(Outbox::new((shared.parts.new_queue)()))),
            running: Arc::default(),
            facts: Arc::new(channel.facts.clone()),
            budget: Budget::new(shared.limits.requests, shared.limits.bytes),
        }
    }

    /// The channel is over: what is queued goes nowhere.
    pub(super) fn end(&self, on_disconnect: OnDisconnect) {
        drop(self.signal.outbox.close());
        if on_disconnect == OnDisconnect::Cancel {
            self.running.cancel_all();
        }
    }
}

/// What packets mean on the side that serves.
pub(super) struct Served {
    shared: Arc<Shared>,
    peer: Arc<Peer>,
}

impl Served {
    pub(super) fn new(shared: Arc<Shared>, peer: Arc<Peer>) -> Self {
        Self { shared, peer }
    }

    fn budgets(&self) -> [&Arc<Budget>; 3] {
        [&self.peer.budget, &self.shared.budget, &self.shared.parts.handler_budget]
    }

    fn answer(&self, kind: Kind, id: u64, payload: impl Into<Bytes>) {
        let _ = self.peer.signal.outbox.push(Ticket(0), Queued::new(Packet::new(kind, id, payload.into())));
    }

    fn refuse(&self, id: u64, why: RemoteRefusal) {
        count(&self.shared.counters.refused);
        if self.shared.parts.packets.abilities().errors {
            self.answer(Kind::Refused, id, why.to_bytes().to_vec());
        }
    }

    fn take_request(&self, packet: Packet) {
        let shared = &self.shared;
        let is_call = packet.kind != Kind::OneWay;
        if self.peer.signal.is_finishing() && shared.parts.packets.abilities().errors {
            if is_call {
                self.refuse(packet.id, RemoteRefusal::Draining);
            }
            return;
        }
        let payload = packet.payload.into_bytes();
        let Some(permits) = self.permits(payload.len()) else {
            if is_call {
                self.refuse(packet.id, RemoteRefusal::Overloaded);
            }
            return;
        };
        let answer = Answer::new(shared, &self.peer, packet.id, is_call, permits);
        let deadline = packet.deadline.map(|left| Instant::now() + left);
        let incoming = Incoming { payload, deadline, facts: Arc::clone(&self.peer.facts), answer };
        if let Some(handler) = shared.dispatch.dispatch(incoming) {
            let handling =
                Handling::new(handler, packet.id, Arc::clone(&self.peer.running), &shared.counters);
            shared.parts.handlers.execute(Job::new(Box::pin(handling)));
        }
    }

    /// Room for one more request. It is here already, so it is accounted for even a little beyond the limit; only
    /// where the protocol refuses can it be turned away.
    fn permits(&self, size: usize) -> Option<[Option<Permit>; 3]> {
        let weights = [size, size, 0];
        let budgets = self.budgets();
        if self.shared.overload == Overload::StopReading {
            return Some(std::array::from_fn(|at| Some(budgets[at].force_acquire(weights[at]))));
        }
        let permits: [Option<Permit>; 3] = std::array::from_fn(|at| budgets[at].try_acquire(weights[at]));
        permits.iter().all(Option::is_some).then_some(permits)
    }
}

impl Role for Served {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.overload == Overload::Refuse {
            return Poll::Ready(());
        }
        let who = self.peer.id;
        let full = self.budgets().into_iter().any(|budget| budget.poll_room(who, cx).is_pending());
        if full { Poll::Pending } else { Poll::Ready(()) }
    }

    fn packet(&mut self, packet: Packet) {
        match packet.kind {
            Kind::Request | Kind::Plain | Kind::OneWay => self.take_request(packet),
            Kind::Ping => self.answer(Kind::Pong, packet.id, Bytes::new()),
            Kind::Cancel => self.peer.running.cancel(packet.id),
            Kind::Pong => {}
            Kind::Reply | Kind::Error | Kind::Refused => count(&self.shared.counters.late_replies),
            Kind::Unknown(kind) => self.refuse(packet.id, RemoteRefusal::UnknownKind(kind)),
        }
    }

    fn leaving(&mut self, _: &mut Vec<(Ticket, Queued)>) {}

    fn idle(&self) -> bool {
        self.peer.budget.in_use().0 == 0
    }

    fn outlives_peers_end(&self) -> bool {
        true
    }
}

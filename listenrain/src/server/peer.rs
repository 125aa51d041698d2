//! One accepted channel, and what packets mean on it.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::Shared;
use super::builder::{OnDisconnect, Overload};
use super::dispatch::Incoming;
use super::responder::Answer;
use super::running::{Handling, Running};
use super::turns::Turns;
use crate::channel::{Channel, ChannelFacts};
use crate::correlation::Mode;
use crate::counters::count;
use crate::error::{LinkError, RemoteRefusal};
use crate::executor::Job;
use crate::link::{MAX_ANSWERS, Role, Signal};
use crate::packet::{Kind, Packet};
use crate::primitives::budget::{Budget, Permit, Place};
use crate::primitives::outbox::{Outbox, Ticket};
use crate::queued::Queued;
use crate::timers::deadline_in;
use bytes::Bytes;

/// What outlives the reading of an accepted channel: handlers may still hold it.
pub(crate) struct Peer {
    pub(super) id: u64,
    pub(super) signal: Arc<Signal>,
    pub(super) running: Arc<Running>,
    pub(super) facts: Arc<ChannelFacts>,
    /// Requests of this channel that are not answered.
    budget: Arc<Budget>,
    /// Set where order is all that a reply has.
    pub(super) turns: Option<Turns>,
}

impl Peer {
    pub(super) fn new(id: u64, shared: &Shared, channel: &Channel) -> Self {
        Self {
            id,
            signal: Arc::new(Signal::new(Outbox::new((shared.parts.new_queue)()))),
            running: Arc::default(),
            facts: Arc::new(channel.facts.clone()),
            budget: Budget::new(shared.limits.requests, shared.limits.bytes),
            turns: matches!(shared.parts.correlation.0, Mode::Order).then(Turns::default),
        }
    }

    /// The channel is over: what is queued goes nowhere.
    pub(super) fn end(&self, on_disconnect: OnDisconnect) {
        drop(self.signal.outbox.close());
        if let Some(turns) = &self.turns {
            turns.clear();
        }
        if on_disconnect == OnDisconnect::Cancel {
            self.running.cancel_all();
        }
    }
}

/// What packets mean on the side that serves.
pub(super) struct Served {
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    /// Whether the protocol can say that a request was not executed.
    can_refuse: bool,
    /// Answers without a handler (pongs, refusals) that wait to be written.
    answers: usize,
    /// Where this channel watches each budget.
    places: [Place; 3],
}

impl Served {
    pub(super) fn new(shared: Arc<Shared>, peer: Arc<Peer>) -> Self {
        // Where order is all there is, a refusal would overtake the answers before it.
        let can_refuse = shared.parts.packets.abilities().errors && peer.turns.is_none();
        Self { shared, peer, can_refuse, answers: 0, places: Default::default() }
    }

    fn budgets(&self) -> [&Arc<Budget>; 3] {
        [&self.peer.budget, &self.shared.budget, &self.shared.parts.handler_budget]
    }

    fn answer(&mut self, kind: Kind, id: u64, payload: impl Into<Bytes>) {
        self.answers += 1;
        let _ = self.peer.signal.outbox.push(Ticket(0), Queued::new(Packet::new(kind, id, payload.into())));
    }

    fn refuse(&mut self, id: u64, why: RemoteRefusal) {
        count(&self.shared.counters.refused);
        if self.can_refuse {
            self.answer(Kind::Refused, id, why.to_bytes().to_vec());
        }
    }

    fn take_request(&mut self, packet: Packet) {
        let is_call = packet.kind != Kind::OneWay;
        if self.can_refuse && self.peer.signal.is_finishing() {
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
        let shared = &self.shared;
        let answer = Answer::new(shared, &self.peer, packet.id, is_call, permits);
        let deadline = packet.deadline.map(deadline_in);
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
        if !self.can_refuse || self.shared.overload == Overload::StopReading {
            return Some(std::array::from_fn(|at| Some(budgets[at].force_acquire(weights[at]))));
        }
        let permits: [Option<Permit>; 3] = std::array::from_fn(|at| budgets[at].try_acquire(weights[at]));
        permits.iter().all(Option::is_some).then_some(permits)
    }
}

impl Role for Served {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // No waker: this very task makes room by writing, or the channel ends.
        let unread = self.answers >= MAX_ANSWERS;
        let unwanted = !self.can_refuse && self.peer.signal.is_finishing();
        if unread || unwanted {
            return Poll::Pending;
        }
        if self.can_refuse && self.shared.overload == Overload::Refuse {
            return Poll::Ready(());
        }
        let Self { shared, peer, places, .. } = self;
        let budgets = [&peer.budget, &shared.budget, &shared.parts.handler_budget];
        let full =
            budgets.into_iter().zip(places).any(|(budget, place)| budget.poll_room(place, cx).is_pending());
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

    fn leaving(&mut self, batch: &mut Vec<(Ticket, Queued)>) -> Result<(), LinkError> {
        let answered = batch.iter().filter(|(_, queued)| matches!(queued.kind(), Kind::Pong | Kind::Refused));
        self.answers = self.answers.saturating_sub(answered.count());
        Ok(())
    }

    fn idle(&self) -> bool {
        self.peer.budget.in_use().0 == 0
    }

    fn peer_ended(&mut self) {
        // It may only have ended its writing, and wait for its answers; or it may be gone.
        if self.shared.on_disconnect == OnDisconnect::Cancel {
            self.peer.running.cancel_all();
        }
    }

    fn outlives_peers_end(&self) -> bool {
        true
    }
}

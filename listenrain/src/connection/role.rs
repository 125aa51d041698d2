//! What packets mean on the side that calls.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;

use super::replies::Held;
use super::{Context, Shared};
use crate::correlation::{Mode, Taken};
use crate::counters::count;
use crate::error::{
    CallError, Failure, LinkError, MessageError, Outcome, Refusal, RemoteError, RemoteRefusal,
};
use crate::link::{MAX_ANSWERS, Role, Signal};
use crate::packet::{Kind, Packet};
use crate::primitives::in_flight::{CallId, Told};
use crate::primitives::lanes::OnLane;
use crate::primitives::outbox::Ticket;
use crate::queued::Queued;

/// Finds the call of each reply and ends it. It runs no user code and waits for nobody.
pub(super) struct Caller {
    shared: Arc<Shared>,
    lane: usize,
    epoch: u64,
    /// Of its own channel, which need not be the lane's any more.
    signal: Arc<Signal>,
    ended: Vec<(CallId, Outcome<Held>)>,
    told: Vec<Told<Context, Outcome<Held>>>,
    /// Calls in the order in which they left, for protocols where order is all there is. An ended call keeps its
    /// place, so that its late reply is not taken for the next one's.
    order: VecDeque<CallId>,
    /// Pongs and refusals that wait to be written.
    answers: usize,
}

/// Most ended calls whose replies a peer that answers in order still owes. One that owes more is not answering.
const MAX_TOMBSTONES: usize = 4096;

impl Caller {
    pub(super) fn new(shared: Arc<Shared>, lane: usize, epoch: u64) -> Self {
        let signal = Arc::clone(&shared.signals[lane]);
        Self {
            shared,
            lane,
            epoch,
            signal,
            ended: Vec::new(),
            told: Vec::new(),
            order: VecDeque::new(),
            answers: 0,
        }
    }

    fn end(&mut self, packet: Packet, outcome: impl FnOnce(&Shared, Bytes) -> Outcome<Held>) {
        let Packet { kind, id, payload, .. } = packet;
        let payload = payload.into_bytes();
        // What the library itself says of a request carries the request's packet id; only a reply is the user's message.
        let has_packet_id = self.shared.abilities.id && kind != Kind::Reply;
        let call = match &self.shared.parts.correlation.0 {
            Mode::Packet => Some(CallId::from_bits(id)),
            Mode::Order => self.order.pop_front(),
            Mode::Message(_) if has_packet_id => {
                let call = CallId::from_bits(id);
                self.shared.forget(call, false);
                Some(call)
            }
            Mode::Message(_) => self.find(&payload),
        };
        match call {
            Some(call) => {
                let outcome = outcome(&self.shared, payload);
                self.ended.push((call, outcome));
            }
            None => count(&self.shared.counters.late_replies),
        }
    }

    /// An id inside the message is read by user code, which may panic: then the reply is nobody's.
    fn find(&self, payload: &Bytes) -> Option<CallId> {
        let by_id = self.shared.by_id.as_ref()?;
        let taken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| by_id.take(payload)));
        match taken.unwrap_or_else(|_| Err(MessageError::new("reading the id panicked"))) {
            Ok(Taken::Call(call)) => Some(call),
            Ok(Taken::Late | Taken::Unknown) => None,
            Err(error) => {
                tracing::debug!(endpoint = %self.shared.endpoint(), %error, "reply without a readable id");
                count(&self.shared.counters.decode_errors);
                None
            }
        }
    }

    fn answer(&mut self, kind: Kind, id: u64, payload: impl Into<Bytes>) {
        if self.answers >= MAX_ANSWERS {
            return;
        }
        self.answers += 1;
        let packet = Packet::new(kind, id, payload.into());
        let _ = self.signal.outbox.push(Ticket(0), Queued::new(packet));
    }

    fn refuse(&mut self, id: u64, why: RemoteRefusal) {
        count(&self.shared.counters.refused);
        if self.shared.abilities.errors {
            self.answer(Kind::Refused, id, why.to_bytes().to_vec());
        }
    }
}

impl Role for Caller {
    fn poll_room(&mut self, _: &mut TaskContext<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn packet(&mut self, packet: Packet) {
        match packet.kind {
            Kind::Reply | Kind::Plain => self.end(packet, |shared, bytes| shared.replies.hold(bytes)),
            Kind::Error => self.end(packet, |_, bytes| {
                Err(CallError::Failed(Failure::Remote(RemoteError::from_bytes(&bytes))))
            }),
            Kind::Refused => self.end(packet, |_, bytes| {
                Err(CallError::Refused(Refusal::ByPeer(RemoteRefusal::from_bytes(&bytes))))
            }),
            Kind::Ping => self.answer(Kind::Pong, packet.id, Bytes::new()),
            Kind::Pong | Kind::Cancel => {}
            Kind::Request | Kind::OneWay => self.refuse(packet.id, RemoteRefusal::NoServer),
            Kind::Unknown(kind) => self.refuse(packet.id, RemoteRefusal::UnknownKind(kind)),
        }
    }

    fn batch_end(&mut self) {
        if self.ended.is_empty() {
            return;
        }
        let shared = &self.shared;
        let mut late = Vec::new();
        shared.calls.end_all(self.ended.drain(..), &mut self.told, |outcome| late.push(outcome));
        late.iter().for_each(|_| count(&shared.counters.late_replies));
        self.told.drain(..).for_each(Told::tell);
        shared.note_settled();
    }

    fn leaving(&mut self, batch: &mut Vec<(Ticket, Queued)>) -> Result<(), LinkError> {
        let answered = batch.iter().filter(|(_, queued)| matches!(queued.kind(), Kind::Pong | Kind::Refused));
        self.answers = self.answers.saturating_sub(answered.count());
        let call_of = |(ticket, _): &(Ticket, Queued)| (ticket.0 != 0).then(|| CallId::from_bits(ticket.0));
        let at = OnLane { lane: self.lane, epoch: Some(self.epoch) };
        self.shared.calls.retain_waiting(batch, call_of, |(_, queued), context| {
            context.permit = context.permit.take().or_else(|| queued.0.permits[0].take());
            context.at = at;
        });
        if matches!(self.shared.parts.correlation.0, Mode::Order) {
            let limit = self.shared.options.limits.requests + MAX_TOMBSTONES;
            if self.order.len() >= limit {
                return Err(LinkError::Unanswered { requests: self.order.len(), limit });
            }
            self.order.extend(batch.iter().filter_map(call_of));
        }
        Ok(())
    }

    fn idle(&self) -> bool {
        !self.shared.calls.any(|context| context.at.has_left_on(self.lane, self.epoch))
    }

    /// Answers that are queued already stay where they are, and are not waited for.
    fn follow(&mut self, signal: &Arc<Signal>) {
        (self.signal, self.answers) = (Arc::clone(signal), 0);
    }

    fn outlives_peers_end(&self) -> bool {
        false
    }
}

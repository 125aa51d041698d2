//! The client's role on a link: what it does with each packet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use tokio::time::Instant;

use super::Shared;
use super::context::Context;
use super::replies::Held;
use crate::correlation::{Mode, Taken};
use crate::counters::{count, count_by};
use crate::error::{CallError, ErrorCode, Failure, LinkError, Outcome, Refusal, RemoteError, RemoteRefusal};
use crate::link::{Batch, MAX_ANSWERS, Role, Signal};
use crate::packet::{Goodbye, Hello, Kind, Packet};
use crate::primitives::budget::{Account, Permit};
use crate::primitives::in_flight::{CallId, Told};
use crate::primitives::outbox::Ticket;
use crate::primitives::traffic::channel_key;
use crate::queued::Queued;

/// Finds the call of each reply and ends it. It runs no user code, and waits neither for callers nor for writers.
pub(super) struct Caller {
    shared: Arc<Shared>,
    lane: usize,
    epoch: u64,
    /// Of its own channel, which need not be the lane's any more.
    signal: Arc<Signal>,
    ended: Vec<(CallId, Outcome<Held>)>,
    told: Vec<Told<Box<Context>, Outcome<Held>>>,
    /// Calls in the order in which they left, for protocols where order is all there is. An ended call keeps its
    /// place, so that its late reply is not taken for the next one's.
    order: VecDeque<CallId>,
    /// Pongs and refusals that wait to be written.
    answers: usize,
    /// Requests and one-way messages that have left.
    requests: u64,
    one_ways: u64,
    hello: Greeting,
    goodbye: Option<Goodbye>,
    /// A channel ends once: further goodbyes count for nothing.
    has_goodbye: bool,
    /// The peer has said anything but goodbye.
    pub(super) has_heard: bool,
    /// The channel has not lasted long enough for a hello to show that its peer serves.
    is_young: bool,
    /// The peer has shown that it serves: by an answer, or, where it need not say hello, by keeping the channel open.
    pub(super) is_proven: bool,
}

/// How far the two sides have come in saying hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greeting {
    Unsaid,
    Said,
    /// The peer understands goodbyes; until it has said so it may.
    Answered,
    /// The protocol has no hello, or the peer does not know it.
    None,
}

/// Longest payload that is kept until its reply, to be sent again where the peer says that it never took it. A caller that uses
/// its buffers again would need as many large ones as it has calls in flight.
const MOST_KEPT: usize = 64 << 10;

/// Most ended calls whose replies a peer that answers in order still owes. One that owes more is not answering.
const MAX_TOMBSTONES: usize = 4096;

impl Caller {
    pub(super) fn new(shared: Arc<Shared>, lane: usize, epoch: u64) -> Self {
        let signal = Arc::clone(&shared.traffic.queues[lane]);
        let hello = if shared.parts.packets.capabilities.hello { Greeting::Unsaid } else { Greeting::None };
        Self {
            shared,
            lane,
            epoch,
            signal,
            ended: Vec::new(),
            told: Vec::new(),
            order: VecDeque::new(),
            answers: 0,
            requests: 0,
            one_ways: 0,
            hello,
            goodbye: None,
            has_goodbye: false,
            has_heard: false,
            is_young: true,
            is_proven: false,
        }
    }

    /// The channel has lasted for a while.
    pub(super) fn has_lasted(&mut self) {
        self.is_young = false;
        if self.has_heard || !self.shared.parts.packets.capabilities.hello {
            self.prove();
        }
    }

    fn prove(&mut self) {
        self.is_proven = true;
        self.shared.confirm(self.lane, self.epoch);
    }

    /// What the peer says shows that it serves, unless it is a hello of one that may hang up behind it.
    fn hear(&mut self, kind: Kind) {
        self.has_heard |= kind != Kind::Goodbye;
        let is_greeting = matches!(kind, Kind::Hello | Kind::HelloAnswer | Kind::Goodbye);
        if !is_greeting || (self.has_heard && !self.is_young) {
            self.prove();
        }
    }

    fn end(&mut self, packet: Packet, outcome: impl FnOnce(&Shared, Bytes) -> Outcome<Held>) {
        let Packet { kind, id, payload, .. } = packet;
        let payload = payload.into_bytes();
        // What the library itself says of a request carries the request's packet id; only a reply is the user's message.
        let has_packet_id = self.shared.parts.packets.capabilities.id && kind != Kind::Reply;
        let call = match &self.shared.parts.correlation.0 {
            Mode::Packet => Some(CallId::from_bits(id)),
            Mode::Order => self.order.pop_front(),
            Mode::Message(_) if has_packet_id => self.forget_id(CallId::from_bits(id)),
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

    /// The call, whose id in its message is free again, if it has left on this channel.
    fn forget_id(&self, call: CallId) -> Option<CallId> {
        let is_its_own = self.shared.traffic.calls.has_left_on(call, channel_key(self.lane, self.epoch));
        is_its_own.then(|| {
            self.shared.forget(call, false);
            call
        })
    }

    fn find(&self, payload: &Bytes) -> Option<CallId> {
        match self.shared.by_id.as_ref()?.take(payload) {
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
        if self.shared.parts.packets.capabilities.errors {
            self.answer(Kind::Refused, id, why.to_bytes());
        }
    }

    fn refused(&mut self, packet: Packet) {
        let why = RemoteRefusal::from_bytes(packet.payload.first());
        let is_of_hello = packet.id == 0 && matches!(why, RemoteRefusal::UnknownKind(_));
        if is_of_hello && self.hello == Greeting::Said {
            self.hello = Greeting::None;
            return;
        }
        self.end(packet, |shared, _| {
            Err(if why == RemoteRefusal::Expired {
                count(&shared.counters.timeouts);
                CallError::Expired
            } else {
                CallError::Refused(Refusal::ByPeer(why))
            })
        });
    }

    fn hear_goodbye(&mut self, payload: &Bytes) {
        if self.has_goodbye {
            return;
        }
        if let Some(goodbye) = Goodbye::from_bytes(payload) {
            self.has_goodbye = true;
            let untaken = self.one_ways.saturating_sub(goodbye.one_ways);
            count_by(&self.shared.counters.untaken_one_ways, untaken as usize);
            self.goodbye = Some(goodbye);
        }
    }

    /// Whether what leaves is kept, to be sent again where the peer says that it never took it.
    fn keeps_payloads(&self) -> bool {
        self.hello != Greeting::None && self.shared.options.resend_unsent
    }
}

impl Role for Caller {
    fn memory(&self) -> Option<Arc<Account>> {
        None
    }

    fn greeting(&mut self) -> Option<Packet> {
        if self.hello != Greeting::Unsaid {
            return None;
        }
        self.hello = Greeting::Said;
        Some(Packet::new(Kind::Hello, 0, Hello::OWN.to_bytes().to_vec()))
    }

    fn poll_room(&mut self, _: &mut TaskContext<'_>) -> Poll<()> {
        // What comes behind a goodbye may be about calls that it has sent elsewhere. The link goes on once it is heard.
        if self.goodbye.is_some() { Poll::Pending } else { Poll::Ready(()) }
    }

    fn packet(&mut self, packet: Packet, _: Option<Permit>, _: u64) {
        if !self.is_proven {
            self.hear(packet.kind);
        }
        match packet.kind {
            Kind::Reply | Kind::Plain => self.end(packet, |shared, bytes| {
                let held = shared.replies.hold(bytes);
                held.inspect_err(|_| count(&shared.counters.dropped_replies))
            }),
            Kind::Error => self.end(packet, |shared, bytes| {
                let error = RemoteError::from_bytes(&bytes);
                // The peer has only looked at the same clock a little earlier.
                Err(if error.code == ErrorCode::Deadline {
                    count(&shared.counters.timeouts);
                    CallError::Timeout
                } else {
                    CallError::Failed(Failure::Remote(error))
                })
            }),
            Kind::Refused => self.refused(packet),
            Kind::Ping => self.answer(Kind::Pong, packet.id, Bytes::new()),
            Kind::Hello => self.answer(Kind::HelloAnswer, 0, Hello::OWN.to_bytes().to_vec()),
            Kind::HelloAnswer => {
                let understands =
                    Hello::from_bytes(packet.payload.first()).is_some_and(Hello::understands_goodbye);
                self.hello = if understands { Greeting::Answered } else { Greeting::None };
            }
            Kind::Goodbye => self.hear_goodbye(packet.payload.first()),
            Kind::Pong | Kind::Cancel | Kind::GoodbyeAnswer => {}
            Kind::Request | Kind::OneWay => self.refuse(packet.id, RemoteRefusal::NoServer),
            Kind::Unknown(kind) => self.refuse(packet.id, RemoteRefusal::UnknownKind(kind)),
        }
    }

    fn too_large(&mut self, packet: Packet, size: u64, limit: usize) {
        match packet.kind {
            Kind::Reply | Kind::Error if self.shared.parts.packets.capabilities.id => {
                let Some(call) = self.forget_id(CallId::from_bits(packet.id)) else { return };
                self.ended.push((call, Err(CallError::Failed(Failure::ReplyTooLarge { size, limit }))));
            }
            Kind::Request => self.refuse(packet.id, RemoteRefusal::NoServer),
            _ => count(&self.shared.counters.late_replies),
        }
    }

    fn batch_end(&mut self) {
        if self.ended.is_empty() {
            return;
        }
        let shared = &self.shared;
        let mut late = Vec::new();
        let channel = channel_key(self.lane, self.epoch);
        shared
            .traffic
            .calls
            .end_all(channel, self.ended.drain(..), &mut self.told, |outcome| late.push(outcome));
        // Behind a goodbye come refusals of calls that it has taken back.
        let is_due =
            |outcome: &&_| self.has_goodbye && matches!(outcome, Err(CallError::Refused(Refusal::ByPeer(_))));
        late.iter().filter(|outcome| !is_due(outcome)).for_each(|_| count(&shared.counters.late_replies));
        self.told.drain(..).for_each(Told::tell);
        shared.note_settled();
    }

    fn leaving(&mut self, batch: &mut Batch, now: &mut Option<Instant>) -> Result<(), LinkError> {
        let answered =
            batch.iter().filter(|(_, queued)| !is_users(queued.kind()) && queued.kind() != Kind::Cancel);
        self.answers = self.answers.saturating_sub(answered.count());
        let (keeps, requests) = (self.keeps_payloads(), &mut self.requests);
        self.shared.traffic.leave(self.lane, self.epoch, batch, |queued, context| {
            // What was put back by another channel has left its room there.
            if context.room.memory.is_none() {
                context.room = std::mem::take(&mut queued.0.room);
            }
            // Its caller stops waiting, and may not have been told yet: until then its room is not free.
            if *now.get_or_insert_with(Instant::now) >= context.deadline {
                return false;
            }
            let payload = &queued.0.packet.payload;
            context.payload = (keeps && payload.len() <= MOST_KEPT).then(|| payload.clone());
            context.number = *requests;
            *requests += 1;
            true
        });
        self.one_ways += batch.iter().filter(|(_, queued)| queued.kind() == Kind::OneWay).count() as u64;
        if matches!(self.shared.parts.correlation.0, Mode::Order) {
            let limit = self.shared.options.limits.requests + MAX_TOMBSTONES;
            if self.order.len() >= limit {
                return Err(LinkError::Unanswered { requests: self.order.len(), limit });
            }
            let calls = batch.iter().filter(|(ticket, _)| ticket.0 != 0);
            self.order.extend(calls.map(|(ticket, _)| CallId::from_bits(ticket.0)));
        }
        Ok(())
    }

    fn finish(&mut self) {}

    fn is_idle(&self) -> bool {
        self.shared.traffic.calls.left_on(channel_key(self.lane, self.epoch)) == 0
    }

    fn goodbye(&mut self) -> Option<Goodbye> {
        self.goodbye.take()
    }

    /// Answers that are queued already stay where they are, and are not waited for.
    fn follow(&mut self, signal: &Arc<Signal>) {
        (self.signal, self.answers) = (Arc::clone(signal), 0);
    }

    fn outlives_peers_end(&self) -> bool {
        false
    }

    fn shrink(&mut self) {
        self.ended.shrink_to_fit();
        self.told.shrink_to_fit();
        self.order.shrink_to_fit();
    }
}

/// Whether a packet carries a message of the user's.
pub(super) fn is_users(kind: Kind) -> bool {
    matches!(kind, Kind::Request | Kind::OneWay)
}

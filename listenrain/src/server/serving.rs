//! The server's role on a link: what it does with each packet.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Shared;
use super::admission::Admission;
use super::builder::OnDisconnect;
use super::peer::Peer;
use super::starting::Starter;
use super::waiting::Accepted;
use crate::counters::count;
use crate::error::{LinkError, RemoteRefusal};
use crate::link::{Batch, LINGER, MAX_ANSWERS, Role};
use crate::log_limit::limited;
use crate::packet::{Goodbye, GoodbyeReason, Hello, Kind, Packet};
use crate::primitives::budget::{Account, Permit};
use crate::primitives::outbox::Ticket;
use crate::queued::{Queued, Room};
use crate::timers::later;

/// Takes requests in, has them served, and says hello and goodbye.
pub(super) struct Served {
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    /// Whether the protocol can say that a request was not executed.
    can_refuse: bool,
    admission: Admission,
    starter: Starter,
    /// What stands for now in the deadlines of a batch.
    now: Option<Instant>,
    /// Answers without a handler (pongs, refusals) that wait to be written.
    answers: usize,
    /// Packets that were taken, or refused one by one.
    requests: u64,
    one_ways: u64,
    farewell: Farewell,
    opened: Instant,
    /// Fires at the next deadline of a request.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// How far the two sides have come in saying goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Farewell {
    /// The peer has not said what it understands.
    Stranger,
    /// It understands a goodbye.
    Understood,
    /// It was told.
    Said,
    /// It has answered: no more requests come.
    Answered,
}

impl Served {
    pub(super) fn new(shared: Arc<Shared>, peer: Arc<Peer>) -> Self {
        // Where order is all there is, a refusal would overtake the answers before it.
        let can_refuse = shared.parts.packets.capabilities.errors && peer.turns.is_none();
        let admission = Admission::new(&shared, &peer, can_refuse);
        let starter = Starter::new(&shared, &peer, admission.refuses());
        Self {
            shared,
            peer,
            can_refuse,
            starter,
            admission,
            now: None,
            answers: 0,
            requests: 0,
            one_ways: 0,
            farewell: Farewell::Stranger,
            opened: Instant::now(),
            alarm: None,
        }
    }

    fn answer(&mut self, kind: Kind, id: u64, payload: impl Into<Bytes>) {
        self.answers += 1;
        let _ = self.peer.signal.outbox.push(Ticket(0), Queued::new(Packet::new(kind, id, payload.into())));
    }

    fn refuse(&mut self, id: u64, why: RemoteRefusal) {
        count(&self.shared.counters.refused);
        if self.can_refuse {
            self.answer(Kind::Refused, id, why.to_bytes());
        }
    }

    /// Says that a request was not executed, where somebody waits to hear it.
    fn refuse_request(&mut self, id: u64, is_call: bool, why: RemoteRefusal) {
        if is_call {
            self.refuse(id, why);
        } else {
            count(&self.shared.counters.dropped_one_ways);
        }
    }

    fn take_request(&mut self, packet: Packet, charge: Option<Permit>, kept: u64) {
        let is_call = packet.kind != Kind::OneWay;
        let is_late = self.can_refuse && self.peer.signal.is_finishing();
        if is_late {
            // Before it is counted: its caller can send it elsewhere then.
            self.say_goodbye();
        }
        self.count_packet(is_call);
        if is_late {
            return self.refuse_request(packet.id, is_call, self.peer.why().of_request());
        }
        let deadline =
            packet.deadline.map(|within| later(*self.now.get_or_insert_with(Instant::now), within));
        let ends_at = deadline.filter(|_| !self.shared.dispatch.ignores_deadlines());
        let room = Room { place: None, memory: charge };
        let Packet { id, payload, .. } = packet;
        let request = Accepted { id, payload, is_call, deadline, ends_at, room };
        match self.admission.offer(request, kept) {
            Ok(Some(request)) => self.admitted(request),
            Ok(None) => {}
            Err(refused) => self.refuse_request(refused, is_call, RemoteRefusal::Overloaded),
        }
    }

    fn count_packet(&mut self, is_call: bool) {
        if self.requests + self.one_ways == 0 {
            self.shared.channels.has_asked(&self.peer);
        }
        if is_call {
            self.requests += 1;
        } else {
            self.one_ways += 1;
        }
    }

    fn admitted(&mut self, request: Accepted) {
        if let Some(request) = self.starter.admit(request) {
            self.refuse_request(request.id, request.is_call, RemoteRefusal::Overloaded);
        }
    }

    /// Ends requests whose deadlines have passed, and sleeps until the next one.
    fn see_to_deadlines(&mut self, cx: &mut Context<'_>) {
        loop {
            let next = [
                self.starter.waiting.next_deadline(),
                self.admission.ends_at(),
                self.peer.runs.next_deadline(),
            ];
            let Some(next) = next.into_iter().flatten().min() else {
                self.alarm = None;
                return;
            };
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(next)));
            if alarm.deadline() != next {
                alarm.as_mut().reset(next);
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return;
            }
            let now = Instant::now();
            self.peer.runs.expire(now);
            while let Some(request) =
                self.starter.waiting.expired(now).or_else(|| self.admission.expired(now))
            {
                count(&self.shared.counters.expired);
                self.refuse_request(request.id, request.is_call, RemoteRefusal::Expired);
            }
        }
    }

    fn hear_hello(&mut self, payload: &Bytes) {
        let hello = Hello::from_bytes(payload).filter(|_| self.farewell == Farewell::Stranger);
        let Some(hello) = hello else { return };
        if hello.understands_goodbye() {
            self.farewell = Farewell::Understood;
        }
        self.answer(Kind::HelloAnswer, 0, Hello::OWN.to_bytes().to_vec());
        if hello.version != Hello::OWN.version {
            self.peer.finish(GoodbyeReason::Version);
        }
    }

    fn say_goodbye(&mut self) {
        let why = self.peer.why();
        // One that is refused may not have been heard yet.
        let is_understood = self.farewell == Farewell::Understood || why.is_refusal();
        if !is_understood || !self.shared.parts.packets.capabilities.hello || self.has_said_goodbye() {
            return;
        }
        self.farewell = Farewell::Said;
        let (requests, one_ways) = (self.requests, self.one_ways);
        let goodbye = Goodbye { why, requests, one_ways, stay_away: why.stay_away() };
        self.answer(Kind::Goodbye, 0, goodbye.to_bytes().to_vec());
    }

    fn has_said_goodbye(&self) -> bool {
        matches!(self.farewell, Farewell::Said | Farewell::Answered)
    }

    fn cancel(&mut self, id: u64) {
        if !self.peer.runs.cancel(id) {
            drop(self.starter.waiting.take(id));
        }
    }
}

impl Role for Served {
    fn memory(&self) -> Option<Arc<Account>> {
        Some(Arc::clone(&self.peer.memory))
    }

    fn greeting(&mut self) -> Option<Packet> {
        None
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.admission.poll(cx).is_pending() {
            return Poll::Pending;
        }
        if let Some(request) = self.admission.take() {
            self.admitted(request);
        }
        // No waker: this very task makes room by writing, or the channel ends.
        let unread = self.answers >= MAX_ANSWERS;
        let unwanted = !self.can_refuse && self.peer.signal.is_finishing();
        if unread || unwanted { Poll::Pending } else { Poll::Ready(()) }
    }

    fn packet(&mut self, packet: Packet, charge: Option<Permit>, kept: u64) {
        match packet.kind {
            Kind::Request | Kind::Plain | Kind::OneWay => self.take_request(packet, charge, kept),
            Kind::Ping => self.answer(Kind::Pong, packet.id, Bytes::new()),
            Kind::Cancel => self.cancel(packet.id),
            Kind::Hello => self.hear_hello(packet.payload.first()),
            Kind::Goodbye => self.answer(Kind::GoodbyeAnswer, 0, Bytes::new()),
            Kind::GoodbyeAnswer if self.farewell == Farewell::Said => self.farewell = Farewell::Answered,
            Kind::Pong | Kind::HelloAnswer | Kind::GoodbyeAnswer => {}
            Kind::Reply | Kind::Error | Kind::Refused => count(&self.shared.counters.late_replies),
            Kind::Unknown(kind) => self.refuse(packet.id, RemoteRefusal::UnknownKind(kind)),
        }
    }

    fn batch_end(&mut self) {
        self.now = None;
    }

    fn shrink(&mut self) {
        self.starter.shrink();
    }

    fn too_large(&mut self, packet: Packet, size: u64, limit: usize) {
        tracing::debug!(size, limit, "a packet is longer than the limit");
        match packet.kind {
            Kind::Request | Kind::OneWay => {
                let is_call = packet.kind == Kind::Request;
                self.count_packet(is_call);
                let why = RemoteRefusal::TooLarge { limit: limit as u64 };
                self.refuse_request(packet.id, is_call, why);
            }
            _ => count(&self.shared.counters.late_replies),
        }
    }

    fn poll_work(&mut self, cx: &mut Context<'_>) {
        self.starter.start_waiting(cx);
        self.see_to_deadlines(cx);
    }

    fn leaving(&mut self, batch: &mut Batch, _now: &mut Option<Instant>) -> Result<(), LinkError> {
        let mut bytes = 0;
        for (_, queued) in batch {
            match queued.kind() {
                Kind::Reply | Kind::Error => bytes += queued.len() as u64,
                Kind::Ping => {}
                _ => self.answers = self.answers.saturating_sub(1),
            }
        }
        if bytes > 0 {
            self.peer.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
        }
        Ok(())
    }

    fn finish(&mut self) {
        if self.has_said_goodbye() {
            return;
        }
        // The last that was counted is not taken.
        let withdrawn = if self.can_refuse { self.admission.withdraw() } else { None };
        match &withdrawn {
            Some(request) if request.is_call => self.requests -= 1,
            Some(_) => self.one_ways -= 1,
            None => {}
        }
        self.say_goodbye();
        if let Some(request) = withdrawn {
            self.refuse_request(request.id, request.is_call, self.peer.why().of_request());
        }
    }

    fn answers_first(&self) -> bool {
        true
    }

    fn held_up_too_long(&mut self) {
        let (log_limit, limit) = (&self.shared.log_limit, self.shared.options.limits.all_bytes);
        limited!(log_limit, warn, limit, "a channel is ended: its packet waited too long for memory");
        self.peer.finish(GoodbyeReason::Overloaded);
    }

    fn cut_off(&mut self) {
        while let Some(request) = self.starter.waiting.pop().or_else(|| self.admission.withdraw()) {
            self.refuse_request(request.id, request.is_call, self.peer.why().of_request());
        }
        self.say_goodbye();
    }

    fn is_idle(&self) -> bool {
        self.peer.places.in_use() == 0 && self.admission.is_empty()
    }

    fn awaits_goodbye(&self) -> bool {
        match self.farewell {
            Farewell::Said => true,
            // It has only just come, and its hello may be on its way.
            Farewell::Stranger => {
                self.shared.parts.packets.capabilities.hello && self.opened.elapsed() < LINGER
            }
            Farewell::Understood | Farewell::Answered => false,
        }
    }

    fn peer_ended(&mut self) {
        // It may only have ended its writing, and wait for its answers; or it may be gone.
        if self.shared.options.on_disconnect == OnDisconnect::Cancel {
            self.peer.runs.cancel_all();
        }
    }

    fn outlives_peers_end(&self) -> bool {
        true
    }
}

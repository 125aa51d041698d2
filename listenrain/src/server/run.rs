//! State of one request, from its handler's start until it is answered and its handler has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use super::Shared;
use super::peer::Peer;
use super::responder::RespondError;
use super::turns::Turns;
use super::waiting::Accepted;
use crate::counters::count;
use crate::error::{ErrorCode, RemoteError};
use crate::executor::Work;
use crate::guard::{drop_guarded, guard};
use crate::log_limit::limited;
use crate::packet::{Kind, Packet, Payload};
use crate::primitives::budget::Permit;
use crate::primitives::outbox::Ticket;
use crate::primitives::run::{Handler, Progress, Step};
use crate::queued::{Queued, Room};
use crate::sync::{Mutex, lock};
use crate::transport::BoxFuture;

/// What the handler, its executor, its responder and the channel of a request share.
///
/// The first to answer or end it takes its room; all others find it answered. The handler stands in here and not in its
/// job, so that a cancel or a deadline reaches it on any executor, also before that has run it.
pub(crate) struct Run {
    pub(super) peer: Arc<Peer>,
    pub(super) shared: Arc<Shared>,
    pub(super) asked: Asked,
}

/// What belongs to the one request of a run.
pub(super) struct Asked {
    pub(super) id: u64,
    /// When its caller stops waiting, and when it ends for that reason, if it does.
    pub(super) deadline: Option<Instant>,
    pub(super) ends_at: Option<Instant>,
    pub(super) is_call: bool,
    turn: Option<u64>,
    /// What it takes up, until it is answered.
    room: Mutex<Option<Room>>,
    handler: Handler<BoxFuture<'static, ()>, Permit>,
    progress: Progress,
    /// Its number among the runs of its channel, once it is entered there.
    number: AtomicU64,
}

/// Why a request ends before its handler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// No caller waits for an answer.
    Cancelled,
    /// Its deadline has passed.
    Expired,
}

impl Run {
    /// The run of `request`, and its payload.
    pub(super) fn new(
        shared: &Arc<Shared>,
        peer: &Arc<Peer>,
        request: Accepted,
        permit: Permit,
    ) -> (Arc<Self>, Bytes) {
        let (asked, payload) = Asked::new(peer, request, permit);
        (Arc::new(Self { peer: Arc::clone(peer), shared: Arc::clone(shared), asked }), payload)
    }

    /// Serves the next request of the same channel with this run, whose request is answered and whose handler has ended.
    #[inline]
    pub(super) fn renew(&mut self, request: Accepted, permit: Permit) -> Bytes {
        let (asked, payload) = Asked::new(&self.peer, request, permit);
        self.asked = asked;
        payload
    }

    /// The handler has been called, and this is the rest of it.
    pub(super) fn begin(&self, handler: BoxFuture<'static, ()>) {
        if let Some(ended) = self.asked.handler.begin(handler) {
            self.drop_handler(ended);
        }
    }

    /// The handler's place, for a part of it that cannot be ended.
    pub(super) fn take_permit(&self) -> Option<Permit> {
        self.asked.handler.take_permit()
    }

    /// Polls a handler that has just been called once, and gives back what is not ready. The place of one that is stays taken.
    #[inline]
    pub(super) fn poll_first(&self, mut handler: BoxFuture<'static, ()>) -> Option<BoxFuture<'static, ()>> {
        match guard(|| handler.as_mut().poll(&mut Context::from_waker(Waker::noop()))) {
            Ok(Poll::Pending) => return Some(handler),
            Ok(Poll::Ready(())) => {}
            Err(panic) => self.shared.note_panic("handler", &panic),
        }
        self.drop_handler(handler);
        None
    }

    /// Polls the handler, and ends it when it is done or has panicked.
    fn poll_handler(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut future) = self.asked.handler.take() else { return Poll::Ready(()) };
        let ended = match guard(|| future.as_mut().poll(cx)) {
            Ok(Poll::Pending) => self.asked.handler.put_back(future, cx.waker()),
            Ok(Poll::Ready(())) => Some(future),
            Err(panic) => {
                self.shared.note_panic("handler", &panic);
                Some(future)
            }
        };
        let Some(ended) = ended else { return Poll::Pending };
        self.drop_handler(ended);
        Poll::Ready(())
    }

    /// Drops what is left of the handler, wherever it stands.
    pub(super) fn end_handler(&self) {
        let (future, waker) = self.asked.handler.end();
        if let Some(future) = future {
            self.drop_handler(future);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn drop_handler(&self, future: BoxFuture<'static, ()>) {
        drop_guarded(future);
        self.handled();
    }

    /// The handler has ended: a request without an answer is over. Its place is free once its executor has done with it too.
    #[inline]
    pub(super) fn handled(&self) {
        if !self.asked.is_call {
            drop(self.take_room());
        }
        self.note(Step::Handled);
    }

    /// Ends it for another reason than its handler's.
    pub(super) fn end(&self, why: Ending) {
        let was_open = match (self.take_room(), why) {
            (None, _) => false,
            (Some(room), Ending::Expired) => {
                self.say_expired(room);
                true
            }
            (Some(room), Ending::Cancelled) => {
                drop(room);
                self.peer.signal.outbox.nudge();
                true
            }
        };
        if was_open && why == Ending::Expired {
            count(&self.shared.counters.expired);
        }
        self.end_handler();
    }

    fn say_expired(&self, room: Room) {
        let error = RemoteError::new(ErrorCode::Deadline, "");
        if self.asked.is_call && self.shared.parts.packets.capabilities.errors {
            let _ = self.push(Kind::Error, error.to_bytes(self.max_packet()).into(), room);
        } else {
            drop(room);
            self.peer.signal.outbox.nudge();
        }
    }

    /// Whether an answer is wanted and none was given.
    pub(super) fn is_open(&self) -> bool {
        self.asked.is_call && !self.asked.progress.is_answered()
    }

    pub(super) fn max_packet(&self) -> usize {
        self.shared.parts.packets.limit
    }

    #[inline]
    fn take_room(&self) -> Option<Room> {
        let room = lock(&self.asked.room).take();
        if room.is_some() {
            self.note(Step::Answered);
        }
        room
    }

    /// Answers.
    pub(super) fn answer(&self, kind: Kind, payload: Payload) -> Result<(), RespondError> {
        let room = self.take_room().ok_or(RespondError::Ended)?;
        self.push(kind, payload, room)
    }

    /// Queues an answer. The room of the request is given back once it is written.
    fn push(&self, kind: Kind, payload: Payload, mut room: Room) -> Result<(), RespondError> {
        let (peer, bytes) = (&self.peer, payload.len());
        // A peer that reads no answers is read no further, once they weigh too much.
        room.grow_to(bytes);
        peer.queued_bytes.fetch_add(bytes as u64, Ordering::AcqRel);
        let queued = Queued::with_room(Packet::new(kind, self.asked.id, payload), None, room);
        let outbox = &peer.signal.outbox;
        let is_queued = match (&peer.turns, self.asked.turn) {
            (Some(turns), Some(turn)) => turns.push(turn, queued, outbox),
            _ => outbox.push(Ticket(0), queued).is_ok(),
        };
        if is_queued {
            count(&self.shared.counters.answered);
            return Ok(());
        }
        count(&self.shared.counters.unanswered);
        Err(RespondError::Disconnected)
    }

    /// Answers with an error packet, or with the message that stands in for one; else with nothing.
    pub(super) fn fail(&self, error: &RemoteError, stand_in: Option<Payload>) -> Result<(), RespondError> {
        count(&self.shared.counters.errors);
        if self.shared.parts.packets.capabilities.errors {
            return self.answer(Kind::Error, error.to_bytes(self.max_packet()).into());
        }
        if let Some(payload) = stand_in {
            return self.answer(Kind::Reply, payload);
        }
        drop(self.take_room().ok_or(RespondError::Ended)?);
        count(&self.shared.counters.unanswered);
        tracing::debug!(%error, "the protocol cannot tell the peer");
        match self.asked.turn {
            // The next answer would be taken for this one.
            Some(_) => self.peer.signal.stop(),
            None => self.peer.signal.outbox.nudge(),
        }
        Ok(())
    }

    /// Enters it among the runs of its channel, unless it is over.
    pub(super) fn enter(self: &Arc<Self>) {
        if self.asked.progress.is_over() {
            return;
        }
        let Some(number) = self.peer.runs.enter(self) else { return self.end(Ending::Cancelled) };
        self.asked.number.store(number, Ordering::Release);
        if self.asked.progress.enter() {
            self.leave();
        }
    }

    fn note(&self, step: Step) {
        if self.asked.progress.note(step) {
            self.leave();
        }
    }

    fn leave(&self) {
        if self.peer.runs.leave(self.asked.number.load(Ordering::Acquire)) {
            self.shared.channels.bury(self.peer.number);
        }
        self.peer.signal.outbox.nudge();
    }
}

impl Asked {
    #[inline]
    fn new(peer: &Peer, request: Accepted, permit: Permit) -> (Self, Bytes) {
        let Accepted { id, payload, is_call, deadline, ends_at, room } = request;
        let asked = Self {
            id,
            deadline,
            ends_at,
            is_call,
            turn: peer.turns.as_ref().filter(|_| is_call).map(Turns::take),
            room: Mutex::new(Some(room)),
            handler: Handler::new(permit),
            progress: Progress::new(),
            number: AtomicU64::new(0),
        };
        (asked, payload.into_bytes())
    }
}

impl Work for Run {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.poll_handler(cx);
        if polled.is_ready() {
            drop(self.take_permit());
        }
        polled
    }

    fn abandon(&self) {
        self.end_handler();
        drop(self.take_permit());
    }
}

impl Shared {
    /// Code of the user's has panicked, as a peer may have made it.
    pub(super) fn note_panic(&self, what: &'static str, panic: &str) {
        count(&self.counters.panics);
        limited!(self.log_limit, error, panic, "{what} panicked");
    }
}

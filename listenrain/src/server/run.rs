//! One request, from its handler's start until it is answered and its handler has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
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
use crate::queued::{Queued, Room};
use crate::sync::{Mutex, lock};
use crate::transport::BoxFuture;

/// What the handler, its executor, its responder and the channel of a request share.
///
/// Whoever answers or ends it first takes its room; all others find it answered. The handler stands in here and not in its
/// job, so that a cancel or a deadline reaches it on any executor, also before that has run it.
pub(crate) struct Run {
    pub(super) peer: Arc<Peer>,
    pub(super) shared: Arc<Shared>,
    pub(super) id: u64,
    /// When its caller stops waiting, and when it ends for that reason, if it does.
    pub(super) deadline: Option<Instant>,
    pub(super) ends_at: Option<Instant>,
    pub(super) is_call: bool,
    turn: Option<u64>,
    /// What it takes up, until it is answered.
    room: Mutex<Option<Room>>,
    handler: Mutex<Handler>,
    /// What has happened to it: [`HANDLED`], [`ANSWERED`], [`ENTERED`].
    state: AtomicU8,
    /// Its number among the runs of its channel, once it is entered there.
    number: AtomicU64,
}

/// The handler's future, while it is not being polled, and its place.
#[derive(Default)]
struct Handler {
    future: Option<BoxFuture<'static, ()>>,
    permit: Option<Permit>,
    waker: Option<Waker>,
    /// It is to end where it stands.
    is_ended: bool,
}

/// The handler has ended.
const HANDLED: u8 = 1;
/// It is answered, or will not be.
const ANSWERED: u8 = 2;
/// It stands among the runs of its channel.
const ENTERED: u8 = 4;
const OVER: u8 = HANDLED | ANSWERED;

/// Why a request ends before its handler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nobody waits for an answer.
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
        let Accepted { packet, is_call, deadline, ends_at, room } = request;
        let run = Arc::new(Self {
            peer: Arc::clone(peer),
            shared: Arc::clone(shared),
            id: packet.id,
            deadline,
            ends_at,
            is_call,
            turn: peer.turns.as_ref().filter(|_| is_call).map(Turns::take),
            room: Mutex::new(Some(room)),
            handler: Mutex::new(Handler { permit: Some(permit), ..Handler::default() }),
            state: AtomicU8::new(0),
            number: AtomicU64::new(0),
        });
        (run, packet.payload.into_bytes())
    }

    /// The handler has been called, and this is the rest of it.
    pub(super) fn begin(&self, handler: BoxFuture<'static, ()>) {
        lock(&self.handler).future = Some(handler);
    }

    /// The handler's place, for a part of it that cannot be ended.
    pub(super) fn take_permit(&self) -> Option<Permit> {
        lock(&self.handler).permit.take()
    }

    /// Polls the handler, and ends it when it is done or has panicked.
    fn poll_handler(&self, cx: &mut Context<'_>) -> Poll<()> {
        let future = lock(&self.handler).future.take();
        let Some(mut future) = future else { return Poll::Ready(()) };
        match guard(|| future.as_mut().poll(cx)) {
            Ok(Poll::Pending) => {
                let mut handler = lock(&self.handler);
                if !handler.is_ended {
                    handler.future = Some(future);
                    match &mut handler.waker {
                        Some(waker) => waker.clone_from(cx.waker()),
                        waker => *waker = Some(cx.waker().clone()),
                    }
                    return Poll::Pending;
                }
            }
            Ok(Poll::Ready(())) => {}
            Err(panic) => self.shared.note_panic("handler", &panic),
        }
        drop_guarded(future);
        self.handled();
        Poll::Ready(())
    }

    /// Drops what is left of the handler, wherever it stands.
    pub(super) fn end_handler(&self) {
        let mut handler = lock(&self.handler);
        handler.is_ended = true;
        let (future, waker) = (handler.future.take(), handler.waker.take());
        drop(handler);
        // One that is being polled ends after that.
        if let Some(future) = future {
            drop_guarded(future);
            self.handled();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The handler has ended: its place is free, and what nobody answers is over.
    pub(super) fn handled(&self) {
        drop(self.take_permit());
        if !self.is_call {
            drop(self.take_room());
        }
        self.note(HANDLED);
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
        if self.is_call && self.shared.parts.packets.abilities.errors {
            let _ = self.push(Kind::Error, error.to_bytes(self.max_packet()).into(), room);
        } else {
            drop(room);
            self.peer.signal.outbox.nudge();
        }
    }

    /// Whether an answer is wanted and none was given.
    pub(super) fn is_open(&self) -> bool {
        self.is_call && lock(&self.room).is_some()
    }

    pub(super) fn max_packet(&self) -> usize {
        self.shared.parts.packets.limit
    }

    fn take_room(&self) -> Option<Room> {
        let room = lock(&self.room).take();
        if room.is_some() {
            self.note(ANSWERED);
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
        let mut queued = Queued::new(Packet::new(kind, self.id, payload));
        queued.0.room = room;
        let outbox = &peer.signal.outbox;
        let is_queued = match (&peer.turns, self.turn) {
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
        if self.shared.parts.packets.abilities.errors {
            return self.answer(Kind::Error, error.to_bytes(self.max_packet()).into());
        }
        if let Some(payload) = stand_in {
            return self.answer(Kind::Reply, payload);
        }
        drop(self.take_room().ok_or(RespondError::Ended)?);
        count(&self.shared.counters.unanswered);
        tracing::debug!(%error, "the protocol cannot tell the peer");
        match self.turn {
            // The next answer would be taken for this one.
            Some(_) => self.peer.signal.stop(),
            None => self.peer.signal.outbox.nudge(),
        }
        Ok(())
    }

    /// Enters it among the runs of its channel, unless it is over.
    pub(super) fn enter(self: &Arc<Self>) {
        if self.state.load(Ordering::Acquire) == OVER {
            return;
        }
        let Some(number) = self.peer.runs.enter(self) else { return self.end(Ending::Cancelled) };
        self.number.store(number, Ordering::Release);
        if self.state.fetch_or(ENTERED, Ordering::AcqRel) & OVER == OVER {
            self.leave();
        }
    }

    fn note(&self, what: u8) {
        let before = self.state.fetch_or(what, Ordering::AcqRel);
        let is_over_by_this = before & OVER != OVER && (before | what) & OVER == OVER;
        if is_over_by_this && before & ENTERED != 0 {
            self.leave();
        }
    }

    fn leave(&self) {
        if self.peer.runs.leave(self.number.load(Ordering::Acquire)) {
            self.shared.channels.bury(self.peer.number);
        }
        self.peer.signal.outbox.nudge();
    }
}

impl Work for Run {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_handler(cx)
    }

    fn abandon(&self) {
        self.end_handler();
    }
}

impl Shared {
    /// Code of the user's has panicked, as a peer may have made it.
    pub(super) fn note_panic(&self, what: &'static str, panic: &str) {
        count(&self.counters.panics);
        limited!(self.log_limit, error, panic, "{what} panicked");
    }
}

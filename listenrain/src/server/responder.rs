//! `Responder`: the one answer a request may get.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::Shared;
use super::dispatch::Typed;
use super::peer::Peer;
use super::turns::Turns;
use crate::counters::count;
use crate::error::{ErrorCode, MessageError, RemoteError};
use crate::message::MessageCodec;
use crate::packet::{Kind, Packet, Payload};
use crate::primitives::budget::Permit;
use crate::primitives::outbox::Ticket;
use crate::queued::Queued;

/// The right to answer one request once. Dropping it answers with an error, where the protocol can say so.
#[doc(alias = "ServerResponse")]
pub struct Responder<M: MessageCodec> {
    pub(super) answer: Answer,
    pub(super) typed: Arc<Typed<M>>,
    pub(super) request: Bytes,
}

/// Why an answer went nowhere.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RespondError {
    /// The channel of the request is over.
    #[error("the channel of the request is over")]
    Disconnected,
    /// The message cannot be encoded, or does not carry its request's id; the peer was told where possible.
    #[error("reply cannot be encoded: {0}")]
    Encode(#[source] MessageError),
    /// It was a one-way message, which wants no reply.
    #[error("a one-way message wants no reply")]
    OneWay,
}

impl<M: MessageCodec> Responder<M> {
    /// Answers with `message`.
    ///
    /// # Errors
    ///
    /// [`RespondError`] when the answer certainly does not reach the peer. `Ok` says that it is queued.
    pub fn reply(mut self, message: M::Message) -> Result<(), RespondError> {
        if !self.answer.is_open() {
            return Err(RespondError::OneWay);
        }
        match self.typed.encode_reply(message, &self.request, self.answer.max_packet()) {
            Ok(payload) => self.answer.send(Kind::Reply, payload),
            Err(error) => {
                let _ = self.fail_with(RemoteError::new(ErrorCode::Encode, error.to_string()));
                Err(RespondError::Encode(error))
            }
        }
    }

    /// Answers that it went wrong.
    ///
    /// # Errors
    ///
    /// As [`reply`](Self::reply).
    pub fn fail(mut self, why: impl Into<String>) -> Result<(), RespondError> {
        self.fail_with(RemoteError::new(ErrorCode::Handler, why))
    }

    /// Whether anyone waits for an answer: not for one-way messages, and not once the channel is over.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.answer.is_open() && !self.answer.peer.signal.outbox.is_closed()
    }

    pub(super) fn fail_with(&mut self, error: RemoteError) -> Result<(), RespondError> {
        if !self.answer.is_open() {
            return Err(RespondError::OneWay);
        }
        let stand_in = self.typed.error_message(&self.request, &error, self.answer.max_packet());
        self.answer.fail(&error, stand_in)
    }
}

impl<M: MessageCodec> Drop for Responder<M> {
    fn drop(&mut self) {
        if self.answer.is_open() {
            let panicked = std::thread::panicking();
            let code = if panicked { ErrorCode::Panic } else { ErrorCode::NoReply };
            let _ = self.fail_with(RemoteError::new(code, ""));
        }
    }
}

impl<M: MessageCodec> fmt::Debug for Responder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("id", &self.answer.id).finish_non_exhaustive()
    }
}

/// The untyped part of a [`Responder`]: where the answer goes, and the room that the request takes up.
pub(super) struct Answer {
    peer: Arc<Peer>,
    shared: Arc<Shared>,
    id: u64,
    awaited: bool,
    turn: Option<u64>,
    permits: [Option<Permit>; 3],
}

impl Answer {
    pub(super) fn new(
        shared: &Arc<Shared>,
        peer: &Arc<Peer>,
        id: u64,
        awaited: bool,
        permits: [Option<Permit>; 3],
    ) -> Self {
        Self {
            peer: Arc::clone(peer),
            shared: Arc::clone(shared),
            id,
            awaited,
            turn: peer.turns.as_ref().filter(|_| awaited).map(Turns::take),
            permits,
        }
    }

    /// Whether an answer is wanted and none was given.
    pub(super) fn is_open(&self) -> bool {
        self.awaited
    }

    pub(super) fn max_packet(&self) -> usize {
        self.shared.parts.packets.max_packet()
    }

    fn send(&mut self, kind: Kind, payload: Payload) -> Result<(), RespondError> {
        self.awaited = false;
        let mut queued = Queued::new(Packet::new(kind, self.id, payload));
        // The room is given back once the answer is written.
        queued.0.permits = std::mem::take(&mut self.permits);
        // A peer that reads no answers is read no further, once they weigh too much.
        let [own, all, _] = &mut queued.0.permits;
        own.iter_mut().chain(all).for_each(|permit| permit.grow_to(queued.0.packet.payload.len()));
        let (peer, outbox) = (&self.peer, &self.peer.signal.outbox);
        let queued = match (&peer.turns, self.turn) {
            (Some(turns), Some(turn)) => turns.push(turn, queued, outbox),
            _ => outbox.push(Ticket(0), queued).is_ok(),
        };
        if queued {
            return Ok(());
        }
        count(&self.shared.counters.unanswered);
        Err(RespondError::Disconnected)
    }

    /// Answers with an error packet, or with the message that stands in for one; else with nothing.
    fn fail(&mut self, error: &RemoteError, stand_in: Option<Payload>) -> Result<(), RespondError> {
        count(&self.shared.counters.errors);
        if self.shared.parts.packets.abilities().errors {
            return self.send(Kind::Error, error.to_bytes().into());
        }
        if let Some(payload) = stand_in {
            return self.send(Kind::Reply, payload);
        }
        self.awaited = false;
        count(&self.shared.counters.unanswered);
        tracing::debug!(%error, "the protocol cannot tell the peer");
        match self.turn {
            // The next answer would be taken for this one.
            Some(_) => self.peer.signal.stop(),
            None => self.peer.signal.outbox.nudge(),
        }
        Ok(())
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // A link that drains waits for the last room to come back.
        if self.permits.iter().any(Option::is_some) {
            self.permits = [None, None, None];
            self.peer.signal.outbox.nudge();
        }
    }
}

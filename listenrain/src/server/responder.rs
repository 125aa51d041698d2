//! `Responder`: the one answer a request may get.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::dispatch::Typed;
use super::run::Run;
use crate::error::{ErrorCode, MessageError, RemoteError};
use crate::guard::drop_guarded;
use crate::message::{CodecFault, MessageCodec};
use crate::packet::Kind;

/// The right to answer one request once. Dropping it answers with an error, where the protocol can say so.
#[doc(alias = "ServerResponse")]
pub struct Responder<M: MessageCodec> {
    pub(super) run: Arc<Run>,
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
    /// The request has ended: its caller has taken it back, or its deadline has passed.
    #[error("the request has ended: its caller has taken it back, or its deadline has passed")]
    Ended,
    /// The message cannot be encoded, or does not carry its request's id; the peer was told where possible.
    #[error("reply cannot be encoded: {0}")]
    Encode(#[source] MessageError),
    /// It was a one-way message, which wants no reply.
    #[error("one-way messages cannot be replied to")]
    OneWay,
}

impl<M: MessageCodec> Responder<M> {
    /// Answers with `message`.
    ///
    /// # Errors
    ///
    /// [`RespondError`] when the answer certainly does not reach the peer. `Ok` says that it is queued.
    pub fn reply(self, message: M::Message) -> Result<(), RespondError> {
        if let Err(error) = self.check_open() {
            drop_guarded(message);
            return Err(error);
        }
        match self.typed.encode_reply(message, &self.request, self.run.max_packet()) {
            Ok(payload) => self.run.answer(Kind::Reply, payload),
            Err(fault) => {
                // What a panic says is nobody's business but this side's.
                let told = match &fault {
                    CodecFault::Error(error) => error.why.clone(),
                    CodecFault::Panic(panic) => {
                        self.run.shared.note_panic("message codec", panic);
                        String::new()
                    }
                };
                let _ = self.fail_with(RemoteError::new(ErrorCode::Encode, told));
                Err(RespondError::Encode(fault.into()))
            }
        }
    }

    /// Answers that it went wrong.
    ///
    /// # Errors
    ///
    /// As [`reply`](Self::reply).
    pub fn fail(self, why: impl Into<String>) -> Result<(), RespondError> {
        self.fail_with(RemoteError::new(ErrorCode::Handler, why))
    }

    /// Whether anyone waits for an answer: not for one-way messages, nor once the request has ended or its channel is over.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.run.is_open() && !self.run.peer.signal.outbox.is_closed()
    }

    fn check_open(&self) -> Result<(), RespondError> {
        match (self.run.asked.is_call, self.run.is_open()) {
            (false, _) => Err(RespondError::OneWay),
            (true, false) => Err(RespondError::Ended),
            (true, true) => Ok(()),
        }
    }

    pub(super) fn fail_with(&self, error: RemoteError) -> Result<(), RespondError> {
        self.check_open()?;
        let stand_in = self.typed.stand_in(&self.request, &error, self.run.max_packet());
        self.run.fail(&error, stand_in)
    }
}

impl<M: MessageCodec> Drop for Responder<M> {
    fn drop(&mut self) {
        if self.run.is_open() {
            let panicked = std::thread::panicking();
            let code = if panicked { ErrorCode::Panic } else { ErrorCode::NoReply };
            let _ = self.fail_with(RemoteError::new(code, ""));
        }
    }
}

impl<M: MessageCodec> fmt::Debug for Responder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("id", &self.run.asked.id).finish_non_exhaustive()
    }
}

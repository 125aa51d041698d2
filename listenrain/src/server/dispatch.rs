//! From a request's payload to its handler.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::handlers::Request;
use super::responder::{Answer, Responder};
use super::router::Router;
use crate::channel::ChannelFacts;
use crate::correlation::ById;
use crate::error::{ErrorCode, MessageError, RemoteError, panic_text};
use crate::message::MessageCodec;
use crate::packet::Payload;
use crate::transport::BoxFuture;

/// A request as it came.
pub(super) struct Incoming {
    pub(super) payload: Bytes,
    pub(super) deadline: Option<Instant>,
    pub(super) facts: Arc<ChannelFacts>,
    pub(super) answer: Answer,
}

/// Routing, with the type of messages forgotten.
pub(super) trait Dispatch: Send + Sync {
    /// The handler's run; `None` when the request was answered without one.
    fn dispatch(&self, incoming: Incoming) -> Option<BoxFuture<'static, ()>>;
}

/// The typed side of a server.
pub(super) struct Typed<M: MessageCodec> {
    messages: Arc<M>,
    pub(super) router: Router<M>,
    /// Where the id stands in the message: compares a reply's with its request's.
    ids: Option<Box<dyn ById>>,
}

pub(super) struct Routed<M: MessageCodec>(Arc<Typed<M>>);

impl<M: MessageCodec> Routed<M> {
    pub(super) fn new(messages: Arc<M>, router: Router<M>, ids: Option<Box<dyn ById>>) -> Self {
        Self(Arc::new(Typed { messages, router, ids }))
    }
}

impl<M: MessageCodec> Dispatch for Routed<M> {
    fn dispatch(&self, incoming: Incoming) -> Option<BoxFuture<'static, ()>> {
        let Incoming { payload, deadline, facts, answer } = incoming;
        let typed = &self.0;
        let kept = if typed.needs_request() { payload.clone() } else { Bytes::new() };
        let one_way = !answer.is_open();
        let mut responder = Responder { answer, typed: Arc::clone(typed), request: kept };
        let decoded = catch_unwind(AssertUnwindSafe(|| {
            let message = typed.messages.decode(payload)?;
            Ok((typed.messages.command(&message), message))
        }));
        let (command, message) = match decoded {
            Ok(Ok(decoded)) => decoded,
            Ok(Err(error)) => {
                let MessageError { why } = error;
                let _ = responder.fail_with(RemoteError::new(ErrorCode::Decode, why));
                return None;
            }
            Err(panic) => {
                let _ = responder.fail_with(RemoteError::new(ErrorCode::Panic, panic_text(&*panic)));
                return None;
            }
        };
        let Some(handler) = typed.router.handler(command) else {
            let _ = responder.fail_with(RemoteError::new(ErrorCode::UnknownCommand, command.0.to_string()));
            return None;
        };
        let request = Request { message, command, facts, deadline, one_way };
        // The part of a handler that runs before its first await may panic too; its responder then answers.
        let started = catch_unwind(AssertUnwindSafe(|| handler(request, responder)));
        match started {
            Ok(run) => Some(run),
            Err(panic) => {
                tracing::error!(panic = panic_text(&*panic), "handler panicked");
                None
            }
        }
    }
}

impl<M: MessageCodec> Typed<M> {
    fn needs_request(&self) -> bool {
        self.ids.is_some() || self.router.on_error.is_some()
    }

    pub(super) fn encode_reply(
        &self,
        message: M::Message,
        request: &Bytes,
        limit: usize,
    ) -> Result<Payload, MessageError> {
        let payload =
            catch_unwind(AssertUnwindSafe(|| self.messages.encode(message))).unwrap_or_else(|panic| {
                Err(MessageError::new(format!("codec panicked: {}", panic_text(&*panic))))
            })?;
        let size = payload.len();
        if size > limit {
            return Err(MessageError::new(format!(
                "reply of {size} bytes is longer than the limit of {limit}"
            )));
        }
        if let Some(ids) = &self.ids {
            ids.same(request, payload.first())?;
        }
        Ok(payload)
    }

    /// What a protocol without error packets answers instead.
    pub(super) fn error_message(
        &self,
        request: &Bytes,
        error: &RemoteError,
        limit: usize,
    ) -> Option<Payload> {
        let on_error = self.router.on_error.as_ref()?;
        let message = catch_unwind(AssertUnwindSafe(|| on_error(request, error))).ok().flatten()?;
        self.encode_reply(message, request, limit).ok()
    }
}

//! Dispatch: from a request's payload to its handler.

use std::sync::Arc;

use bytes::Bytes;

use super::handlers::Request;
use super::responder::Responder;
use super::router::Router;
use super::run::Run;
use crate::correlation::ById;
use crate::error::{ErrorCode, MessageError, RemoteError};
use crate::guard::{drop_guarded, guard};
use crate::message::{CodecFault, MessageCodec, decode_request, encode};
use crate::packet::Payload;
use crate::transport::BoxFuture;

/// Routing, with the type of messages forgotten.
pub(super) trait Dispatch: Send + Sync {
    /// The rest of the handler's run; `None` when it has ended already, or there is none.
    fn dispatch(&self, payload: Bytes, run: &Arc<Run>) -> Option<BoxFuture<'static, ()>>;

    /// Whether handlers go on past the deadlines of their requests.
    fn ignores_deadlines(&self) -> bool;
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
    fn dispatch(&self, payload: Bytes, run: &Arc<Run>) -> Option<BoxFuture<'static, ()>> {
        let typed = &self.0;
        let is_needed = typed.ids.is_some() || typed.router.on_error.is_some();
        let kept = if is_needed { payload.clone() } else { Bytes::new() };
        let responder = Responder { run: Arc::clone(run), typed: Arc::clone(typed), request: kept };
        let (command, message) = match decode_request(&*typed.messages, payload) {
            Ok(decoded) => decoded,
            Err(CodecFault::Error(error)) => {
                let _ = responder.fail_with(RemoteError::new(ErrorCode::Decode, error.why));
                return None;
            }
            Err(CodecFault::Panic(panic)) => {
                run.shared.note_panic("message codec", &panic);
                let _ = responder.fail_with(RemoteError::new(ErrorCode::Panic, ""));
                return None;
            }
        };
        let Some(handler) = typed.router.handler(command) else {
            drop_guarded(message);
            let _ = responder.fail_with(RemoteError::new(ErrorCode::UnknownCommand, command.0.to_string()));
            return None;
        };
        let request = Request {
            message,
            command,
            facts: Arc::clone(&run.peer.facts),
            deadline: run.asked.deadline,
            one_way: !run.asked.is_call,
        };
        // The part of a handler that runs before its first await may panic too; its responder then answers.
        match guard(|| handler(request, responder)) {
            Ok(handler) => Some(handler),
            Err(panic) => {
                run.shared.note_panic("handler", &panic);
                None
            }
        }
    }

    fn ignores_deadlines(&self) -> bool {
        self.0.router.ignores_deadlines
    }
}

impl<M: MessageCodec> Typed<M> {
    pub(super) fn encode_reply(
        &self,
        message: M::Message,
        request: &Bytes,
        limit: usize,
    ) -> Result<Payload, CodecFault> {
        let payload = encode(&*self.messages, message)?;
        let size = payload.len();
        if size > limit {
            let why = format!("reply of {size} bytes is longer than the limit of {limit}");
            return Err(CodecFault::Error(MessageError::new(why)));
        }
        if let Some(ids) = &self.ids {
            ids.same(request, payload.first())?;
        }
        Ok(payload)
    }

    /// What a protocol without error packets answers instead.
    pub(super) fn stand_in(&self, request: &Bytes, error: &RemoteError, limit: usize) -> Option<Payload> {
        let on_error = self.router.on_error.as_ref()?;
        let message = guard(|| on_error(request, error)).ok().flatten()?;
        self.encode_reply(message, request, limit).ok()
    }
}

//! `Router`: handlers by command.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::handlers::{HandlerError, Request};
use super::responder::Responder;
use crate::error::{ErrorCode, RemoteError};
use crate::guard::guard;
use crate::log_limit::limited;
use crate::message::{Command, MessageCodec};
use crate::transport::BoxFuture;

pub(super) type Handler<M> =
    Box<dyn Fn(Request<<M as MessageCodec>::Message>, Responder<M>) -> BoxFuture<'static, ()> + Send + Sync>;

type OnError<M> = Box<dyn Fn(&[u8], &RemoteError) -> Option<<M as MessageCodec>::Message> + Send + Sync>;

/// Handlers by command, and one for all others.
#[doc(alias = "ServerRouter")]
pub struct Router<M: MessageCodec> {
    handlers: BTreeMap<Command, Handler<M>>,
    fallback: Option<Handler<M>>,
    pub(super) on_error: Option<OnError<M>>,
    pub(super) ignores_deadlines: bool,
}

impl<M: MessageCodec> Router<M> {
    /// A router without handlers: every request is answered with an error.
    #[must_use]
    pub fn new() -> Self {
        Self { handlers: BTreeMap::new(), fallback: None, on_error: None, ignores_deadlines: false }
    }

    /// Serves `command` with `handler`, whose output is the reply.
    ///
    /// # Panics
    ///
    /// When the command has a handler already.
    #[must_use]
    pub fn on<F, R>(self, command: Command, handler: F) -> Self
    where
        F: Fn(Request<M::Message>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<M::Message, HandlerError>> + Send + 'static,
    {
        self.add(command, replying(handler))
    }

    /// Serves `command` with a handler that blocks: it runs on a thread of the runtime's blocking pool. Nothing can end it
    /// there: where its request ends early, the caller is told, and its place stays taken until it returns.
    ///
    /// # Panics
    ///
    /// When the command has a handler already.
    #[must_use]
    pub fn on_blocking<F>(self, command: Command, handler: F) -> Self
    where
        F: Fn(Request<M::Message>) -> Result<M::Message, HandlerError> + Send + Sync + 'static,
    {
        let handler = Arc::new(handler);
        self.add(
            command,
            Box::new(move |request, responder| {
                let (handler, place) = (Arc::clone(&handler), responder.run.take_permit());
                let run = tokio::task::spawn_blocking(move || {
                    // Given back when the thread is free again, not when nobody waits for it any more.
                    let _place = place;
                    let shared = Arc::clone(&responder.run.shared);
                    match guard(|| handler(request)) {
                        Ok(outcome) => answer(responder, outcome),
                        Err(panic) => {
                            shared.note_panic("handler", &panic);
                            let _ = responder.fail_with(RemoteError::new(ErrorCode::Panic, ""));
                        }
                    }
                });
                let run = AbortOnDropHandle::new(run);
                Box::pin(async move {
                    let _ = run.await;
                })
            }),
        )
    }

    /// Serves `command` with a handler that answers for itself, when and where it likes.
    ///
    /// # Panics
    ///
    /// When the command has a handler already.
    #[must_use]
    pub fn respond<F, R>(self, command: Command, handler: F) -> Self
    where
        F: Fn(Request<M::Message>, Responder<M>) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.add(command, Box::new(move |request, responder| Box::pin(handler(request, responder))))
    }

    /// Serves every command without a handler of its own.
    #[must_use]
    pub fn fallback<F, R>(mut self, handler: F) -> Self
    where
        F: Fn(Request<M::Message>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<M::Message, HandlerError>> + Send + 'static,
    {
        self.fallback = Some(replying(handler));
        self
    }

    /// For protocols without error packets: makes the message that tells the peer of an error, from the request's
    /// payload. Without it, or when it gives `None`, such a request gets no answer, and is counted.
    #[must_use]
    pub fn on_error<F>(mut self, make: F) -> Self
    where
        F: Fn(&[u8], &RemoteError) -> Option<M::Message> + Send + Sync + 'static,
    {
        self.on_error = Some(Box::new(make));
        self
    }

    /// Lets handlers go on past the deadlines of their requests, for work that is worth finishing although no caller waits for
    /// its reply any more. By default a handler is dropped at its request's deadline, and its caller is told so.
    #[must_use]
    pub fn run_past_deadlines(mut self) -> Self {
        self.ignores_deadlines = true;
        self
    }

    pub(super) fn handler(&self, command: Command) -> Option<&Handler<M>> {
        self.handlers.get(&command).or(self.fallback.as_ref())
    }

    fn add(mut self, command: Command, handler: Handler<M>) -> Self {
        let before = self.handlers.insert(command, handler);
        assert!(before.is_none(), "command {} has a handler already", command.0);
        self
    }
}

fn replying<M, F, R>(handler: F) -> Handler<M>
where
    M: MessageCodec,
    F: Fn(Request<M::Message>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<M::Message, HandlerError>> + Send + 'static,
{
    Box::new(move |request, responder| {
        let run = handler(request);
        Box::pin(async move { answer(responder, run.await) })
    })
}

/// Tells the peer what a handler came to. A peer that is gone is no error of the handler's: it is counted.
fn answer<M: MessageCodec>(responder: Responder<M>, outcome: Result<M::Message, HandlerError>) {
    let _ = match outcome {
        Ok(message) => responder.reply(message),
        Err(error) => {
            let HandlerError { text, cause } = error;
            if let Some(cause) = cause {
                limited!(responder.run.shared.log_limit, warn, cause, "handler failed");
            }
            responder.fail_with(RemoteError::new(ErrorCode::Handler, text))
        }
    };
}

impl<M: MessageCodec> Default for Router<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: MessageCodec> fmt::Debug for Router<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("commands", &self.handlers.keys()).finish_non_exhaustive()
    }
}

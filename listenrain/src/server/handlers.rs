//! Types that handlers receive and return.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use crate::channel::ChannelFacts;
use crate::message::Command;

/// One request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request<M> {
    /// What was asked.
    pub message: M,
    /// Which handler the codec chose.
    pub command: Command,
    /// The channel that it came on.
    pub facts: Arc<ChannelFacts>,
    /// When its caller stops waiting, where the protocol can say so.
    pub deadline: Option<Instant>,
    /// Whether its sender wants no reply.
    pub one_way: bool,
}

/// Why a handler has no reply. Any error becomes one by `?`.
///
/// What the caller is told and what is logged here are two things: the text of an error that comes by `?` may hold
/// confidential data, so it is only logged, and the caller hears that the handler failed.
#[derive(Debug, Default)]
pub struct HandlerError {
    /// For the caller.
    pub(super) text: String,
    /// For the log.
    pub(super) cause: Option<String>,
}

impl HandlerError {
    /// An error that tells the caller `text`. Limit: [`RemoteError::MAX_MESSAGE`](crate::RemoteError::MAX_MESSAGE) bytes,
    /// less where packets are shorter; cut beyond.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), cause: None }
    }

    /// The same with what is to be logged, which the caller is not told.
    #[must_use]
    pub fn because(mut self, cause: impl std::error::Error) -> Self {
        self.cause = Some(chain(&cause));
        self
    }
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) if self.text.is_empty() => f.write_str(cause),
            Some(cause) => write!(f, "{}: {cause}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

// Not an `Error` itself: that would leave no room for this.
impl<E: std::error::Error> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self::default().because(error)
    }
}

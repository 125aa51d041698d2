//! What handlers get and give.

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
#[derive(Debug)]
pub struct HandlerError {
    pub(super) why: String,
}

impl HandlerError {
    /// An error that tells the caller `why`.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

// Not an `Error` itself: that would leave no room for this.
impl<E: std::error::Error> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

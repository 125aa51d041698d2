//! Error types of calls, links and packets.

mod call;
mod link;
mod next;
mod option;
mod remote;

pub use call::{CallError, Failure, IdState, Outcome, Refusal, Sent};
pub use link::{LinkError, PacketError};
pub use next::NextError;
pub use option::OptionError;
pub use remote::{ErrorCode, RemoteError, RemoteRefusal};

/// Why a message codec could not encode or decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct MessageError {
    /// What is wrong: the thing, the limit, the value.
    pub why: String,
}

impl MessageError {
    /// An error that says `why`.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

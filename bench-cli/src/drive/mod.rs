//! Stacks that drive a transport: one trait, one folder for each implementation.
//!
//! - [`ListenRain`]: the reference library.
//! - [`Bare`]: the transport alone, as fast as can be; the measure of all others.
//! - [`callers`]: closed and open loops of calls, for every stack that can answer one call.
//! - [`Registry`]: the transports and stacks that the tool knows.
//! - [`Setting`] and [`Serving`] are what a stack is told; [`Stalls`] is a server that stalls on purpose.

mod bare;
pub mod callers;
mod contact;
mod due;
#[cfg(feature = "simulate")]
mod faults;
mod listenrain;
mod pacer;
mod payloads;
mod phases;
mod registry;
mod schedule;
mod setting;
mod stalls;

use std::fmt::Debug;

use ::listenrain::{BoxFuture, Endpoint, EndpointError, NextError};

pub use self::bare::Bare;
pub use self::listenrain::ListenRain;
pub use self::phases::Phases;
pub use self::registry::Registry;
pub use self::setting::{Serving, Setting};
pub use self::stalls::Stalls;

use crate::load::ProtocolChoice;

/// What a benchmark drives on top of a transport.
///
/// # Contract
///
/// 1. [`start`](Self::start) returns when every connection stands and has answered one request of
///    [`STAMP`](crate::payload::STAMP) bytes, within [`Setting::answer_within`].
/// 2. A closed loop keeps exactly [`CellConfig::outstanding`](crate::load::CellConfig::outstanding) requests
///    outstanding. An open one sends each when it is due, counted from when [`Load::run`] is called, and drops it where
///    so many are outstanding; it skips none and reports to
///    [`Meter::done_open`](crate::meter::Meter::done_open).
/// 3. Until the meter's phase is [`Over`](crate::meter::Phase::Over); then it lets what is outstanding come to its end,
///    and returns.
/// 4. Every reply is checked by [`stamp`](crate::payload), as closely as
///    [`Meter::thoroughness`](crate::meter::Meter::thoroughness) says.
/// 5. Everything that goes wrong is told to the meter; a load returns early only after that.
pub trait Stack: Send + Sync + Debug + 'static {
    /// Its name on the command line and in run files.
    fn name(&self) -> &'static str;

    /// The protocols it can speak, its default first.
    fn protocols(&self) -> &'static [ProtocolChoice];

    /// Whether packets can be carried on by a forwarder between client and server.
    fn forwards(&self) -> bool {
        false
    }

    /// Whether it can play a scenario: [`Setting::phases`] one after the other, with messages that want no reply.
    fn plays(&self) -> bool {
        false
    }

    /// Starts a server (unless the setting has a target) and connects a client to it.
    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>>;

    /// Answers whoever comes. Tells `ready` where it really listens; ends only by being dropped or by an error.
    fn serve<'a>(
        &'a self,
        serving: Serving,
        ready: Box<dyn FnOnce(&Endpoint) + Send + 'a>,
    ) -> BoxFuture<'a, Result<(), StackError>>;
}

/// A connected client that waits for the word to begin.
pub trait Load: Send {
    /// Runs the loop to its end.
    fn run(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Why a stack did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The endpoint or one of its options is wrong.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nothing could be dialled, listened at, or accepted.
    #[error("{error}{}", cause(error))]
    Next {
        /// What the transport said.
        error: NextError,
    },
    /// There is nobody at the target.
    #[error(
        "{endpoint} cannot be reached: {why}; is a server there? `bench-cli serve --listen {endpoint}` starts one"
    )]
    Unreachable {
        /// What was dialled.
        endpoint: String,
        /// Why that failed.
        why: String,
    },
    /// The target answers with something that is no right reply.
    #[error(
        "{endpoint} answers, but not in protocol {protocol}: {why}; start both with the same --stack and --protocol"
    )]
    Foreign {
        /// What was dialled.
        endpoint: String,
        /// What was spoken to it.
        protocol: String,
        /// What came back.
        why: String,
    },
    /// The target takes connections and answers nothing.
    #[error(
        "{endpoint} takes connections, but answered no request in protocol {protocol} within {within}; start both with \
         the same --stack and --protocol"
    )]
    Silent {
        /// What was dialled.
        endpoint: String,
        /// What was spoken to it.
        protocol: String,
        /// How long it had.
        within: String,
    },
    /// The stack itself cannot do what was asked.
    #[error("{0}")]
    Stack(String),
}

impl From<NextError> for StackError {
    fn from(error: NextError) -> Self {
        Self::Next { error }
    }
}

fn cause(error: &NextError) -> String {
    error.source.as_ref().map_or_else(String::new, |source| format!(": {source}"))
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;

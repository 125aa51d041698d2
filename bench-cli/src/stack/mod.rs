//! What is driven on top of a transport: one trait, one folder for each implementation.
//!
//! - [`ListenRain`]: the reference library.
//! - [`Bare`]: the transport alone, as fast as can be; the measure of all others.
//! - [`callers`]: the closed loop of callers, for every stack that can answer one call.

mod bare;
pub mod callers;
mod listenrain;
mod payloads;

use std::fmt::Debug;
use std::sync::Arc;

use ::listenrain::{BoxFuture, Endpoint, EndpointError, NextError, Transport};

pub use self::bare::Bare;
pub use self::listenrain::ListenRain;

use crate::config::{CellConfig, ProtocolChoice};
use crate::meter::Meter;

/// What a benchmark drives on top of a transport.
///
/// # Contract
///
/// 1. [`start`](Self::start) returns when every connection stands, and has sent no request yet.
/// 2. A [`Load`] keeps exactly [`CellConfig::outstanding`] requests outstanding until the meter's phase is
///    [`Over`](crate::meter::Phase::Over), lets those come to their end, and returns.
/// 3. Every reply is checked by [`stamp`](crate::stamp), as closely as [`Meter::thoroughness`] says.
/// 4. Everything that goes wrong is told to the meter; a load returns early only after that.
pub trait Stack: Send + Sync + Debug + 'static {
    /// Its name on the command line and in run files.
    fn name(&self) -> &'static str;

    /// The protocols it can speak, its default first.
    fn protocols(&self) -> &'static [ProtocolChoice];

    /// Whether packets can be carried on by a forwarder between client and server.
    fn forwards(&self) -> bool {
        false
    }

    /// Starts a server (unless the setting has a target) and connects a client to it.
    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>>;

    /// Answers whoever comes to `endpoint`. Tells `ready` where it really listens; ends only by being dropped or by an
    /// error.
    fn serve<'a>(
        &'a self,
        transport: &'a dyn Transport,
        endpoint: &'a Endpoint,
        protocol: ProtocolChoice,
        ready: Box<dyn FnOnce(&Endpoint) + Send + 'a>,
    ) -> BoxFuture<'a, Result<(), StackError>>;
}

/// A connected client that waits for the word to begin.
pub trait Load: Send {
    /// Runs the closed loop to its end.
    fn run(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What a stack gets to work with.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The cell.
    pub config: CellConfig,
    /// The cell's transport.
    pub transport: Arc<dyn Transport>,
    /// Where to listen, with the cell's options; or, where the cell has a target, what to dial.
    pub endpoint: Endpoint,
    /// What to report to.
    pub meter: Arc<Meter>,
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

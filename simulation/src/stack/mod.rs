//! Stacks under test: clients and servers that understand each other.
//!
//! [`Library`] is listenrain itself, with its own protocol or a user's.

pub(crate) mod bodies;
mod codec;
mod executors;
mod library;
pub(crate) mod runs;
mod setup;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{BoxFuture, CallError, ChannelGenerator, Endpoint, Outcome};

pub use self::codec::ScenarioBytes;
pub use self::library::Library;
pub(crate) use self::library::{CALLBACKS, HANDLERS};
pub use self::runs::Runs;
pub use self::setup::{ClientSetup, Reach, ServerSetup};
pub(crate) use self::setup::{HANDLERS_AT_ONCE, LARGEST};
pub use crate::context::InUse;
use crate::network::Node;
pub use crate::stream::{BareBodies, Bodies};

/// Makes clients and servers that understand each other.
pub trait Stack: Send + Sync + fmt::Debug + 'static {
    /// Its name in reports.
    fn name(&self) -> &str;

    /// What its packets are and carry, for a layer between its parties.
    fn bodies(&self) -> Arc<dyn Bodies>;

    /// Whether it can say all that the library's own protocol can: ids in packets, errors, one-ways, pings.
    fn says_everything(&self) -> bool {
        true
    }

    /// Whether its servers and clients are as a scenario sets them up in all that depends on their protocol: executors, and the
    /// largest packet.
    fn follows_setup(&self) -> bool {
        false
    }

    /// A client at `node` that reaches `servers` as `reach` says.
    ///
    /// # Errors
    ///
    /// Why there is none, for people to read.
    fn client(
        &self,
        node: &Node,
        setup: &ClientSetup,
        reach: Reach,
        servers: &[Endpoint],
    ) -> Result<Arc<dyn Caller>, String>;

    /// A server at `node` of what comes in by `listener`.
    ///
    /// # Errors
    ///
    /// Why there is none, for people to read.
    fn serve(
        &self,
        node: &Node,
        setup: &ServerSetup,
        listener: Box<dyn ChannelGenerator>,
        handler: Handler,
    ) -> Result<Arc<dyn Serving>, String>;
}

/// Answers one request; the flag says that no reply is wanted.
pub type Handler = Arc<dyn Fn(Bytes, bool) -> BoxFuture<'static, Result<Bytes, String>> + Send + Sync>;

/// Told the outcome of one call.
pub type Told = Box<dyn FnOnce(Outcome<Bytes>) + Send>;

/// The client's side.
pub trait Caller: Send + Sync + 'static {
    /// Calls and awaits the reply. `to` says by which way, where there are several.
    fn call(&self, to: usize, body: Bytes, timeout: Duration) -> BoxFuture<'_, Outcome<Bytes>>;

    /// Calls, and has `told` told the outcome once.
    fn send(&self, to: usize, body: Bytes, timeout: Duration, told: Told) -> BoxFuture<'_, ()>;

    /// Sends what wants no reply.
    fn one_way(&self, to: usize, body: Bytes) -> BoxFuture<'_, Result<(), CallError>>;

    /// Finishes what is in flight, at most for so long, and ends.
    fn close(&self, within: Duration) -> BoxFuture<'_, ()>;

    /// What is in use now.
    fn in_use(&self) -> InUse;
}

/// The server's side.
pub trait Serving: Send + Sync + 'static {
    /// Answers what was asked, at most for so long, and ends.
    fn drain(&self, within: Duration) -> BoxFuture<'_, ()>;

    /// What is in use now.
    fn in_use(&self) -> InUse;
}

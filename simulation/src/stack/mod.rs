//! What is put through a scenario: something that calls and something that serves.
//!
//! [`Library`] is listenrain itself, with its own protocol or a user's.

mod codec;
mod executors;
mod library;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{BoxFuture, CallError, ChannelGenerator, Endpoint, Outcome};

pub use self::codec::ScenarioBytes;
pub use self::library::Library;
pub(crate) use self::library::{CALLBACKS, HANDLERS};
use crate::scenario::{ClientSetup, Reach, ServerSetup};
pub use crate::stream::{BareBodies, Bodies};
use crate::world::Site;

/// Makes clients and servers that understand each other.
pub trait Stack: Send + Sync + fmt::Debug + 'static {
    /// Its name in reports.
    fn name(&self) -> &str;

    /// What its packets are and carry, for whoever stands between its parties.
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

    /// A client at `site` that reaches `servers` as `reach` says.
    ///
    /// # Errors
    ///
    /// Why there is none, for people to read.
    fn client(
        &self,
        site: &Site,
        setup: &ClientSetup,
        reach: Reach,
        servers: &[Endpoint],
    ) -> Result<Arc<dyn Caller>, String>;

    /// A server at `site` of what comes in by `listener`.
    ///
    /// # Errors
    ///
    /// Why there is none, for people to read.
    fn serve(
        &self,
        site: &Site,
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

/// What a side has in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InUse {
    /// Requests that have not ended.
    pub requests: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets that wait to be written.
    pub queued: u64,
}

//! The settings of a server.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dispatch::Routed;
use super::router::Router;
use super::{Server, Shared, accept};
use crate::connection::OptionError;
use crate::correlation::Mode;
use crate::link::Health;
use crate::message::MessageCodec;
use crate::primitives::budget::Budget;
use crate::protocol::Protocol;
use crate::sync::Mutex;
use crate::transport::ChannelGenerator;

/// How much a server takes on at once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Open channels; one more is closed at once. At least 1; default 10,000.
    pub connections: usize,
    /// Requests of one channel that are not answered. At least 1; default 1,024.
    pub requests: usize,
    /// Bytes of such requests of one channel. At least 1; default 64 MiB. A larger request is admitted alone.
    pub bytes: usize,
    /// Requests of all channels that are not answered. At least 1; default 65,536.
    pub all_requests: usize,
    /// Bytes of such requests. At least 1; default 512 MiB.
    pub all_bytes: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            requests: 1024,
            bytes: 64 << 20,
            all_requests: 65_536,
            all_bytes: 512 << 20,
        }
    }
}

/// What a server does with requests beyond its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overload {
    /// Stops reading that channel until there is room, so that the peer's writes wait: the default.
    #[default]
    StopReading,
    /// Answers that they are refused. Where the protocol cannot say so, as [`StopReading`](Self::StopReading).
    Refuse,
}

/// What becomes of a channel's running handlers when it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnDisconnect {
    /// They go on; their replies go nowhere, and are counted. The default, since half-done work is worse than work
    /// nobody waits for.
    #[default]
    Finish,
    /// Their futures are dropped, also when the peer has only ended its writing: that cannot be told from a peer that is
    /// gone.
    Cancel,
}

/// Puts a [`Server`] together.
pub struct ServerBuilder<M: MessageCodec> {
    protocol: Protocol<M>,
    router: Router<M>,
    limits: ServerLimits,
    overload: Overload,
    on_disconnect: OnDisconnect,
    health: Health,
}

impl<M: MessageCodec> fmt::Debug for ServerBuilder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("protocol", &self.protocol)
            .field("limits", &self.limits)
            .finish()
    }
}

impl Server {
    /// A server of `protocol` whose requests `router` serves.
    pub fn builder<M: MessageCodec>(protocol: Protocol<M>, router: Router<M>) -> ServerBuilder<M> {
        ServerBuilder {
            protocol,
            router,
            limits: ServerLimits::default(),
            overload: Overload::default(),
            on_disconnect: OnDisconnect::default(),
            health: Health::default(),
        }
    }
}

impl<M: MessageCodec> ServerBuilder<M> {
    /// How much to take on at once; see [`ServerLimits`].
    #[must_use]
    pub fn limits(mut self, limits: ServerLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Most open channels.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.limits.connections = connections;
        self
    }

    /// Most unanswered requests of one channel.
    #[must_use]
    pub fn max_requests(mut self, requests: usize) -> Self {
        self.limits.requests = requests;
        self
    }

    /// Most bytes of unanswered requests of one channel.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// What to do beyond the limits.
    #[must_use]
    pub fn overload(mut self, overload: Overload) -> Self {
        self.overload = overload;
        self
    }

    /// What becomes of running handlers when their channel is lost.
    #[must_use]
    pub fn on_disconnect(mut self, on_disconnect: OnDisconnect) -> Self {
        self.on_disconnect = on_disconnect;
        self
    }

    /// When a silent peer counts as gone; see [`Health`].
    #[must_use]
    pub fn health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }

    /// Serves the channels that `listener` gives, in tasks of the current runtime.
    ///
    /// # Errors
    ///
    /// [`OptionError`] when a setting is out of range.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn listen(self, listener: Box<dyn ChannelGenerator>) -> Result<Server, OptionError> {
        self.check()?;
        let endpoint = listener.endpoint().clone();
        let parts = Arc::clone(&self.protocol.parts);
        let can_refuse = parts.packets.abilities().errors;
        let same_id = match &parts.correlation.0 {
            Mode::Message(new) => Some(new()),
            _ => None,
        };
        let dispatch = Arc::new(Routed::new(Arc::clone(&self.protocol.messages), self.router, same_id));
        let shared = Arc::new(Shared {
            budget: Budget::new(self.limits.all_requests, self.limits.all_bytes),
            parts,
            dispatch,
            limits: self.limits,
            overload: if can_refuse { self.overload } else { Overload::StopReading },
            on_disconnect: self.on_disconnect,
            health: self.health,
            counters: Arc::default(),
            peers: Mutex::new(Vec::new()),
            orphans: Mutex::new(Vec::new()),
            next_peer: AtomicU64::new(1),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            ended: watch::Sender::new(None),
        });
        shared.tasks.spawn(accept::run(Arc::clone(&shared), listener));
        shared.tasks.spawn(accept::tick(Arc::clone(&shared)));
        Ok(Server { shared, endpoint })
    }

    fn check(&self) -> Result<(), OptionError> {
        let limits = &self.limits;
        for (what, value) in [
            ("limits.connections", limits.connections),
            ("limits.requests", limits.requests),
            ("limits.bytes", limits.bytes),
            ("limits.all_requests", limits.all_requests),
            ("limits.all_bytes", limits.all_bytes),
        ] {
            OptionError::check(value > 0, what, value, "1 or more")?;
        }
        self.health.check()
    }
}

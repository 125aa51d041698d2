//! The settings of a server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::channels::Channels;
use super::dispatch::Routed;
use super::limits::ServerLimits;
use super::router::Router;
use super::{Drain, Server, Shared, accept};
use crate::channel::ChannelFacts;
use crate::connection::Overflow;
use crate::error::OptionError;
use crate::guard::guard;
use crate::link::Health;
use crate::log_limit::LogLimit;
use crate::message::MessageCodec;
use crate::primitives::budget::Budget;
use crate::protocol::Protocol;
use crate::random::Random;
use crate::setters::setters;
use crate::transport::ChannelGenerator;

/// What becomes of a channel's running handlers when it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnDisconnect {
    /// They go on; their replies go nowhere, and are counted. The default, since half-done work is worse than work
    /// no caller waits for.
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
    options: Options,
}

/// How a server behaves, whatever its protocol is.
#[derive(Default)]
pub(super) struct Options {
    pub(super) limits: ServerLimits,
    pub(super) overflow: Overflow,
    pub(super) on_disconnect: OnDisconnect,
    pub(super) health: Health,
    pub(super) max_age: Option<Duration>,
    pub(super) admits: Option<Box<Admits>>,
    seed: Option<u64>,
}

/// The largest age that may be set.
const OLDEST: Duration = Duration::from_secs(3650 * 86_400);

/// Whether a channel with these facts is taken.
type Admits = dyn Fn(&ChannelFacts) -> bool + Send + Sync;

impl<M: MessageCodec> fmt::Debug for ServerBuilder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("protocol", &self.protocol)
            .field("limits", &self.options.limits)
            .finish()
    }
}

impl Server {
    /// A server of `protocol` whose requests `router` serves.
    pub fn builder<M: MessageCodec>(protocol: Protocol<M>, router: Router<M>) -> ServerBuilder<M> {
        ServerBuilder { protocol, router, options: Options::default() }
    }
}

impl<M: MessageCodec> ServerBuilder<M> {
    setters! {
        /// How much to take on at once; see [`ServerLimits`].
        limits(limits: ServerLimits) => options.limits;

        /// Most open channels.
        max_connections(connections: usize) => options.limits.connections;

        /// Most unanswered requests of one channel.
        max_requests(requests: usize) => options.limits.requests;

        /// Most bytes of unanswered requests of one channel.
        max_bytes(bytes: usize) => options.limits.bytes;

        /// What to do with requests beyond the limits. Default: they wait, and their channel is not read meanwhile.
        overflow(overflow: Overflow) => options.overflow;

        /// What becomes of running handlers when their channel is lost.
        on_disconnect(on_disconnect: OnDisconnect) => options.on_disconnect;

        /// When a silent peer counts as gone; see [`Health`].
        health(health: Health) => options.health;

        /// Ends each channel in an orderly way when it has reached this age, give or take a tenth, so that clients come back
        /// by way of whatever spreads them over servers. Default: channels grow as old as they like. Range: 1 s to 3650 days.
        max_age(age: Duration) => options.max_age = Some(age);

        /// Takes only channels for whose facts `admits` says `true`: the address of the peer, its certificate, its user.
        /// Others are told so, where the protocol can say it, and counted as turned away; their clients are down at once, and
        /// try again after 30 s. So is a channel for which it panics. Default: all.
        admit(admits: impl Fn(&ChannelFacts) -> bool + Send + Sync + 'static)
            => options.admits = Some(Box::new(admits));

        /// Seeds what is spread at random. Simulations give one; by default it is the system's.
        seeded(seed: u64) => options.seed = Some(seed);
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
        self.options.check()?;
        let endpoint = guard(|| listener.endpoint().clone())
            .map_err(|panic| OptionError::panicked("listener", panic))?;
        let parts = Arc::clone(&self.protocol.parts);
        let same_id = parts.correlation.by_id();
        let dispatch = Arc::new(Routed::new(Arc::clone(&self.protocol.messages), self.router, same_id));
        let shared = Arc::new(Shared {
            places: Budget::shared(self.options.limits.all_requests as u64),
            memory: Budget::shared(self.options.limits.all_bytes as u64),
            handlers: Budget::plain(parts.handlers.bound as u64),
            parts,
            dispatch,
            random: Random::new(self.options.seed),
            options: self.options,
            counters: Arc::default(),
            log_limit: LogLimit::default(),
            channels: Channels::default(),
            idle: Arc::default(),
            closing: CancellationToken::new(),
            over: CancellationToken::new(),
            drain: Drain::default(),
            tasks: TaskTracker::new(),
            ended: watch::Sender::new(None),
        });
        shared.tasks.spawn(accept::run(Arc::clone(&shared), endpoint.clone(), listener));
        tokio::spawn(accept::watch(Arc::clone(&shared)));
        Ok(Server { shared, endpoint })
    }
}

impl Options {
    fn check(&self) -> Result<(), OptionError> {
        self.limits.check()?;
        let second = Duration::from_secs(1);
        let is_legal = self.max_age.is_none_or(|age| (second..=OLDEST).contains(&age));
        OptionError::check(is_legal, "max_age", self.max_age.unwrap_or_default(), "1s to 3650 days")?;
        self.health.check()
    }
}

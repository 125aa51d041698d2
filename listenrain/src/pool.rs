//! `ConnectionPool`: one connection for an endpoint and a protocol, however many callers ask.

use std::fmt;
use std::sync::Arc;

use crate::client::{Client, ClientBuilder};
use crate::connection::{Connection, Dialers};
use crate::endpoint::{Endpoint, EndpointError};
use crate::error::OptionError;
use crate::guard::guard;
use crate::message::MessageCodec;
use crate::primitives::keyed::Keyed;
use crate::protocol::{ProtocolHandle, ProtocolId};
use crate::transport::{Transport, TransportId};

/// What names a pooled connection: all that decides which peers it trusts and what it speaks. Only callers who agree on the
/// transport, the endpoint with its options, and the protocol share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct PoolKey {
    /// What dials, and trusts or does not trust what answers.
    pub transport: TransportId,
    /// Where it leads.
    pub endpoint: Endpoint,
    /// What it speaks.
    pub protocol: ProtocolId,
}

impl PoolKey {
    /// The key of connections that `transport` makes to `endpoint`, speaking `protocol`.
    #[must_use]
    pub fn new(transport: TransportId, endpoint: Endpoint, protocol: ProtocolId) -> Self {
        Self { transport, endpoint, protocol }
    }
}

/// Which making of a connection: a key that was removed and made again has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(pub u64);

/// Starts a connection that is not there yet.
pub type MakeConnection<'a> = Box<dyn FnOnce(Generation) -> Connection + 'a>;

/// Keeps connections by key.
///
/// # Contract
///
/// 1. [`get`](Self::get) calls `make` at most once for all callers who ask for the same key at the same time. `make` is
///    quick: it only starts to dial.
/// 2. [`remove`](Self::remove) with an old generation removes nothing.
/// 3. A connection that [is over](Connection::is_over) is never given.
/// 4. It is bounded in connections.
#[doc(alias = "TransportPool")]
pub trait ConnectionPool: Send + Sync + fmt::Debug + 'static {
    /// The connection of `key`, made when there is none; `None` when the pool is full of connections in use.
    fn get(&self, key: &PoolKey, make: MakeConnection<'_>) -> Option<Connection>;

    /// Removes the connection of `key` if it is still the one of `generation`. Its clones live on.
    fn remove(&self, key: &PoolKey, generation: Generation) -> Option<Connection>;

    /// All connections, for instance to close them.
    fn connections(&self) -> Vec<Connection>;
}

/// The default pool: one shared connection a key. When it is full, one that is over or unused makes room. One that is down
/// for now stays: it goes on dialling by itself.
#[derive(Debug)]
pub struct SharedConnections {
    by_key: Keyed<PoolKey, Connection>,
    limit: usize,
}

impl SharedConnections {
    /// A pool of at most `limit` connections; at least 1.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { by_key: Keyed::new(), limit: limit.max(1) }
    }
}

impl Default for SharedConnections {
    /// At most 1,024 connections.
    fn default() -> Self {
        Self::new(1024)
    }
}

impl ConnectionPool for SharedConnections {
    fn get(&self, key: &PoolKey, make: MakeConnection<'_>) -> Option<Connection> {
        let usable = |connection: &Connection| !connection.is_over();
        self.by_key
            .get_or_insert(key, self.limit, usable, Connection::is_unused, |number| make(Generation(number)))
    }

    fn remove(&self, key: &PoolKey, generation: Generation) -> Option<Connection> {
        self.by_key.remove(key, generation.0)
    }

    fn connections(&self) -> Vec<Connection> {
        self.by_key.values()
    }
}

/// Why a pool gave no client.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The transport does not understand the endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A setting is out of range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The transport cannot be told from others, so that what it dials cannot be shared: implement [`Transport::id`].
    #[error("connections of transport `{0}` cannot be pooled: it has no id")]
    NoTransportId(String),
    /// A part of the user's panicked.
    #[error("{part} panicked: {text}")]
    Panicked {
        /// Which part.
        part: &'static str,
        /// What the panic said.
        text: String,
    },
    /// Every connection of a full pool is in use.
    #[error("no room in the pool for {0}: every connection is in use")]
    Full(String),
}

impl<M: MessageCodec> Client<M> {
    /// A client over the pooled connection to `endpoint`, dialled when there is none. `configure` sets the options of a
    /// fresh connection; one that is there keeps its own.
    ///
    /// The dial is shared: however many ask at once, one is made, and each caller has its own deadline on its call.
    ///
    /// # Errors
    ///
    /// [`PoolError`] says what is wrong with the endpoint or the options, or that the pool is full.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn pooled(
        pool: &dyn ConnectionPool,
        transport: &dyn Transport,
        endpoint: &Endpoint,
        protocol: &ProtocolHandle<M>,
        configure: impl FnOnce(ClientBuilder<M>) -> ClientBuilder<M>,
    ) -> Result<Self, PoolError> {
        let bundle = protocol.protocol().clone();
        let (bundle, options) = configure(Self::builder(bundle)).checked()?;
        let panicked = |part: &'static str| move |text| PoolError::Panicked { part, text };
        let asked = guard(|| {
            (transport.dialer(endpoint), transport.id().ok_or_else(|| transport.scheme().to_owned()))
        });
        let (dialer, id) = asked.map_err(panicked("transport"))?;
        let (dialer, id) = (dialer?, id.map_err(PoolError::NoTransportId)?);
        let key = PoolKey::new(id, endpoint.clone(), protocol.id());
        let parts = Arc::clone(&bundle.parts);
        let dialers = Dialers::new(dialer, options.lanes).map_err(panicked("transport"))?;
        let make: MakeConnection<'_> = Box::new(|_| Connection::start(parts, dialers, options));
        let connection = guard(|| pool.get(&key, make)).map_err(panicked("pool"))?;
        let connection = connection.ok_or_else(|| PoolError::Full(endpoint.to_string()))?;
        Ok(Self::over(bundle, connection.for_one_of_many()))
    }
}

impl Connection {
    /// Whether nothing is in flight on it and only the pool holds it.
    fn is_unused(&self) -> bool {
        let counts = self.counts();
        self.holders() == 1 && counts.in_flight == 0 && counts.queued == 0
    }
}

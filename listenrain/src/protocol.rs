//! `Protocol`: the bundle of all plug points, and `ProtocolTable`: where bundles are registered.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::correlation::{Correlation, Mode};
use crate::executor::{Executor, Inline, Jobs, Spawned};
use crate::identity::Identity;
use crate::message::MessageCodec;
use crate::packet::{NativePackets, PacketCodec, Packets};
use crate::primitives::outbox::{FifoQueue, SendQueue};
use crate::queued::{NewQueue, Queued};
use crate::setters::setters;
use crate::timers::{HeapTimers, NewTimers, Timers};

/// Everything that two sides must agree on, and how this side works on it. Immutable once built; cheap to clone.
#[doc(alias = "protocolType")]
pub struct Protocol<M> {
    pub(crate) parts: Arc<Parts>,
    pub(crate) messages: Arc<M>,
}

/// What does not depend on the type of messages.
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) packets: Packets,
    pub(crate) correlation: Correlation,
    pub(crate) new_queue: Arc<NewQueue>,
    pub(crate) new_timers: Box<NewTimers>,
    pub(crate) handlers: Jobs,
    pub(crate) callbacks: Jobs,
    pub(crate) timeout: Duration,
}

impl<M: MessageCodec> Protocol<M> {
    /// A protocol called `name` whose messages `messages` encodes, everything else at its default: native packets,
    /// correlated by packet.
    pub fn builder(name: impl Into<String>, messages: M) -> ProtocolBuilder<M> {
        ProtocolBuilder {
            name: name.into(),
            messages,
            packets: Arc::new(NativePackets::default()),
            correlation: None,
            new_queue: Arc::new(|| Box::new(FifoQueue::default())),
            new_timers: Box::new(|| Box::new(HeapTimers::default())),
            handlers: Arc::new(Inline::default()),
            callbacks: Arc::new(Spawned::default()),
            timeout: ProtocolBuilder::<M>::DEFAULT_TIMEOUT,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// Its message codec.
    #[must_use]
    pub fn messages(&self) -> &M {
        &self.messages
    }

    /// Its packet codec.
    #[must_use]
    pub fn packets(&self) -> &Arc<dyn PacketCodec> {
        &self.parts.packets.codec
    }
}

impl<M> Clone for Protocol<M> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts), messages: Arc::clone(&self.messages) }
    }
}

impl<M> fmt::Debug for Protocol<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &self.parts;
        f.debug_struct("Protocol")
            .field("name", &parts.name)
            .field("packets", &parts.packets)
            .field("correlation", &parts.correlation)
            .finish_non_exhaustive()
    }
}

/// Puts a [`Protocol`] together.
pub struct ProtocolBuilder<M> {
    name: String,
    messages: M,
    packets: Arc<dyn PacketCodec>,
    correlation: Option<Correlation>,
    new_queue: Arc<NewQueue>,
    new_timers: Box<NewTimers>,
    handlers: Arc<dyn Executor>,
    callbacks: Arc<dyn Executor>,
    timeout: Duration,
}

impl<M> fmt::Debug for ProtocolBuilder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a protocol cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Correlation by packet with packets that carry no id.
    #[error("protocol `{0}` correlates by packet, but its packets carry no id: use by_message or by_order")]
    NoPacketId(String),
    /// A setting is out of range.
    #[error("protocol `{name}`: {what} is {value}, allowed is {allowed}")]
    OutOfRange {
        /// The protocol's name.
        name: String,
        /// Which setting.
        what: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// A part panicked when it was asked what it can do.
    #[error("protocol `{name}`: {part} panicked: {text}")]
    Panicked {
        /// The protocol's name.
        name: String,
        /// Which part.
        part: &'static str,
        /// What the panic said.
        text: String,
    },
    /// The table has a protocol of this name already.
    #[error("a protocol `{0}` is registered already")]
    Registered(String),
}

/// What the library itself says of requests and channels has to fit into a packet.
const LEAST_PACKET: usize = 64;

impl<M: MessageCodec> ProtocolBuilder<M> {
    /// How long a call waits unless it says otherwise: 5 s, as in the original.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

    setters! {
        /// Frames packets with `packets`. Default: [`NativePackets`].
        packets(packets: impl PacketCodec) => packets = Arc::new(packets);

        /// Finds calls by `correlation`. Default: by packet where packets carry an id, else by order.
        correlation(correlation: Correlation) => correlation = Some(correlation);

        /// Runs handlers. Default: [`Inline`].
        handlers(executor: impl Executor) => handlers = Arc::new(executor);

        /// Runs callbacks of state machines. Default: [`Spawned`].
        callbacks(executor: impl Executor) => callbacks = Arc::new(executor);

        /// How long a call waits unless it says otherwise. From 1 ms to 1 day; default
        /// [`DEFAULT_TIMEOUT`](Self::DEFAULT_TIMEOUT).
        timeout(timeout: Duration) => timeout;
    }

    /// Makes the queue of each lane and of each accepted channel. Default: [`FifoQueue`].
    #[must_use]
    pub fn queue<Q: SendQueue<Queued> + 'static>(
        mut self,
        new_queue: impl Fn() -> Q + Send + Sync + 'static,
    ) -> Self {
        self.new_queue = Arc::new(move || Box::new(new_queue()));
        self
    }

    /// Makes the timers of each connection. Default: [`HeapTimers`].
    #[must_use]
    pub fn timers<T: Timers>(mut self, new_timers: impl Fn() -> T + Send + Sync + 'static) -> Self {
        self.new_timers = Box::new(move || Box::new(new_timers()));
        self
    }

    /// The finished protocol.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] when the parts do not fit together or a setting is out of range.
    pub fn build(self) -> Result<Protocol<M>, ProtocolError> {
        let name = self.name;
        let panicked = |part: &'static str| {
            let name = name.clone();
            move |text| ProtocolError::Panicked { name, part, text }
        };
        let packets = Packets::new(self.packets).map_err(panicked("packet codec"))?;
        let handlers = Jobs::new(self.handlers).map_err(panicked("executor of handlers"))?;
        let callbacks = Jobs::new(self.callbacks).map_err(panicked("executor of callbacks"))?;
        let (has_id, limit) = (packets.capabilities.id, packets.limit);
        let default = || {
            if has_id { Correlation::by_packet() } else { Correlation::by_order() }
        };
        let correlation = self.correlation.unwrap_or_else(default);
        if matches!(correlation.0, Mode::Packet) && !has_id {
            return Err(ProtocolError::NoPacketId(name));
        }
        let least = if packets.capabilities.hello { LEAST_PACKET } else { 1 };
        if limit < least {
            let (value, allowed) = (limit.to_string(), if least == 1 { "1 or more" } else { "64 or more" });
            return Err(ProtocolError::OutOfRange { name, what: "max_packet", value, allowed });
        }
        if self.timeout < Duration::from_millis(1) || self.timeout > Duration::from_secs(86_400) {
            let value = format!("{:?}", self.timeout);
            let allowed = "1ms to 86400s";
            return Err(ProtocolError::OutOfRange { name, what: "timeout", value, allowed });
        }
        let parts = Parts {
            name,
            packets,
            correlation,
            new_queue: self.new_queue,
            new_timers: self.new_timers,
            handlers,
            callbacks,
            timeout: self.timeout,
        };
        Ok(Protocol { parts: Arc::new(parts), messages: Arc::new(self.messages) })
    }
}

/// Registered protocols, by name.
#[derive(Debug, Default)]
#[doc(alias = "ProtocolRegisterTable")]
pub struct ProtocolTable {
    names: BTreeSet<String>,
}

/// A typed handle to a registered protocol. Cheap to clone.
pub struct ProtocolHandle<M> {
    pub(crate) protocol: Protocol<M>,
    pub(crate) id: ProtocolId,
}

/// Which registration of a protocol: part of a pool's key, so that two protocols to one address never share a connection,
/// be they of one table or of two.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolId(Identity);

impl<M> ProtocolHandle<M> {
    /// The protocol.
    #[must_use]
    pub fn protocol(&self) -> &Protocol<M> {
        &self.protocol
    }

    /// Its registration. Clones of the handle have the same.
    #[must_use]
    pub fn id(&self) -> ProtocolId {
        self.id.clone()
    }
}

impl<M> Clone for ProtocolHandle<M> {
    fn clone(&self) -> Self {
        Self { protocol: self.protocol.clone(), id: self.id.clone() }
    }
}

impl<M> fmt::Debug for ProtocolHandle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolHandle").field("id", &self.id).field("protocol", &self.protocol).finish()
    }
}

impl ProtocolTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers `protocol` and gives its handle.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Registered`] when the name is taken.
    pub fn register<M>(&mut self, protocol: Protocol<M>) -> Result<ProtocolHandle<M>, ProtocolError> {
        let name = protocol.parts.name.clone();
        if self.names.contains(&name) {
            return Err(ProtocolError::Registered(name));
        }
        self.names.insert(name);
        Ok(ProtocolHandle { protocol, id: ProtocolId(Identity::new()) })
    }

    /// The names that are registered, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

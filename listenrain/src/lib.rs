//! Multiplexed, full-duplex request/response over any reliable byte stream.
//!
//! Start with [`Protocol`], which bundles what both sides agree on; [`Client`] calls and [`Server`] serves by it, over the
//! channels that a [`Transport`] makes.
//!
//! - **Every call ends once**, at its deadline at the latest, in one [`Outcome`]. [`CallError::never_executed`] is true only
//!   for a request that certainly did not run, and may be retried blindly.
//! - **Everything is bounded**: [`ConnectionLimits`], [`ServerLimits`]; what happens at a limit is [`Overflow`]'s.
//!   Channels share a server's limits by what is left of them, so that no peer takes everything.
//! - **Ends are orderly**: [`Server::drain`] loses nothing that was taken, and a client sends the rest elsewhere.
//! - **Peers are watched**: [`Health`] gives up those that are silent, stop inside a packet, or take no answers.
//! - **Your code may panic**: that ends one call or one channel. Two panics at once, the second in a destructor that unwinding
//!   runs, abort the process, as everywhere in Rust.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod buffer;
pub mod channel;
mod client;
mod connection;
mod correlation;
mod counters;
mod endpoint;
mod error;
mod executor;
pub mod forward;
mod guard;
mod identity;
mod link;
mod log_limit;
mod message;
mod packet;
mod pool;
mod primitives;
#[cfg(test)]
mod primitives_tests;
mod protocol;
mod queued;
mod random;
mod server;
mod setters;
mod state_machine;
mod sync;
mod timers;
pub mod transport;
mod wire;

pub use channel::{Channel, ChannelEnd, ChannelFacts, ChannelRead, ChannelWrite, OnEnd};
pub use client::{Client, ClientBuilder};
pub use connection::{
    Backoff, BackoffState, Connection, ConnectionLimits, ConnectionOptions, ConnectionState, Overflow,
};
pub use correlation::{Correlation, HashPool, StateMachinePool};
pub use counters::Counts;
pub use endpoint::{Endpoint, EndpointError};
pub use error::{
    CallError, ErrorCode, Failure, IdState, LinkError, MessageError, NextError, OptionError, Outcome,
    PacketError, Refusal, RemoteError, RemoteRefusal, Sent,
};
pub use executor::{Blocking, Executor, Inline, Job, Spawned};
pub use link::Health;
pub use message::{Command, MessageCodec, RawBytes};
pub use packet::{
    DEFAULT_MAX_PACKET, Decoded, GoodbyeReason, Kind, NativePackets, OriginalPackets, Packet,
    PacketCapabilities, PacketCodec, Payload,
};
pub use pool::{ConnectionPool, Generation, MakeConnection, PoolError, PoolKey, SharedConnections};
pub use primitives::in_flight::CallId;
pub use primitives::outbox::{FifoQueue, SendQueue, Ticket};
pub use protocol::{Protocol, ProtocolBuilder, ProtocolError, ProtocolHandle, ProtocolId, ProtocolTable};
pub use queued::Queued;
pub use server::{
    Drained, HandlerError, OnDisconnect, Request, RespondError, Responder, Router, Server, ServerBuilder,
    ServerLimits,
};
pub use state_machine::StateMachine;
pub use timers::{HeapTimers, Timers};
pub use transport::{BoxFuture, Capabilities, ChannelGenerator, Transport, TransportId};

//! Multiplexed, full-duplex request/response over any reliable byte stream.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod buffer;
pub mod channel;
mod endpoint;
pub mod transport;

pub use channel::{Channel, ChannelFacts, ChannelRead, ChannelWrite};
pub use endpoint::{Endpoint, EndpointError};
pub use transport::{BoxFuture, Capabilities, ChannelGenerator, NextError, Transport};

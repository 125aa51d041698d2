//! Transports for [`listenrain`]: where its channels come from, all behind one trait.
//!
//! | module | endpoints | what it is |
//! |---|---|---|
//! | [`tcp`] | `tcp://host:port` | TCP over IPv4 and IPv6 |
//! | [`tls`] | `tls://host:port` | TLS 1.3 over TCP |
//! | [`sctp`] | `sctp://host:port` | SCTP over UDP, several streams of one association as lanes |
//! | [`channel`] | `channel://name` | a channel inside one process, which moves `Bytes` and can be made to fail |
//! | [`certificates`] | | who one is and whom one believes, for those that encrypt |
//! | [`udp`] | | UDP sockets, the system's or injected ones |
//! | [`registry`] | | scheme -> transport, for a tool that takes endpoints as text |
//! | [`options`] | | how a transport's options are described, set by name and written as text |
//!
//! Start with [`all`] for a tool, with [`Tcp`] or [`InProcess`] for a program that knows what it wants. Every transport
//! page says what half-close, abort, backpressure and peer identity mean on it. This crate knows nothing of messages or
//! calls, and holds no global state: what a transport reaches belongs to its instance.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]
#![warn(clippy::print_stdout)]

pub mod certificates;
pub mod channel;
pub mod options;
mod owned_task;
pub mod registry;
pub mod sctp;
pub mod tcp;
pub mod tls;
pub mod udp;

use std::sync::Arc;

pub use channel::InProcess;
pub use registry::Registry;
pub use sctp::Sctp;
pub use tcp::Tcp;
pub use tls::Tls;

/// A registry of every transport in this crate, each with its defaults.
#[must_use]
pub fn all() -> Registry {
    Registry::of([
        Arc::new(Tcp::default()) as _,
        Arc::new(Tls::default()) as _,
        Arc::new(Sctp::default()) as _,
        Arc::new(InProcess::default()) as _,
    ])
}

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;

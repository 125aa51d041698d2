//! Transports for [`listenrain`]: where its channels come from, all behind one trait.
//!
//! | module | endpoints | what it is |
//! |---|---|---|
//! | [`tcp`] | `tcp://host:port` | TCP over IPv4 and IPv6 |
//! | [`tls`] | `tls://host:port` | TLS 1.3 over TCP |
//! | `unix` | `unix:///path`, `unix://@name` | Unix sockets, where the system has them |
//! | `fifo` | `fifo:///run/x` | named pipes between the processes of one user, on Unix |
//! | [`quic`] | `quic://host:port` | QUIC, a stream each |
//! | [`sctp`] | `sctp://host:port` | SCTP over UDP, several streams of one association as lanes |
//! | [`channel`] | `channel://name` | a channel inside one process, which moves `Bytes` and can be made to fail |
//! | `exec` | `exec://program%20argument`, `exec://-` | a child process, on Unix; not among [`all`] |
//! | [`ha`] | `ha:tcp://a:1,unix:///b` | active/standby over any of them |
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

mod accept;
mod accept_limiter;
pub mod certificates;
pub mod channel;
#[cfg(unix)]
pub mod exec;
#[cfg(unix)]
pub mod fifo;
pub mod ha;
mod halves;
mod jitter;
pub mod options;
mod owned_task;
#[cfg(unix)]
mod paths;
#[cfg(unix)]
mod pipes;
pub mod quic;
pub mod registry;
pub mod sctp;
mod shared_dial;
pub mod tcp;
pub mod tls;
pub mod udp;
#[cfg(unix)]
pub mod unix;

use std::sync::Arc;

use listenrain::Transport;

pub use channel::InProcess;
#[cfg(unix)]
pub use exec::Exec;
#[cfg(unix)]
pub use fifo::Fifo;
pub use ha::ActiveStandby;
pub use quic::Quic;
pub use registry::Registry;
pub use sctp::Sctp;
pub use tcp::Tcp;
pub use tls::Tls;
#[cfg(unix)]
pub use unix::Unix;

/// A registry of every transport in this crate, each with its defaults: those of one endpoint, then [`ActiveStandby`]
/// over them.
#[must_use]
pub fn all() -> Registry {
    let single: &[Arc<dyn Transport>] = &[
        Arc::new(Tcp::default()),
        Arc::new(Tls::default()),
        #[cfg(unix)]
        Arc::new(Unix::default()),
        #[cfg(unix)]
        Arc::new(Fifo::default()),
        Arc::new(Quic::default()),
        Arc::new(Sctp::default()),
        Arc::new(InProcess::default()),
    ];
    let lists: Arc<dyn Transport> = Arc::new(ActiveStandby::new(Registry::of(single.iter().cloned())));
    Registry::of(single.iter().cloned().chain([lists]))
}

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;

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
//! | [`certificates`] | | identity and trust, for those that encrypt |
//! | [`udp`] | | UDP sockets, the system's or injected ones |
//! | [`registry`] | | scheme -> transport, for a tool that takes endpoints as text |
//! | [`layer`] | | what stands between a transport and its user, for faults and measurements |
//! | [`options`] | | how a transport's options are described, set by name and written as text |
//!
//! Start with [`all`] for a tool, with [`Tcp`] or [`InProcess`] for a program that knows what it wants. Every transport
//! page says what half-close, abort, backpressure and peer identity mean on it. This crate knows nothing of messages or
//! calls, and holds no global state: what a transport reaches belongs to its instance.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `tcp`, `unix` | those transports; both by default |
//! | `tls`, `quic`, `sctp` | each adds its transport, and `tcp` with it |
//! | `fifo`, `exec` | each adds its transport, on Unix |
//! | `full` | all of them |
//!
//! [`channel`] and [`ha`] are always there. [`all`] lists what is compiled in; an endpoint of a transport that is not is
//! refused by an error that names its feature.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]
#![cfg_attr(
    not(feature = "full"),
    allow(dead_code, unused_imports, reason = "no transport alone needs all that several share")
)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::print_stdout)]

#[cfg(any(feature = "tcp", all(unix, any(feature = "unix", feature = "fifo"))))]
mod accept;
#[cfg(any(feature = "tls", feature = "quic", feature = "sctp"))]
mod accept_limiter;
#[cfg(any(feature = "tls", feature = "quic"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "tls", feature = "quic"))))]
pub mod certificates;
pub mod channel;
mod dialing;
#[cfg(any(feature = "sctp", all(unix, feature = "fifo")))]
mod entropy;
#[cfg(all(unix, feature = "exec"))]
#[cfg_attr(docsrs, doc(cfg(feature = "exec")))]
pub mod exec;
#[cfg(all(unix, feature = "fifo"))]
#[cfg_attr(docsrs, doc(cfg(feature = "fifo")))]
pub mod fifo;
pub mod ha;
#[cfg(any(feature = "tcp", all(unix, any(feature = "unix", feature = "fifo"))))]
mod halves;
#[cfg(any(feature = "sctp", all(unix, feature = "unix")))]
mod jitter;
pub mod layer;
mod locks;
pub mod options;
#[cfg(any(feature = "quic", feature = "tls"))]
mod owned_task;
#[cfg(all(unix, any(feature = "unix", feature = "fifo")))]
mod paths;
#[cfg(all(unix, feature = "exec"))]
mod pipes;
#[cfg(feature = "quic")]
#[cfg_attr(docsrs, doc(cfg(feature = "quic")))]
pub mod quic;
pub mod registry;
#[cfg(feature = "sctp")]
#[cfg_attr(docsrs, doc(cfg(feature = "sctp")))]
pub mod sctp;
#[cfg(any(feature = "quic", feature = "sctp"))]
mod shared_dial;
#[cfg(feature = "tcp")]
#[cfg_attr(docsrs, doc(cfg(feature = "tcp")))]
pub mod tcp;
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub mod tls;
mod transport;
#[cfg(any(feature = "quic", feature = "sctp"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "quic", feature = "sctp"))))]
pub mod udp;
#[cfg(all(unix, feature = "unix"))]
#[cfg_attr(docsrs, doc(cfg(feature = "unix")))]
pub mod unix;

use std::sync::Arc;

use listenrain::Transport;

pub use channel::InProcess;
#[cfg(all(unix, feature = "exec"))]
pub use exec::Exec;
#[cfg(all(unix, feature = "fifo"))]
pub use fifo::Fifo;
pub use ha::ActiveStandby;
#[cfg(feature = "quic")]
pub use quic::Quic;
pub use registry::Registry;
#[cfg(feature = "sctp")]
pub use sctp::Sctp;
#[cfg(feature = "tcp")]
pub use tcp::Tcp;
#[cfg(feature = "tls")]
pub use tls::Tls;
#[cfg(all(unix, feature = "unix"))]
pub use unix::Unix;

/// A registry of every transport of this crate that is compiled in, each with its defaults: those of one endpoint, then
/// [`ActiveStandby`] over them.
#[must_use]
pub fn all() -> Registry {
    let single: &[Arc<dyn Transport>] = &[
        #[cfg(feature = "tcp")]
        Arc::new(Tcp::default()),
        #[cfg(feature = "tls")]
        Arc::new(Tls::default()),
        #[cfg(all(unix, feature = "unix"))]
        Arc::new(Unix::default()),
        #[cfg(all(unix, feature = "fifo"))]
        Arc::new(Fifo::default()),
        #[cfg(feature = "quic")]
        Arc::new(Quic::default()),
        #[cfg(feature = "sctp")]
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

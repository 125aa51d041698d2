//! Other libraries' calls under the load of `bench-cli`: stacks beside ListenRain's, with the same callers, payloads,
//! runtimes, placements, clocks and checks of every reply.
//!
//! A part of `bench-cli`, built only with its feature `peers`. Each stack echoes payloads of bytes and is set up as its own
//! documentation advises; the top of each module says what was set, and where that advice stands. They bring their own TCP:
//! what ListenRain's transports can be told does not reach them.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod capnp;
mod tarpc;
mod tcp;
#[cfg(test)]
mod tests;
mod tonic;

use std::time::Duration;

use bench_load::drive::Registry;

pub use self::capnp::Capnp;
pub use self::tarpc::Tarpc;
pub use self::tonic::Tonic;

/// The largest message, with room for what a library puts around the largest payload.
const MAX_MESSAGE: usize = bench_load::limits::MAX_PAYLOAD as usize + 4096;

/// How long one call may take, where the library has a limit: as long as one of ListenRain here.
const CALL_WITHIN: Duration = Duration::from_secs(60);

/// The same registry with every peer, each measured where it is asked for.
#[must_use]
pub fn with_peers(registry: Registry) -> Registry {
    registry.with_peer(Tarpc).with_peer(Tonic).with_peer(Capnp)
}

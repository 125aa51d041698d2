//! Transports over the simulated network of [`turmoil`]: hosts in one thread, time that only the simulator moves, and a
//! network that loses, delays and divides as its seed says.
//!
//! | file | what it is |
//! |---|---|
//! | [`tcp`] | [`SimulatedTcp`], the transport of `tcp://HOST:PORT` |
//! | [`udp`] | [`SimulatedUdp`], the sockets below QUIC, and [`Tamper`], which decides what becomes of each datagram |
//! | [`mod@quic`] | the real QUIC of `listenrain-transports` over those sockets |
//! | [`names`] | from a host's name to its address and back |
//!
//! Each host makes its own transports when it starts, and anew when it comes back from a crash: they belong to the host
//! whose name they are given. All of it must run on a host of a simulation. What the simulator itself does not do as a
//! real network does is written down by the tests in `tests/probes`. This module knows nothing of scenarios, plans or calls.

pub mod names;
pub mod quic;
pub mod tcp;
pub mod udp;

use std::time::{Duration, UNIX_EPOCH};

pub use self::names::Names;
pub use self::quic::quic;
pub use self::tcp::SimulatedTcp;
pub use self::udp::{Datagram, Fate, SimulatedUdp, Tamper};

/// When every simulation begins, counted from 1970: the first of January 2026. Certificates are judged by it.
pub const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// A simulator that repeats itself for `seed`, and whose queues hold what a connection has on its way.
///
/// Every message takes 1 ms to 100 ms, and a step is 1 ms. Queues hold 4,096 segments or datagrams: more connects than that
/// waiting at one listener are a panic of the simulator's, more datagrams at one socket are lost. The simulation may last
/// an hour of its own time.
#[must_use]
pub fn builder(seed: u64) -> turmoil::Builder {
    let mut builder = turmoil::Builder::new();
    builder
        .rng_seed(seed)
        .epoch(UNIX_EPOCH + EPOCH)
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(100))
        .simulation_duration(Duration::from_secs(3600))
        .tcp_capacity(4096)
        .udp_capacity(4096);
    builder
}

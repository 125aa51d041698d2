//! The transports as their users see them, and the library over them: one module a subject.

mod bad_ends;
mod certificates;
mod channel;
#[cfg(target_os = "linux")]
mod descriptors;
mod every_transport;
#[cfg(unix)]
mod exec;
#[cfg(unix)]
mod exhaustion;
#[cfg(unix)]
mod failover;
#[cfg(unix)]
mod fifo;
mod forks;
mod forward_example;
mod ha;
mod idle_server;
mod ids;
mod lanes;
mod limits_page;
mod links;
mod listen_queue;
mod memory;
mod options;
mod plug_points;
mod pool;
mod quic;
mod sayhi_example;
mod sctp;
mod support;
mod tcp;
mod tls;
mod transport_ids;
#[cfg(unix)]
mod unix;

//! Conformance of transports, runs under faults, and models, for the transports of ListenRain and for your own.
//!
//! | module | what it is |
//! |---|---|
//! | [`mod@conformance`] | what every transport must do: a macro that makes a test of each case, and what the tool runs |
//! | [`registry`] | transports that are ready to be tested: those of `listenrain-transports`, and yours |
//! | [`mod@sweep`] | many seeds dealt over scenarios and networks: what they covered, and what failed, as small as can be |
//! | [`scenario`] | who takes part in a run and what they do |
//! | [`stack`] | what is put through it: the library, with a protocol of yours, or something else that calls and serves |
//! | [`network`] | where it is played: one runtime, or hosts of a simulated network |
//! | [`context`] | what the parties of a run share; [`history`] and [`trace`] are what is left of it |
//! | [`faults`] | what goes wrong: kinds, plans, and the layer between a transport and its user that does it |
//! | [`simulated`] | TCP and QUIC over a simulated network, on which time is the simulator's |
//! | [`allocations`] | an allocator that counts, for tests that look at memory |
//!
//! Each uses only those below it in the list of ARCHITECTURE.md. The models of the concurrency primitives are tests: see
//! `tests/models`. Randomness comes from one seed; real time is used only where a transport is a real one.
#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod allocations;
mod cli;
mod command;
pub mod conformance;
pub mod context;
pub mod faults;
pub mod history;
pub mod network;
mod oracle;
mod panics;
mod pattern;
pub mod random;
pub mod registry;
pub mod scenario;
pub mod simulated;
pub mod stack;
mod stream;
pub mod sweep;
pub mod trace;

pub use cli::{Tool, main_with};
pub use faults::FaultPlan;
pub use network::Network;
pub use sweep::sweep;

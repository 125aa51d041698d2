//! Models, hardship and conformance, for the transports of ListenRain and for your own.
//!
//! | module | what it is |
//! |---|---|
//! | [`mod@conformance`] | what every transport must do: a macro that makes a test of each case, and what the tool runs |
//! | [`hardship`] | what a transport may legally do to its user, made to happen all the time |
//! | [`layer`] | what stands between a transport and its user: hardships are made of it |
//! | [`lineup`] | transports that are ready to be tested: those of `listenrain-transports`, and yours |
//! | [`gauge`] | an allocator that counts, for tests that look at memory |
//! | [`network`] | TCP and QUIC over a simulated network, on which time is the simulator's |
//! | [`mod@sweep`] | many seeds dealt over scenarios and worlds: what they covered, and what failed, as small as can be |
//! | [`scenario`], [`world`], [`fault`] | what is played in a sweep, where, and what goes wrong meanwhile |
//! | [`stack`] | what is put through it: the library, with a protocol of yours, or something else that calls and serves |
//! | [`random`] | seeded randomness |
//!
//! The models of the concurrency primitives are tests: see `tests/models`. Randomness comes from one seed; real time is
//! used only where a transport is a real one.
#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod cli;
mod command;
pub mod conformance;
pub mod fault;
pub mod gauge;
pub mod hardship;
pub mod history;
pub mod layer;
pub mod lineup;
pub mod network;
mod oracle;
mod panics;
pub mod random;
pub mod scenario;
pub mod stack;
pub mod stage;
mod stream;
pub mod sweep;
pub mod trace;
pub mod world;

pub use cli::{Tool, main_with};
pub use fault::FaultPlan;
pub use sweep::sweep;
pub use world::World;

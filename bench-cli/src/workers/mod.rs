//! Distributed load generation: several processes that measure one load, on one machine or on many.
//!
//! An engine launches and places copies of one command line; here they only meet, begin together, and become one run.
//!
//! - [`Identity`] says which worker this is, [`share`] what it has to do of the whole, [`Settings`] what all must agree
//!   on.
//! - [`Worker::join`] meets the others over TCP, in the messages of `wire`. Worker 0 has a `coordinator` beside its own work,
//!   and `admission` decides who becomes a member; everybody, worker 0 included, is a `participant`. `clock` makes them begin
//!   together.
//! - [`take_part`] is a server's side, which says what answering cost.

mod admission;
mod clock;
mod coordinator;
mod identity;
mod join;
mod participant;
mod server;
mod settings;
mod share;
mod wire;

pub(crate) use coordinator::Pace;
pub(crate) use identity::Identity;
pub(crate) use join::{Joined, Whole, Worker};
pub(crate) use server::take_part;
pub(crate) use settings::Settings;
pub(crate) use share::share;
pub(crate) use wire::LaunchPhase;

#[cfg(test)]
#[path = "rendezvous_tests.rs"]
mod rendezvous_tests;

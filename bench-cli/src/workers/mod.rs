//! More than one process that lets requests go: on one machine, or on many.
//!
//! An engine launches and places copies of one command line; here they only meet, begin together, and become one run.
//!
//! - [`Identity`] says which worker this is, [`share`] what it has to do of the whole, [`Settings`] what all must agree
//!   on.
//! - [`Worker::join`] meets the others over TCP (`wire` is what they say). Worker 0 has a `hub` beside its own work, of
//!   which `door` lets in who belongs there; everybody, worker 0 included, has a `seat`. `clock` makes them begin
//!   together.
//! - [`take_part`] is a server's side, which says what answering cost.
//! - [`merge`] makes one run of the parts: exactly, or not at all.

mod clock;
mod door;
mod files;
mod hub;
mod identity;
mod join;
mod merge;
mod seat;
mod server;
mod settings;
mod share;
mod wire;

pub(crate) use files::{keep, merge_files};
pub(crate) use hub::Pace;
pub(crate) use identity::Identity;
pub(crate) use join::{Joined, Worker};
pub(crate) use merge::merge;
pub(crate) use seat::Ended;
pub(crate) use server::take_part;
pub(crate) use settings::Settings;
pub(crate) use share::share;
pub(crate) use wire::Stretch;

#[cfg(test)]
#[path = "rendezvous_tests.rs"]
mod rendezvous_tests;

//! The load tool of ListenRain: reproduces the original's table, and measures any transport the same way.
//!
//! Start here: [`main_with`] is the whole program; give it a [`Registry`] with a transport of your own, and your program is
//! `bench-cli` with that transport added.
//!
//! The modules are a list in which each uses only those below it:
//!
//! - `cli`: every command with its flags; `doctor`: what on this machine spoils figures.
//! - `judge`: `compare`, `check` and `search`.
//! - `session`: launch after launch, in one loop; `progress`: the live view.
//! - `launch`: starts a process for each cell; `workers`: several hosts; `machine`: what figures belong to.
//! - `merge`: one cell of several launches or workers.
//! - `report`: tables, files, and a page for a browser; `metrics`: the table of all figures.
//! - `streams`: standard output and standard error.
//!
//! Below them is the crate `bench-load`, which runs in the measured process. Its public modules are reached through here:
//!
//! - [`drive`]: stacks on top of a transport, `bare` is the transport alone; its loops of calls.
//! - [`load`]: the load model: a cell's configuration and scenarios.
//! - [`meter`]: counts; [`payload`]: payloads and the check of every reply.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]
// They panic where a stream is closed or full; `streams` does not.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod cli;
mod doctor;
mod judge;
mod launch;
mod machine;
mod merge;
mod metrics;
mod progress;
mod report;
mod session;
mod streams;
mod workers;

use std::process::ExitCode;

use bench_load::{cell, histogram, limits, random, stats, units};
pub use bench_load::{drive, load, meter, payload};
pub use drive::Registry;

/// The transports and stacks that come with the tool; with the feature `peers`, stacks that are other libraries as well.
#[must_use]
pub fn registry() -> Registry {
    let registry = Registry::standard();
    #[cfg(feature = "peers")]
    let registry = bench_peers::with_peers(registry);
    registry
}

/// Runs the tool on this process's arguments, with what `registry` knows.
///
/// It starts this program again for each cell, so a program of your own calls this first thing in its `main`.
#[must_use]
pub fn main_with(registry: Registry) -> ExitCode {
    cli::main(&registry)
}

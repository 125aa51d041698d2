//! All code that runs in a process measured by `bench-cli`: a crate of its own, so that development builds can optimise it.
//!
//! A part of `bench-cli`, not meant for other users: its modules are reached through that crate where they are public. Each
//! uses only those below it:
//!
//! - [`cell`]: one cell, or one end of it, with the timed window.
//! - [`stats`]: intervals and tests.
//! - [`drive`]: stacks on top of a transport, `bare` is the transport alone; its loops of calls.
//! - [`load`]: the load model: a cell's configuration and scenarios.
//! - [`random`], [`limits`], [`units`]: seeded sequences, what may be asked for, sizes and rates as text.
//! - [`meter`], [`histogram`], [`payload`]: counts, times, and the check of every reply.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]
// They panic where a stream is closed or full.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod cell;
pub mod drive;
pub mod histogram;
pub mod limits;
pub mod load;
pub mod meter;
pub mod payload;
pub mod random;
pub mod stats;
pub mod units;

/// How far the compiler optimised what measures: `0` to `3`, `s` or `z`.
pub const OPT_LEVEL: &str = env!("BENCH_OPT_LEVEL");

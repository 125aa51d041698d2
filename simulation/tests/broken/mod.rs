//! Transports that are broken on purpose: each is the real thing below one layer that does one thing wrong, and names the
//! case that must catch it and the reason that the case must give.
//!
//! The tool of the example `broken` has them all, so that each can be run in a process of its own.

#![allow(dead_code, reason = "the tool and the test need different parts")]

mod calls;
mod cancel;
mod close;
mod establish;
pub(crate) mod fixture;
pub(crate) mod fixtures;
mod flow;
mod framing;
mod hello;
mod integrity;
mod netstrings;

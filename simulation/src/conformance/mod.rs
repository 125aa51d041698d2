//! The conformance kit: what every transport must do, as cases that run on any [`Transport`](listenrain::Transport).
//!
//! A transport's author adds one line and gets a test a case, and again one under each [hardship](crate::faults) that
//! changes something on the way of its bytes:
//!
//! ```
//! use listenrain_transports::InProcess;
//!
//! listenrain_simulation::conformance!(channel, InProcess::default());
//! # fn main() {}
//! ```
//!
//! `cargo run -p listenrain-simulation -- conformance` prints the matrix of transports and cases for those of
//! `listenrain-transports`; [`main_with`](crate::main_with) makes the same tool for a list of one's own.
//!
//! | module | what it is |
//! |---|---|
//! | `case`, [`cases`] | a case as data; all of them, a file a group |
//! | `subject`, `framing` | a transport, and what some cases need beside it; a packet codec on top of it |
//! | `raw` | peers that connect without the transport's dialer |
//! | `context`, `writer`, `reader`, `pattern` | connections that check the contract at every poll, and every byte |
//! | `stack` | clients and servers of `listenrain` on top of a transport |
//! | `trial`, `attempt`, `alone` | one case under a watchdog, on a thread or in a process of its own |
//!
//! Transports that are broken on purpose, each with the case that catches it, are in `simulation/tests/broken`.

mod alone;
mod attempt;
mod case;
mod cases;
mod connection;
mod context;
mod failure;
mod framing;
mod held;
mod ledger;
mod macros;
mod polls;
mod raw;
mod reader;
mod record;
mod stack;
mod subject;
pub mod testing;
mod trial;
mod writer;

pub use crate::pattern::{Mismatch, Pattern};
pub use alone::{Alone, answer};
pub use case::{Case, Need, Source};
pub use cases::{case, cases};
pub use failure::Failure;
pub use framing::Framing;
pub use raw::RawPeer;
pub use record::{Record, Verdict};
pub use subject::{BlackHole, Guard, Make, Subject};
pub use trial::{Settings, Trial};

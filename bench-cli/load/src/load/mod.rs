//! The load model: one cell's configuration, whose load is one phase of a closed or open loop, or a scenario of several.
//!
//! - [`CellConfig`] is a cell; [`OpenConfig`], [`Placement`] and [`RuntimeChoice`] are its choices.
//! - [`Scenario`] is a file that was read and holds: `file` reads it and refuses what cannot be, `explain` says what it is.
//! - [`Mix`] and [`Think`] draw each request from the seed. [`FaultKind`] is what can go wrong, by name.

mod cell;
mod choices;
mod explain;
mod faults;
mod file;
mod mix;
mod open;
mod placement;
mod scenario;

pub use self::cell::CellConfig;
pub use self::choices::{ProtocolChoice, RuntimeChoice};
pub use self::faults::{Fault, FaultKind};
pub use self::file::ScenarioError;
pub use self::mix::{Mix, Think};
pub use self::open::{Arrivals, OpenConfig, PacerChoice, Stall};
pub use self::placement::{Pins, Placement};
pub use self::scenario::{Phase, Request, Scenario, WINDOW};

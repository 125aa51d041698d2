//! Recorded benchmark runs, and the schema that reads them.
//!
//! - [`Run`] is one run file; its `schema` module says what each field means and in which unit.
//! - [`Run::from_json`] reads one and refuses what it does not know.
//! - [`Store`] is a folder of recorded runs: lists, loads, and records a new one beside the old, never over them.
//! - [`rows`] pairs each cell with the bare transport's and the floor's, and [`markdown`] renders them for a README; [`catalogue`] has a
//!   line for each run, and [`update`] writes both into a text that has a place for them.
//! - [`json_schema`] is the run file's schema for readers in other languages.
//! - [`original`] holds the figures that the original published.
//!
//! This crate touches serde and files below `runs/`. It measures nothing, reads no clock and no network: the date and
//! the machine's description are handed in.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod blocks;
mod catalogue;
mod error;
mod json_schema;
mod markdown;
pub mod original;
mod read;
mod rows;
mod schema;
mod store;
mod written;

pub use blocks::update;
pub use catalogue::{catalogue, headline};
pub use error::{BlockError, ReadError, RecordError};
pub use json_schema::json_schema;
pub use markdown::markdown;
pub use rows::{Row, of_bare, of_floor, rows};
pub use schema::{
    BlockSample, Cell, Check, CheckRow, Comparison, ComparisonRow, Env, Histograms, HostCpu, Interval,
    Launch, LittlesLaw, OLDEST, OpenLoop, Precision, Run, SCHEMA, Search, Series, Steadiness, Times, Trial,
    Usage, Usages, Verdict, Workers,
};
pub use store::{NewRun, Store};

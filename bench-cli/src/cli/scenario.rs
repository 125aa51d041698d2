//! The flags of `scenario`.

use std::path::PathBuf;

use clap::{Args, value_parser};

use super::OutputArgs;
use crate::config::{Pins, Placement, RuntimeChoice};

pub(crate) const EXAMPLES: &str = "\
Examples:
  bench-cli scenario bench-cli/scenarios/mixed.toml --check       what it comes to, without running it
  bench-cli scenario bench-cli/scenarios/mixed.toml --simulate 7 --json simulated.json
  bench-cli scenario bench-cli/scenarios/stall.toml --transport tcp,unix --placement split

Each phase is a row. Simulated times are the model's, and no machine's: the same seed gives the same file.
docs/scenarios.md has every key.";

/// A scenario file, and where it is played.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScenarioArgs {
    /// The scenario, as TOML
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only read it and say what it comes to
    #[arg(long)]
    pub(crate) check: bool,
    /// Play it in the simulation with that seed: a model of a link on a clock of its own, which needs no time
    #[arg(long, value_name = "SEED", conflicts_with_all = ["transport", "placement", "runtime", "pin", "seed"])]
    pub(crate) simulate: Option<u64>,
    /// Transports, by scheme, or `all`; see `bench-cli transports`. Default: the first that is registered
    #[arg(long, value_name = "SCHEME,…", value_delimiter = ',')]
    pub(crate) transport: Vec<String>,
    /// Where the two ends live: `same` process, or `split`
    #[arg(long, value_name = "WHERE", default_value = "same")]
    pub(crate) placement: Placement,
    /// What is driven on top of the transport; it needs messages. Default: the first that is built in
    #[arg(long, value_name = "STACK")]
    pub(crate) stack: Option<String>,
    /// `current` (one thread holds both ends) or `multi:N` (one runtime of N workers does)
    #[arg(long, value_name = "RUNTIME", default_value = "current")]
    pub(crate) runtime: RuntimeChoice,
    /// Connections, over which callers are spread
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u64).range(1..=1024))]
    pub(crate) connections: u64,
    /// Keep each end to processors, such as server=0,client=1. Linux only
    #[arg(long, value_name = "PINS")]
    pub(crate) pin: Option<Pins>,
    /// Fresh starts, in shuffled order; two or more give a 95 % interval
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) launches: u32,
    /// What kinds of requests, think times, random arrivals and the order of launches are drawn from
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

//! The flags of each command, with their units, defaults and bounds.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};

use super::drive::{DriveArgs, RepeatArgs, payload, warmup_time, window_time};
use super::workers::{TakePartArgs, WorkerArgs};
use crate::config::{Placement, ProtocolChoice, RuntimeChoice};

/// Largest payload. The packet limit that client and server are built with follows it.
pub(crate) const MAX_PAYLOAD: u64 = 64 << 20;

/// Most callers, and most requests that a server alone takes from one connection at once.
pub(crate) const MAX_PARALLEL: u64 = 100_000;
/// Largest byte window, and most bytes that a server alone takes from one connection at once.
pub(crate) const MAX_WINDOW: u64 = 1 << 30;

/// The original's rows.
#[derive(Debug, Clone, Args)]
pub(crate) struct TableArgs {
    /// Transports, by scheme, or `all`; see `bench-cli transports`. Default: the first that is registered
    #[arg(long, value_name = "SCHEME,…", value_delimiter = ',')]
    pub(crate) transport: Vec<String>,
    /// Timed window of each cell, after its warm-up
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = window_time)]
    pub(crate) duration: Duration,
    /// Time before the window; its replies are checked byte for byte and not counted
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = warmup_time)]
    pub(crate) warmup: Duration,
    /// `current` (one thread holds both ends) or `multi:N` (one runtime of N workers does)
    #[arg(long, value_name = "RUNTIME", default_value = "current")]
    pub(crate) runtime: RuntimeChoice,
    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,
    /// What the order of launches is drawn from
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Lists, every combination of which is a cell.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Transports, by scheme, or `all`; see `bench-cli transports`. Default: the first that is registered
    #[arg(long, value_name = "SCHEME,…", value_delimiter = ',')]
    pub(crate) transport: Vec<String>,
    /// Callers of a closed loop, all connections together; an open loop (--rate) has none
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1",
        value_parser = value_parser!(u64).range(1..=MAX_PARALLEL))]
    pub(crate) parallel: Vec<u64>,
    /// Bytes of a request's payload, 16B to 64MiB
    #[arg(long, value_name = "SIZE,…", value_delimiter = ',', default_value = "4KiB", value_parser = payload)]
    pub(crate) payload: Vec<usize>,
    /// `current` (one thread holds both ends) or `multi:N` (one runtime of N workers does)
    #[arg(long, value_name = "RUNTIME,…", value_delimiter = ',', default_value = "current")]
    pub(crate) runtime: Vec<RuntimeChoice>,
    /// Where the two ends live: `same` is one process for both, as the original; `split` one for each
    #[arg(long, value_name = "WHERE,…", value_delimiter = ',', default_value = "same")]
    pub(crate) placement: Vec<Placement>,
    /// What is driven on top of the transport; `bare` is the transport alone. Default: the first that is built in, and
    /// `bare` beside it where there is neither a --target nor a --via
    #[arg(long, value_name = "STACK,…", value_delimiter = ',')]
    pub(crate) stack: Vec<String>,
    /// Wire protocol of a stack that has one. Default: the stack's own
    #[arg(long, value_name = "PROTOCOL,…", value_delimiter = ',')]
    pub(crate) protocol: Vec<ProtocolChoice>,
    /// A live server to drive instead of one in the same process, such as tcp://127.0.0.1:8899
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) target: Option<String>,
    /// An option of a transport, such as tcp.nodelay=false; may be repeated
    #[arg(long, value_name = "SCHEME.NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// What stands between client and server
    #[arg(long, value_name = "WHAT", value_parser = ["forward"])]
    pub(crate) via: Option<String>,
    #[command(flatten)]
    pub(crate) drive: DriveArgs,
    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,
    #[command(flatten)]
    pub(crate) worker: WorkerArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Where the figures go.
#[derive(Debug, Clone, Args)]
pub(crate) struct OutputArgs {
    /// Write the run as JSON; `-` is standard output, and the table then goes to standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Keep the run in a new folder below DIR
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "results/runs")]
    pub(crate) record: Option<PathBuf>,
    /// No progress on standard error, neither lines nor the live view
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Measure although the build is not optimised; the figures mean nothing
    #[arg(long)]
    pub(crate) force: bool,
}

/// A server alone.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen
    #[arg(long, value_name = "ENDPOINT", default_value = "tcp://127.0.0.1:8899")]
    pub(crate) listen: String,
    /// What answers. Default: the first that is built in
    #[arg(long, value_name = "STACK")]
    pub(crate) stack: Option<String>,
    /// Wire protocol of a stack that has one. Default: the stack's own
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) protocol: Option<ProtocolChoice>,
    /// `current` or `multi:N`
    #[arg(long, value_name = "RUNTIME", default_value = "current")]
    pub(crate) runtime: RuntimeChoice,
    #[command(flatten)]
    pub(crate) take_part: TakePartArgs,
}

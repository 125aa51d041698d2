//! The flags of each command, with their units, defaults and bounds.

use std::time::Duration;

use clap::{Args, value_parser};

use super::output::OutputArgs;
use super::units::{parse_duration_within, parse_size_within};
use crate::config::{ProtocolChoice, RuntimeChoice};
use crate::stamp;

/// Largest payload. The packet limit that client and server are built with follows it.
pub(crate) const MAX_PAYLOAD: u64 = 64 << 20;

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
    pub(crate) output: OutputArgs,
}

/// Lists, every combination of which is a cell.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Transports, by scheme, or `all`; see `bench-cli transports`. Default: the first that is registered
    #[arg(long, value_name = "SCHEME,…", value_delimiter = ',')]
    pub(crate) transport: Vec<String>,
    /// Callers in the closed loop, all connections together
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1",
        value_parser = value_parser!(u64).range(1..=100_000))]
    pub(crate) parallel: Vec<u64>,
    /// Bytes of a request's payload, 16B to 64MiB
    #[arg(long, value_name = "SIZE,…", value_delimiter = ',', default_value = "4KiB", value_parser = payload)]
    pub(crate) payload: Vec<usize>,
    /// Timed window of each cell, after its warm-up
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = window_time)]
    pub(crate) duration: Duration,
    /// Time before the window; its replies are checked byte for byte and not counted
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = warmup_time)]
    pub(crate) warmup: Duration,
    /// `current` (one thread holds both ends) or `multi:N` (one runtime of N workers does)
    #[arg(long, value_name = "RUNTIME,…", value_delimiter = ',', default_value = "current")]
    pub(crate) runtime: Vec<RuntimeChoice>,
    /// Channels of each connection
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u64).range(1..=64))]
    pub(crate) lanes: u64,
    /// Connections, over which the callers are spread
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u64).range(1..=1024))]
    pub(crate) connections: u64,
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
    /// Most payload bytes outstanding at once; callers beyond wait, a larger payload goes alone
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = window_size)]
    pub(crate) window: usize,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
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
}

fn payload(text: &str) -> Result<usize, String> {
    parse_size_within(text, stamp::STAMP as u64, MAX_PAYLOAD)
}

fn window_size(text: &str) -> Result<usize, String> {
    parse_size_within(text, 4 << 10, 1 << 30)
}

fn window_time(text: &str) -> Result<Duration, String> {
    parse_duration_within(text, Duration::from_millis(10), Duration::from_secs(3600))
}

fn warmup_time(text: &str) -> Result<Duration, String> {
    parse_duration_within(text, Duration::ZERO, Duration::from_secs(600))
}

//! The flags of `compare` and `aa`.

use std::path::PathBuf;

use clap::{Args, value_parser};

use super::drive::{DriveArgs, payload};
use super::units::parse_share;
use super::{MAX_PARALLEL, OutputArgs};
use crate::config::{Placement, ProtocolChoice, RuntimeChoice};

pub(crate) const EXAMPLES: &str = "\
Examples:
  bench-cli compare --transport tcp,unix --parallel 16 --payload 4KiB
  bench-cli compare --set tcp.nodelay=true,false --parallel 1,16 --payload 64B,4KiB --json out.json
  bench-cli compare --binary ./old/bench-cli,./new/bench-cli --parallel 16 --blocks 12
  bench-cli compare --transport tcp,quic --rate 20k --duration 5s
  bench-cli aa --transport tcp --blocks 10         what this machine shows where there is no difference

The smallest p-value that N blocks can give is 2 / 2^N: 0.0625 for 5, so fewer than 6 can never show a difference at
0.05; and for each figure it is corrected for the number of its rows (cells x values less one), so many cells take more
blocks.";

/// Many short launches say more than a few long ones: launches differ more than the seconds of one.
pub(super) const DURATION: &str = "1s";
pub(super) const WARMUP: &str = "300ms";

/// What is compared, and in which cells.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompareArgs {
    /// Transports, by scheme. Default: the first that is registered
    #[arg(long, value_name = "SCHEME,…", value_delimiter = ',')]
    pub(crate) transport: Vec<String>,
    /// What is driven on top of the transport; `bare` is the transport alone. Default: the first that is built in
    #[arg(long, value_name = "STACK,…", value_delimiter = ',')]
    pub(crate) stack: Vec<String>,
    /// `current` (one thread holds both ends) or `multi:N` (one runtime of N workers does)
    #[arg(long, value_name = "RUNTIME,…", value_delimiter = ',', default_value = "current")]
    pub(crate) runtime: Vec<RuntimeChoice>,
    /// Wire protocol of a stack that has one. Default: the stack's own
    #[arg(long, value_name = "PROTOCOL,…", value_delimiter = ',')]
    pub(crate) protocol: Vec<ProtocolChoice>,
    /// An option of a transport with its values, such as tcp.nodelay=true,false; may be repeated for other options, each
    /// with one value
    #[arg(long, value_name = "SCHEME.NAME=VALUE,…")]
    pub(crate) set: Vec<String>,
    /// Builds of this program, by path. Default: this one
    #[arg(long, value_name = "PATH,…", value_delimiter = ',')]
    pub(crate) binary: Vec<PathBuf>,
    /// Where the two ends live: `same` process, or `split`
    #[arg(long, value_name = "WHERE,…", value_delimiter = ',', default_value = "same")]
    pub(crate) placement: Vec<Placement>,
    /// Callers of a closed loop, all connections together: each number is a cell
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1",
        value_parser = value_parser!(u64).range(1..=MAX_PARALLEL))]
    pub(crate) parallel: Vec<u64>,
    /// Bytes of a request's payload, 16B to 64MiB: each size is a cell
    #[arg(long, value_name = "SIZE,…", value_delimiter = ',', default_value = "4KiB", value_parser = payload)]
    pub(crate) payload: Vec<usize>,
    /// In each block every value is measured once in every cell, by a fresh launch, in random order. Fewer than 6 blocks
    /// can't give a p-value below 0.05
    #[arg(long, value_name = "N", default_value = "10", value_parser = value_parser!(u64).range(2..=1000))]
    pub(crate) blocks: u64,
    /// A difference smaller than this is called none, however sure it is
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = parse_share)]
    pub(crate) noise_floor: f64,
    #[command(flatten)]
    pub(crate) drive: DriveArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

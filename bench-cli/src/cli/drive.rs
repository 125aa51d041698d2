//! Flags shared by every command that measures cells: how each is driven, and how often.

use std::time::Duration;

use clap::{Args, value_parser};

use crate::limits::{MAX_IN_FLIGHT, MAX_PARALLEL, MAX_PAYLOAD, MAX_WINDOW, MOST_IN_FLIGHT};
use crate::load::{Arrivals, OpenConfig, PacerChoice, Pins, Placement, ProtocolChoice, RuntimeChoice, Stall};
use crate::merge::launches::FEWEST;
use crate::payload::STAMP;
use crate::session::Repeat;
use crate::units::{parse_duration_within, parse_rate, parse_share, parse_size_within};

/// How each cell is driven.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DriveArgs {
    /// Timed window of each cell, after its warm-up; at least the warm-up and three windows of 10 to 100 ms
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = window_time)]
    pub(crate) duration: Duration,
    /// Time before the window; its replies are checked byte for byte and not counted. What has not come to rest then is
    /// cut off by itself, and the cell says how much
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = warmup_time)]
    pub(crate) warmup: Duration,
    /// Open loop: requests a second, all connections together, such as 20k; they go when they are due, whatever has become
    /// of those before. Without it the loop is closed: a caller's next request waits for its reply
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) rate: Option<f64>,
    /// How far apart the requests of an open loop are due
    #[arg(long, value_name = "HOW", default_value = "exp")]
    pub(crate) arrivals: Arrivals,
    /// Most requests of an open loop outstanding at once; what is due beyond them is dropped, and counted. The byte
    /// window may hold fewer
    #[arg(long, value_name = "N", default_value_t = MAX_IN_FLIGHT, value_parser = value_parser!(u64).range(1..=MOST_IN_FLIGHT))]
    pub(crate) max_in_flight: u64,
    /// What keeps the time of an open loop: `thread` to some 10 µs, at the price of a thread; `tick` to 1 ms
    #[arg(long, value_name = "WHAT", default_value = "thread")]
    pub(crate) pacer: PacerChoice,
    /// What random arrivals and the order of launches are drawn from
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(crate) seed: u64,
    /// Keep each end to processors, such as server=0,client=1 or server=0-3,client=4+6. Linux only
    #[arg(long, value_name = "PINS")]
    pub(crate) pin: Option<Pins>,
    /// The server stops reading on purpose: LENGTH@WHEN, WHEN counted from the beginning of the timed window, such as
    /// 500ms@2s; may be repeated
    #[arg(long, value_name = "STALL")]
    pub(crate) inject_stall: Vec<Stall>,
    /// Channels of each connection
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u64).range(1..=64))]
    pub(crate) lanes: u64,
    /// Connections, over which the callers are spread
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u64).range(1..=1024))]
    pub(crate) connections: u64,
    /// Most payload bytes outstanding at once; callers beyond wait, a larger payload goes alone
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = window_size)]
    pub(crate) window: usize,
}

impl DriveArgs {
    /// The open loop, where a rate was given.
    pub(crate) fn open(&self) -> Option<OpenConfig> {
        self.rate.map(|rate| self.at_rate(rate))
    }

    /// An open loop of that rate.
    pub(super) fn at_rate(&self, rate: f64) -> OpenConfig {
        let Self { arrivals, max_in_flight, pacer, seed, .. } = *self;
        OpenConfig { rate, arrivals, max_in_flight, pacer, seed }
    }
}

/// Lists, every combination of which is a cell, and how each is driven.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CellsArgs {
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
    /// What is driven on top of the transport; `bare` is the transport alone, `floor` the least that carries requests and
    /// replies, `in-place` the tool alone; with the feature `peers` also tarpc, tonic and capnp, over tcp. Default: the first that is built in, and
    /// `bare` beside it where there is neither a --target nor a --via
    #[arg(long, value_name = "STACK,…", value_delimiter = ',')]
    pub(crate) stack: Vec<String>,
    /// Wire protocol of a stack that has one. Default: the stack's own
    #[arg(long, value_name = "PROTOCOL,…", value_delimiter = ',')]
    pub(crate) protocol: Vec<ProtocolChoice>,
    /// An option of a transport, such as tcp.nodelay=false; may be repeated
    #[arg(long, value_name = "SCHEME.NAME=VALUE")]
    pub(crate) set: Vec<String>,
    #[command(flatten)]
    pub(crate) drive: DriveArgs,
}

/// How often each cell is started anew.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RepeatArgs {
    /// Fresh starts of each cell, in shuffled order; two or more give a 95 % interval
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) launches: u32,
    /// Start each cell again until half the 95 % interval is no more than this share of the mean, for tps and CPU a
    /// request, such as 2.5%; at least 3 and at most --max-launches times
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    pub(crate) until: Option<f64>,
    /// Most fresh starts of a cell that --until may cause
    #[arg(long, value_name = "N", default_value = "30", value_parser = value_parser!(u32).range(3..=1000))]
    pub(crate) max_launches: u32,
}

impl RepeatArgs {
    /// How often each cell is launched, in an order that `seed` decides.
    pub(super) fn repeat(&self, seed: u64) -> Repeat {
        let least = if self.until.is_some() { FEWEST } else { 1 };
        let launches = self.launches.max(least);
        let most = if self.until.is_some() { self.max_launches.max(launches) } else { launches };
        Repeat { launches, until: self.until, most, seed }
    }
}

pub(super) fn payload(text: &str) -> Result<usize, String> {
    parse_size_within(text, STAMP as u64, MAX_PAYLOAD)
}

fn window_size(text: &str) -> Result<usize, String> {
    parse_size_within(text, 4 << 10, MAX_WINDOW)
}

pub(super) fn window_time(text: &str) -> Result<Duration, String> {
    parse_duration_within(text, Duration::from_millis(10), Duration::from_secs(24 * 3600))
}

pub(super) fn warmup_time(text: &str) -> Result<Duration, String> {
    parse_duration_within(text, Duration::ZERO, Duration::from_secs(600))
}

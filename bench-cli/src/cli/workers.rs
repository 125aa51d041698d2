//! The flags of a worker, and of a server that takes part.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};

use crate::units::parse_duration_within;

/// One of several workers.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "More than one host")]
pub(crate) struct WorkerArgs {
    /// Be one of several workers that begin together and whose results become one: worker 0 listens there, the others
    /// dial it. An address is taken as it is; with a name, worker 0 listens on all addresses of its host. --rate,
    /// --parallel, --connections, --max-in-flight and --window are the whole's, and each worker takes its share
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "until")]
    pub(crate) rendezvous: Option<String>,
    /// Which worker this is, from 0. Default: as Kubernetes (JOB_COMPLETION_INDEX), Slurm (SLURM_PROCID), Open MPI
    /// (OMPI_COMM_WORLD_RANK) or Nomad (NOMAD_ALLOC_INDEX) says
    #[arg(long, value_name = "I", requires = "rendezvous")]
    pub(crate) index: Option<u64>,
    /// How many workers there are. Default: SLURM_NTASKS, OMPI_COMM_WORLD_SIZE; else set BENCH_COUNT
    #[arg(long, value_name = "N", requires = "rendezvous")]
    pub(crate) count: Option<u64>,
    /// How long all may take to come, worker 0 included
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "rendezvous", value_parser = gather_time)]
    pub(crate) rendezvous_within: Duration,
    /// Servers that take part with `bench-cli serve --rendezvous`, so that the run has their CPU and memory too
    #[arg(long, value_name = "N", default_value = "0", requires = "rendezvous", value_parser = value_parser!(u64).range(0..=1000))]
    pub(crate) servers: u64,
    /// Worker 0 keeps every worker's part as DIR/worker-I.json, for `bench-cli merge`
    #[arg(long, value_name = "DIR", requires = "rendezvous")]
    pub(crate) parts: Option<PathBuf>,
}

/// A server that takes part.
#[derive(Debug, Clone, Args)]
pub(crate) struct TakePartArgs {
    /// Take part in the run of the workers that meet there, with --servers: say what serving cost between the same marks,
    /// and end with the run
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) rendezvous: Option<String>,
    /// How long worker 0 may take to come
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "rendezvous", value_parser = gather_time)]
    pub(crate) rendezvous_within: Duration,
}

fn gather_time(text: &str) -> Result<Duration, String> {
    parse_duration_within(text, Duration::from_millis(100), Duration::from_secs(24 * 3600))
}

#[cfg(test)]
#[path = "deploy_tests.rs"]
mod deploy_tests;

//! The flags of `check`.

use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;

pub(crate) const EXAMPLES: &str = "\
Examples:
  bench-cli run --parallel 1,16 --launches 5 --json main.json      on the old version, and on the new one:
  bench-cli check --baseline main.json
  bench-cli check --baseline main.json new.json --fail-on 'tps<-3%,p99>+5%'
  bench-cli check --baseline main.json --limit 'p99<2ms,errors<0.01%'

A change is a regression when its whole 95 % interval is beyond the threshold, and passes when the whole of it is within.
Exit codes: 0 passed, 3 regression, 4 limit missed, 5 inconclusive, 2 runs that are not alike.";

/// What is said of `--force` here, beside what it means everywhere.
pub(super) const FORCE: &str = "Judge although the baseline is another machine's, and measure although the build is not \
                                optimised; the figures mean little or nothing";

/// What is judged, and by what.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckArgs {
    /// The run file to compare with
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: PathBuf,
    /// A run file to judge. Default: the baseline's cells are measured now, with as many launches
    #[arg(value_name = "CANDIDATE")]
    pub(crate) candidate: Option<PathBuf>,
    /// Changes against the baseline that are regressions
    #[arg(long, value_name = "CHANGE,…", default_value = "tps<-3%,p99>+5%,cpu_us>+5%")]
    pub(crate) fail_on: String,
    /// What has to hold whatever the baseline, such as 'p99<2ms,errors<0.01%'
    #[arg(long, value_name = "LIMIT,…")]
    pub(crate) limit: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

//! `bench-cli search`: the highest rate at which a service level holds.

use clap::{Args, value_parser};

use super::drive::{CellsArgs, DriveArgs, payload};
use super::exit::ended;
use super::measured::measured;
use super::{Beside, Exit, OutputArgs, plan, selection};
use crate::drive::Registry;
use crate::judge::goals;
use crate::judge::search::{Outcome, Plan, measure};
use crate::limits::MAX_PARALLEL;
use crate::load::{Placement, ProtocolChoice, RuntimeChoice};
use crate::progress::View;
use crate::report::results;
use crate::session::Session;

pub(super) const EXAMPLES: &str = "\
Examples:
  bench-cli search --transport tcp --slo 'p99<2ms'
  bench-cli search --transport tcp,unix --payload 64B,4KiB --slo 'p99<2ms,errors<0.01%' --json out.json
  bench-cli search --slo 'p999<10ms' --placement split --duration 10s --curve 8

Exit codes: 0 a rate was found in every cell, 4 none holds in some cell.";

/// What is searched, and where.
#[derive(Debug, Clone, Args)]
pub(crate) struct SearchArgs {
    /// What has to hold, of response times and errors; a dropped request counts as one that took too long
    #[arg(long, value_name = "LIMIT,…")]
    pub(crate) slo: String,
    /// Transports, by scheme, or `all`: each is a cell. Default: the first that is registered
    #[arg(long, value_name = "SCHEME,…", value_delimiter = ',')]
    pub(crate) transport: Vec<String>,
    /// Bytes of a request's payload, 16B to 64MiB: each size is a cell
    #[arg(long, value_name = "SIZE,…", value_delimiter = ',', default_value = "4KiB", value_parser = payload)]
    pub(crate) payload: Vec<usize>,
    /// Callers of the closed loop whose throughput the search begins from
    #[arg(long, value_name = "N", default_value = "64", value_parser = value_parser!(u64).range(1..=MAX_PARALLEL))]
    pub(crate) parallel: u64,
    /// `current` (one thread holds both ends) or `multi:N` (one runtime of N workers does)
    #[arg(long, value_name = "RUNTIME", default_value = "current")]
    pub(crate) runtime: RuntimeChoice,
    /// Where the two ends live: `same` process, or `split`
    #[arg(long, value_name = "WHERE", default_value = "same")]
    pub(crate) placement: Placement,
    /// What is driven on top of the transport. Default: the first that is built in
    #[arg(long, value_name = "STACK")]
    pub(crate) stack: Option<String>,
    /// Wire protocol of a stack that has one. Default: the stack's own
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) protocol: Option<ProtocolChoice>,
    /// An option of a transport, such as tcp.nodelay=false; may be repeated
    #[arg(long, value_name = "SCHEME.NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Most trials of a cell, short and long
    #[arg(long, value_name = "N", default_value = "20", value_parser = value_parser!(u32).range(4..=200))]
    pub(crate) trials: u32,
    /// Rates between 10 % and 110 % of the answer to measure for the curve of latency by load; 0 for none
    #[arg(long, value_name = "N", default_value = "0", value_parser = value_parser!(u32).range(0..=50))]
    pub(crate) curve: u32,
    #[command(flatten)]
    pub(crate) drive: DriveArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Searches in every cell.
pub(super) fn search(args: &SearchArgs, registry: &Registry) -> Exit {
    ended(planned(args, registry).map(|plan| {
        measured(registry, &args.output, Beside::default(), results::search, async |run, context| {
            let view = View::of(&plan.cells, plan.launches(), args.output.quiet);
            let mut session = Session::begin(run, context, view).await;
            match measure(&plan, &mut session, run).await {
                Outcome::Found => Exit::Holds,
                Outcome::Unclear => Exit::Inconclusive,
                Outcome::Missed => Exit::LimitMissed,
                Outcome::Failed => Exit::RowFailed,
            }
        })
    }))
}

fn planned(args: &SearchArgs, registry: &Registry) -> Result<Plan, String> {
    let slo = goals::limits(&args.slo, &goals::SERVICE).map_err(|why| format!("--slo {why}"))?;
    if args.drive.rate.is_some() {
        return Err("--rate does not go with search: it finds the rate".to_owned());
    }
    let stack = selection::stack(args.stack.as_deref(), registry)?.name().to_owned();
    let lists = CellsArgs {
        transport: args.transport.clone(),
        parallel: vec![args.parallel],
        payload: args.payload.clone(),
        runtime: vec![args.runtime],
        placement: vec![args.placement],
        stack: vec![stack],
        protocol: args.protocol.into_iter().collect(),
        set: args.set.clone(),
        drive: args.drive.clone(),
    };
    let cells = plan::cells(&lists, None, None, registry)?.not_empty()?.cells;
    let open = args.drive.at_rate(0.0);
    Ok(Plan { text: args.slo.clone(), slo, cells, open, trials: args.trials, curve: args.curve })
}

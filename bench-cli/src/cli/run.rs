//! `bench-cli table` and `bench-cli run`, alone or as one of several workers.

use std::time::Duration;

use clap::Args;

use super::drive::{CellsArgs, RepeatArgs, warmup_time, window_time};
use super::exit::{ended, failure};
use super::measured::measured;
use super::planned::Planned;
use super::{Beside, Exit, OutputArgs, WorkerArgs, merge, plan};
use crate::drive::Registry;
use crate::load::{CellConfig, RuntimeChoice};
use crate::progress::View;
use crate::report::tables;
use crate::session::{Repeat, Session, take_part};
use crate::workers::{Identity, Pace, Settings, Worker, share};

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

/// Every combination of the lists, in this process or against a server elsewhere.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) cells: CellsArgs,
    /// A live server to drive instead of one in the same process, such as tcp://127.0.0.1:8899
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) target: Option<String>,
    /// What stands between client and server
    #[arg(long, value_name = "WHAT", value_parser = ["forward"])]
    pub(crate) via: Option<String>,
    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,
    #[command(flatten)]
    pub(crate) worker: WorkerArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The original's table.
pub(super) fn table(args: &TableArgs, registry: &Registry) -> Exit {
    let repeat = args.repeat.repeat(args.seed);
    ended(
        plan::table(args, registry)
            .map(|cells| Planned { cells, ..Planned::default() })
            .map(|plan| measure(&plan, &repeat, registry, &args.output, tables::table)),
    )
}

/// Every combination of the lists.
pub(super) fn run(args: &RunArgs, registry: &Registry) -> Exit {
    let repeat = args.repeat.repeat(args.cells.drive.seed);
    let measure = |plan: Planned| match &args.worker.rendezvous {
        None => Ok(measure(&plan, &repeat, registry, &args.output, tables::cells)),
        Some(address) => as_worker(&plan.cells, &repeat, address, args, registry),
    };
    let plan = plan::cells(&args.cells, args.target.as_ref(), args.via.as_ref(), registry);
    ended(plan.and_then(Planned::not_empty).and_then(measure))
}

fn measure(
    plan: &Planned,
    repeat: &Repeat,
    registry: &Registry,
    output: &OutputArgs,
    render: fn(&listenrain_results::Run) -> String,
) -> Exit {
    measured(registry, output, Beside::default(), render, async |run, context| {
        let view = View::of(&plan.cells, repeat.launches as usize, output.quiet);
        run.seed = (repeat.most > 1).then_some(repeat.seed);
        run.warnings.extend(plan.left_out.iter().cloned());
        run.cells = Session::begin(run, context, view).await.measure(&plan.cells, repeat).await;
        Exit::Well
    })
}

/// Measures this worker's share of `plan`; worker 0 shows the whole, the others their part.
fn as_worker(
    plan: &[CellConfig],
    repeat: &Repeat,
    address: &str,
    args: &RunArgs,
    registry: &Registry,
) -> Result<Exit, String> {
    let worker = &args.worker;
    let identity = Identity::find((worker.index, worker.count), |name| std::env::var(name).ok())?;
    let shares: Vec<_> = plan.iter().map(|cell| share(cell, identity)).collect::<Result<_, _>>()?;
    let settings = Settings::of(plan).with("launches", repeat.launches).with("seed", repeat.seed);
    let pace = Pace { gather: worker.rendezvous_within, ..Pace::default() };
    let joining = Worker { identity, settings, servers: worker.servers, pace };
    let folders = worker.parts.iter().map(|folder| ("--parts", folder.as_path())).collect();
    let beside = Beside { folders, ..Beside::default() };
    Ok(measured(registry, &args.output, beside, tables::cells, async |run, context| {
        let view = View::of(&shares, repeat.launches as usize, args.output.quiet);
        let mut session = Session::begin(run, context, view).await;
        let whole = match take_part(&mut session, joining, address, &shares, repeat, run).await {
            Ok(Some(whole)) => whole,
            Ok(None) => return Exit::Well,
            Err(why) => return failure(&why),
        };
        *run = whole.run;
        let kept = worker.parts.as_deref().map_or(Ok(()), |folder| merge::keep(&whole.parts, folder));
        match whole.aborted.map_or(kept, |why| Err(format!("the run was aborted: {why}"))) {
            Ok(()) => Exit::Well,
            Err(why) => failure(&why),
        }
    }))
}

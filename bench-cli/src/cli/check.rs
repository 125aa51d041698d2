//! `bench-cli check`: a run against a baseline.

use std::path::{Path, PathBuf};

use clap::Args;
use listenrain_results::{Check, Run};

use super::exit::{ended, usage};
use super::measured::measured;
use super::{Beside, Exit, OutputArgs, input, plan};
use crate::drive::Registry;
use crate::judge::check::{self, Goals};
use crate::judge::goals;
use crate::load::CellConfig;
use crate::machine;
use crate::metrics::Metric;
use crate::progress::View;
use crate::report::{files, results};
use crate::session::{Repeat, Session};

pub(super) const EXAMPLES: &str = "\
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

/// Judges a candidate, or what is measured now, by a baseline.
pub(super) fn check(args: &CheckArgs, registry: &Registry) -> Exit {
    ended(match &args.candidate {
        Some(candidate) => judge_file(args, candidate),
        None => measure(args, registry),
    })
}

fn judge_file(args: &CheckArgs, file: &Path) -> Result<Exit, String> {
    input::once([&*args.baseline, file].into_iter())?;
    let (baseline, goals) = (baseline(args)?, goals(args)?);
    let mut candidate = read(file)?;
    args.output.check(&Beside { inputs: vec![args.baseline.as_path(), file], ..Beside::default() })?;
    candidate.check = Some(judged(args, &goals, &baseline, &candidate)?);
    Ok(match args.output.finish(&results::check(&candidate), &candidate) {
        Ok(()) => exit(candidate.check.as_ref()),
        Err(exit) => exit,
    })
}

fn measure(args: &CheckArgs, registry: &Registry) -> Result<Exit, String> {
    let (baseline, goals) = (baseline(args)?, goals(args)?);
    let seed = baseline.seed.unwrap_or(1);
    let plan: Vec<CellConfig> =
        baseline.cells.iter().map(|cell| check::again::config(cell, seed)).collect::<Result<_, _>>()?;
    plan.iter().try_for_each(|cell| plan::measurable(cell, registry))?;
    // So that another machine is refused before it is measured.
    let here = Run::new(machine::describe(registry.allocator())?, baseline.cells.clone());
    check::pairs(&baseline, &here, args.output.force)?;
    let launches = baseline.cells.iter().map(|cell| cell.launches.len()).max().unwrap_or(1).max(1) as u32;
    let repeat = Repeat { launches, until: None, most: launches, seed };
    let beside = Beside { inputs: vec![args.baseline.as_path()], ..Beside::default() };
    Ok(measured(registry, &args.output, beside, results::check, async |run, context| {
        let view = View::of(&plan, launches as usize, args.output.quiet);
        run.seed = Some(seed);
        run.cells = Session::begin(run, context, view).await.measure(&plan, &repeat).await;
        if context.interrupt.was_pressed() {
            return Exit::Interrupted;
        }
        match judged(args, &goals, &baseline, run) {
            Ok(check) => run.check = Some(check),
            Err(why) => return usage(&why),
        }
        exit(run.check.as_ref())
    }))
}

fn judged(args: &CheckArgs, goals: &Goals, baseline: &Run, candidate: &Run) -> Result<Check, String> {
    check::judged(goals, files::name(&args.baseline), baseline, candidate, args.output.force)
}

fn exit(check: Option<&Check>) -> Exit {
    match check.map(|check| check.verdict.as_str()) {
        Some(check::PASSED) => Exit::Holds,
        Some(check::REGRESSION) => Exit::Regression,
        Some(check::LIMIT_MISSED) => Exit::LimitMissed,
        _ => Exit::Inconclusive,
    }
}

fn goals(args: &CheckArgs) -> Result<Goals, String> {
    let changes = goals::changes(&args.fail_on).map_err(|why| format!("--fail-on {why}"))?;
    let limits = args.limit.as_deref().map(|text| goals::limits(text, &Metric::ALL));
    let limits = limits.transpose().map_err(|why| format!("--limit {why}"))?.unwrap_or_default();
    Ok(Goals { changes, limits })
}

/// The baseline, which must be sound: what failed once is no measure.
fn baseline(args: &CheckArgs) -> Result<Run, String> {
    let run = read(&args.baseline)?;
    let file = files::name(&args.baseline);
    if run.cells.is_empty() {
        return Err(format!("{file}: has no cells"));
    }
    match run.cells.iter().find(|cell| !cell.is_well()) {
        Some(cell) => Err(format!(
            "{file}: {} failed ({} errors): it is no baseline; record one anew",
            check::name(cell),
            cell.errors
        )),
        None => Ok(run),
    }
}

fn read(file: &Path) -> Result<Run, String> {
    let run = input::read(file)?;
    whole(&run).map_err(|why| format!("{}: {why}: measure it anew", files::name(file)))?;
    Ok(run)
}

/// What was cut short, or lacks a part of its load, shows nothing.
fn whole(run: &Run) -> Result<(), String> {
    if run.env.interrupted {
        return Err("it was interrupted".to_owned());
    }
    match run.workers.as_ref().filter(|workers| !workers.missing.is_empty()) {
        Some(workers) => Err(format!("workers {:?} of {} are missing", workers.missing, workers.count)),
        None => Ok(()),
    }
}

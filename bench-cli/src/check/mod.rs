//! A run against a baseline: `check`.
//!
//! [`goals`] reads what is asked for, `like` refuses what can't be compared, `again` makes the baseline's cells to measure
//! once more, `judge` says what follows, [`late`] counts what was beyond a limit.

mod again;
pub(crate) mod goals;
mod judge;
pub(crate) mod late;
mod like;

use std::path::Path;

use listenrain_results::{Cell, Check, CheckRow, Run};

use self::goals::{Change, Limit, Metric};
use crate::cli::CheckArgs;
use crate::cli::units::size_text;
use crate::config::CellConfig;
use crate::exit::Exit;
use crate::launch::Launcher;
use crate::registry::Registry;
use crate::report::{check as report, live::View};
use crate::session::{self, Repeat};
use crate::{output, plan};

/// What has to be judged.
struct Goals {
    changes: Vec<Change>,
    limits: Vec<Limit>,
}

/// Judges a candidate, or what is measured now, by a baseline.
pub(crate) fn check(args: &CheckArgs, registry: &Registry) -> Exit {
    let done = match &args.candidate {
        Some(candidate) => judge_file(args, candidate),
        None => measure(args, registry),
    };
    done.unwrap_or_else(|why| {
        eprintln!("error: {why}");
        Exit::Usage
    })
}

fn judge_file(args: &CheckArgs, candidate: &Path) -> Result<Exit, String> {
    let (baseline, goals) = (baseline(args)?, goals(args)?);
    let mut candidate = read(candidate)?;
    output::check(&args.output)?;
    candidate.check = Some(judged(args, &goals, &baseline, &candidate)?);
    if let Err(why) = output::finish(&report::text(&candidate), &candidate, &args.output) {
        eprintln!("error: {why}");
        return Ok(Exit::RowFailed);
    }
    Ok(exit(candidate.check.as_ref()))
}

fn measure(args: &CheckArgs, registry: &Registry) -> Result<Exit, String> {
    let (baseline, goals) = (baseline(args)?, goals(args)?);
    let seed = baseline.seed.unwrap_or(1);
    let plan: Vec<CellConfig> =
        baseline.cells.iter().map(|cell| again::config(cell, seed)).collect::<Result<_, _>>()?;
    plan.iter().try_for_each(|cell| plan::measurable(cell, registry))?;
    // So that another machine is refused before it is measured.
    let here = Run::new(crate::machine::describe(registry.allocator()), baseline.cells.clone());
    like::pairs(&baseline, &here, args.output.force)?;
    let launches = baseline.cells.iter().map(|cell| cell.launches.len()).max().unwrap_or(1).max(1) as u32;
    let repeat = Repeat { launches, until: None, most: launches, seed };
    Ok(session::measured(registry, &args.output, report::text, async |run, interrupt| {
        let mut view = View::of(&plan, launches as usize, args.output.quiet);
        let launcher = Launcher { wants_ticks: view.is_watched(), ..session::launcher(run).await };
        run.seed = Some(seed);
        run.cells = session::measure(&plan, &repeat, &launcher, interrupt, &mut view).await;
        if interrupt.was_pressed() {
            return Exit::Interrupted;
        }
        match judged(args, &goals, &baseline, run) {
            Ok(check) => run.check = Some(check),
            Err(why) => {
                eprintln!("error: {why}");
                return Exit::Usage;
            }
        }
        exit(run.check.as_ref())
    }))
}

fn goals(args: &CheckArgs) -> Result<Goals, String> {
    let changes = goals::changes(&args.fail_on).map_err(|why| format!("--fail-on {why}"))?;
    let limits = args.limit.as_deref().map(|text| goals::limits(text, &goals::LIMITED));
    let limits = limits.transpose().map_err(|why| format!("--limit {why}"))?.unwrap_or_default();
    Ok(Goals { changes, limits })
}

/// The baseline, which must be sound: what failed once is no measure.
fn baseline(args: &CheckArgs) -> Result<Run, String> {
    let run = read(&args.baseline)?;
    let file = args.baseline.display();
    if run.cells.is_empty() {
        return Err(format!("{file}: has no cells"));
    }
    match run.cells.iter().find(|cell| !cell.is_well()) {
        Some(cell) => Err(format!(
            "{file}: {} failed ({} errors): it is no baseline; record one anew",
            name(cell),
            cell.errors
        )),
        None => Ok(run),
    }
}

fn read(file: &Path) -> Result<Run, String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let run = Run::from_json(&text, &file.display().to_string()).map_err(|error| output::chain(&error))?;
    whole(&run).map_err(|why| format!("{}: {why}: measure it anew", file.display()))?;
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

fn judged(args: &CheckArgs, goals: &Goals, baseline: &Run, candidate: &Run) -> Result<Check, String> {
    let mut rows: Vec<CheckRow> = Vec::new();
    let allows_errors = goals.limits.iter().any(|limit| limit.metric == Metric::Errors);
    for (old, new) in like::pairs(baseline, candidate, args.output.force)? {
        let has_lost = new.errors > 0 || (new.lost() > 0 && old.lost() == 0);
        if new.requests == 0 || (has_lost && !allows_errors) {
            rows.push(judge::failed(new));
            continue;
        }
        rows.extend(goals.changes.iter().map(|goal| judge::change(goal, old, new)));
        rows.extend(goals.limits.iter().map(|goal| judge::limit(goal, new)));
    }
    let verdict = judge::gravest(&rows).to_owned();
    Ok(Check { baseline: args.baseline.display().to_string(), rows, verdict })
}

fn exit(check: Option<&Check>) -> Exit {
    match check.map(|check| check.verdict.as_str()) {
        Some(judge::PASSED) => Exit::Holds,
        Some(judge::REGRESSION) => Exit::Regression,
        Some(judge::LIMIT_MISSED) => Exit::LimitMissed,
        _ => Exit::Inconclusive,
    }
}

/// A cell in a few words.
fn name(cell: &Cell) -> String {
    let load = match &cell.open_loop {
        Some(open) => format!("{}/s", open.rate),
        None => cell.parallel.to_string(),
    };
    format!("{} {} {load} x {}", cell.transport, cell.stack, size_text(cell.payload_bytes))
}

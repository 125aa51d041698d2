//! The highest rate at which a service level holds: `search`.
//!
//! `hunt` chooses the rates, `judge` says whether it held at one.

mod hunt;
mod judge;

use std::time::Duration;

use listenrain_results::{Cell, Run, Search};

use self::hunt::{Found, Quest, hunt};
use crate::check::goals::{self, Limit};
use crate::cli::{RepeatArgs, RunArgs, SearchArgs, WorkerArgs};
use crate::config::{CellConfig, OpenConfig};
use crate::exit::Exit;
use crate::launch::Launcher;
use crate::plan;
use crate::registry::Registry;
use crate::report::{live::View, search as report};
use crate::session::{self, Interrupt};

/// A closed loop's throughput times this is the first bound: more is never sustained.
const BEYOND_PEAK: f64 = 1.2;

/// Searches in every cell.
pub(crate) fn search(args: &SearchArgs, registry: &Registry) -> Exit {
    let (slo, plan) = match planned(args, registry) {
        Ok(planned) => planned,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    session::measured(registry, &args.output, report::text, async |run, interrupt| {
        let each = (args.trials + args.curve + 1) as usize;
        let mut view = View::of(&plan, each, args.output.quiet);
        let launcher = Launcher { wants_ticks: view.is_watched(), ..session::launcher(run).await };
        run.seed = Some(args.drive.seed);
        for config in &plan {
            cell(args, config, &slo, run, &launcher, interrupt, &mut view).await;
            if interrupt.was_pressed() {
                break;
            }
        }
        exit(&run.searches)
    })
}

/// The gravest of what came of the searches.
fn exit(searches: &[Search]) -> Exit {
    let of = |search: &Search| match (search.highest_rate, &*search.trials) {
        (Some(_), _) => Exit::Holds,
        // Nothing was tried since the closed loop failed.
        (None, []) => Exit::RowFailed,
        (None, trials) if trials.iter().any(|trial| trial.verdict == judge::MISSED) => Exit::LimitMissed,
        (None, _) => Exit::Inconclusive,
    };
    let order = [Exit::RowFailed, Exit::LimitMissed, Exit::Inconclusive];
    let has = |exit: &Exit| searches.iter().any(|search| of(search) == *exit);
    order.into_iter().find(has).unwrap_or(Exit::Holds)
}

async fn cell(
    args: &SearchArgs,
    config: &CellConfig,
    slo: &[Limit],
    run: &mut Run,
    launcher: &Launcher,
    interrupt: &Interrupt,
    view: &mut View,
) {
    let mut begun = 0;
    let mut drive = async |config: &CellConfig| -> Option<Cell> {
        view.begins(config, begun, (args.trials + args.curve + 1) as usize);
        begun += 1;
        let cell = session::one(config, launcher, interrupt, view).await?;
        if interrupt.was_pressed() {
            return None;
        }
        view.ended(config, &cell);
        Some(cell)
    };
    let Some(peak) = drive(config).await else { return };
    let mut found = Found::default();
    if peak.is_well() {
        let quest = Quest {
            slo,
            bound: peak.tps * BEYOND_PEAK,
            duration: config.duration,
            shortest: config.warmup + 3 * Duration::from_millis(100),
            trials: args.trials,
            curve: args.curve,
        };
        found = hunt(&quest, async |rate, duration| drive(&open(args, config, rate, duration)).await).await;
    }
    run.searches.push(Search { cell: config.label(), slo: args.slo.clone(), ..found.search });
    run.cells.push(peak);
    run.cells.extend(found.cells);
}

fn open(args: &SearchArgs, config: &CellConfig, rate: f64, duration: Duration) -> CellConfig {
    let drive = &args.drive;
    let open = OpenConfig {
        rate,
        arrivals: drive.arrivals,
        max_in_flight: drive.max_in_flight,
        pacer: drive.pacer,
        seed: drive.seed,
    };
    CellConfig { parallel: 1, open: Some(open), duration, ..config.clone() }
}

fn planned(args: &SearchArgs, registry: &Registry) -> Result<(Vec<Limit>, Vec<CellConfig>), String> {
    let slo = goals::limits(&args.slo, &goals::SERVICE).map_err(|why| format!("--slo {why}"))?;
    if args.drive.rate.is_some() {
        return Err("--rate does not go with search: it finds the rate".to_owned());
    }
    let stack = plan::stack(args.stack.as_deref(), registry)?.name().to_owned();
    let once = RepeatArgs { launches: 1, until: None, max_launches: 3 };
    let args = RunArgs {
        transport: args.transport.clone(),
        parallel: vec![args.parallel],
        payload: args.payload.clone(),
        runtime: vec![args.runtime],
        placement: vec![args.placement],
        stack: vec![stack],
        protocol: args.protocol.into_iter().collect(),
        target: None,
        set: args.set.clone(),
        via: None,
        drive: args.drive.clone(),
        repeat: once,
        worker: WorkerArgs::default(),
        output: args.output.clone(),
    };
    Ok((slo, plan::run(&args, registry)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use listenrain_results::Trial;

    fn search(highest_rate: Option<f64>, verdicts: &[&str]) -> Search {
        let trial = |verdict: &&str| Trial { verdict: (*verdict).to_owned(), errors: 1, ..Trial::default() };
        Search { highest_rate, trials: verdicts.iter().map(trial).collect(), ..Search::default() }
    }

    #[test]
    fn it_ends_as_the_gravest_search_does() {
        let found = search(Some(100.0), &["missed", "holds"]);
        let missed = search(None, &["generator-limited", "missed"]);
        let unclear = search(None, &["generator-limited", "unclear"]);
        let failed = search(None, &[]);
        // Errors of a trial beyond the bound are part of the answer.
        assert_eq!(exit(std::slice::from_ref(&found)), Exit::Holds);
        assert_eq!(exit(&[found.clone(), unclear.clone()]), Exit::Inconclusive);
        assert_eq!(exit(&[found, unclear.clone(), missed.clone()]), Exit::LimitMissed);
        assert_eq!(exit(&[missed, failed, unclear]), Exit::RowFailed);
    }
}

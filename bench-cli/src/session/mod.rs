//! One run from its plan to its files: measures launch after launch, then prints, writes and judges.

mod aggregate;
mod interrupt;
mod repeat;
pub(crate) mod spread;
mod unoptimised;

use std::time::Duration;

use listenrain_results::{Cell, Run};
use tokio::time::sleep;

pub(crate) use self::aggregate::aggregate;
pub(crate) use self::interrupt::Interrupt;
pub(crate) use self::repeat::Repeat;
use crate::cli::OutputArgs;
use crate::config::CellConfig;
use crate::exit::Exit;
use crate::launch::{BUSY_PERCENT, Launcher, failed};
use crate::machine;
use crate::meter::usage::{self, Snapshot};
use crate::output;
use crate::registry::Registry;
use crate::report::live::View;

/// Instead of a table without a row.
const NOTHING: &str = "nothing was measured: interrupted before the first cell was over\n";
/// How long the machine is watched before anything is measured.
const IDLE: Duration = Duration::from_millis(300);
/// A launch that was interrupted before it had so many windows tells nothing.
pub(crate) const LEAST_WINDOWS: usize = 3;

/// Measures `plan` and shows it with `render`.
pub(crate) fn run(
    plan: &[CellConfig],
    repeat: &Repeat,
    registry: &Registry,
    output: &OutputArgs,
    render: fn(&Run) -> String,
) -> Exit {
    measured(registry, output, render, async |run, interrupt| {
        let mut view = View::of(plan, repeat.launches as usize, output.quiet);
        let launcher = Launcher { wants_ticks: view.is_watched(), ..launcher(run).await };
        run.seed = (repeat.most > 1).then_some(repeat.seed);
        run.cells = measure(plan, repeat, &launcher, interrupt, &mut view).await;
        Exit::Well
    })
}

/// Everything around measuring that all commands have: refuses what cannot be, describes the machine, and when `work` is
/// done shows, writes and judges.
pub(crate) fn measured(
    registry: &Registry,
    output: &OutputArgs,
    render: fn(&Run) -> String,
    work: impl AsyncFnOnce(&mut Run, &Interrupt) -> Exit,
) -> Exit {
    let warned = match unoptimised::tried(machine::OPT_LEVEL, output.force) {
        Ok(warning) => warning,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    if let Err(why) = output::check(output) {
        eprintln!("error: {why}");
        return Exit::Usage;
    }
    let mut run = Run::new(machine::describe(registry.allocator()), Vec::new());
    if let Some(warning) = warned {
        eprintln!("warning: {warning}");
        run.warnings.push(warning.to_owned());
    }
    if output.record.is_some() {
        machine::add_commit(&mut run.env);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime: {error}");
            return Exit::RowFailed;
        }
    };
    let (verdict, was_interrupted) = runtime.block_on(async {
        let interrupt = Interrupt::listen();
        let verdict = work(&mut run, &interrupt).await;
        (verdict, interrupt.was_pressed())
    });
    run.env.interrupted = was_interrupted;
    let text = match run.cells.is_empty() {
        true if was_interrupted => NOTHING.to_owned(),
        true => "nothing was measured\n".to_owned(),
        false => render(&run),
    };
    if let Err(why) = output::finish(&text, &run, output) {
        eprintln!("error: {why}");
        return Exit::RowFailed;
    }
    match verdict {
        _ if was_interrupted => Exit::Interrupted,
        // Where nothing was asked that could allow an error, a row that has one failed.
        Exit::Well if !run.cells.iter().all(Cell::is_well) => Exit::RowFailed,
        verdict => verdict,
    }
}

/// A launcher that knows what the machine is busy with while nothing is measured; `run` is warned where that is much.
pub(crate) async fn launcher(run: &mut Run) -> Launcher {
    let before = Snapshot::now();
    sleep(IDLE).await;
    let after = Snapshot::now();
    let idle_busy_percent = usage::host(&[before, after], 0.0).map_or(0.0, |host| host.busy_percent);
    if idle_busy_percent > BUSY_PERCENT {
        run.warnings.push(format!(
            "the machine was busy for {idle_busy_percent:.0} % of a core before anything was measured: other work spoils \
             these figures; `bench-cli doctor` says more"
        ));
    }
    Launcher { idle_busy_percent, ..Launcher::default() }
}

/// Measures every cell of `plan` as often as `repeat` says, and gives one cell each, in the plan's order; those of which
/// nothing was measured before an interrupt are left out.
pub(crate) async fn measure(
    plan: &[CellConfig],
    repeat: &Repeat,
    launcher: &Launcher,
    interrupt: &Interrupt,
    view: &mut View,
) -> Vec<Cell> {
    let mut launches: Vec<Vec<Cell>> = plan.iter().map(|_| Vec::new()).collect();
    let mut order = 0;
    'rounds: for round in 0..repeat.most {
        for index in repeat.round(round, plan, &launches) {
            let config = &plan[index];
            view.begins(config, round as usize, repeat.launches.max(round + 1) as usize);
            let Some(mut cell) = one(config, launcher, interrupt, view).await else { break 'rounds };
            cell.launches.iter_mut().for_each(|launch| launch.order = order);
            order += 1;
            view.ended(config, &cell);
            launches[index].push(cell);
            if interrupt.was_pressed() {
                break 'rounds;
            }
        }
    }
    let some = launches.into_iter().filter(|launches| !launches.is_empty());
    some.map(|launches| aggregate(whole(launches), repeat.until)).collect()
}

/// One launch, or none when it was interrupted before it had anything to tell.
pub(crate) async fn one(
    config: &CellConfig,
    launcher: &Launcher,
    interrupt: &Interrupt,
    view: &mut View,
) -> Option<Cell> {
    let ready = tokio::select! {
        biased;
        () = interrupt.once() => return None,
        ready = launcher.ready(config) => ready,
    };
    let cell = match ready {
        Err(why) => return Some(failed(config, why)),
        Ok(ready) => tokio::select! {
            biased;
            () = interrupt.twice() => return None,
            cell = ready.run(interrupt.once(), |tick| view.tick(tick)) => cell,
        },
    };
    let tells = !interrupt.was_pressed() || cell.series.tps.len() >= LEAST_WINDOWS;
    tells.then_some(cell)
}

/// Without those that were interrupted, where there are others: they are of another length.
fn whole(launches: Vec<Cell>) -> Vec<Cell> {
    let most = launches.iter().map(|cell| cell.series.tps.len()).max().unwrap_or(0);
    let is_whole = |cell: &Cell| cell.errors > 0 || cell.series.tps.len() == most;
    launches.into_iter().filter(is_whole).collect()
}

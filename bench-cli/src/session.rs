//! One run from its plan to its files: measures cell after cell, then prints, writes and judges.

use listenrain_results::{NewRun, Run, Store};

use crate::cli::OutputArgs;
use crate::config::CellConfig;
use crate::exit::Exit;
use crate::launch;
use crate::machine;
use crate::output;
use crate::registry::Registry;
use crate::report::Shown;
use crate::report::progress::Progress;

/// Instead of a table without a row.
const NOTHING: &str = "nothing was measured: interrupted before the first cell was over\n";

/// Measures `plan` and shows it with `render`.
pub(crate) fn run(
    plan: &[CellConfig],
    registry: &Registry,
    output: &OutputArgs,
    render: fn(&Run) -> String,
) -> Exit {
    if machine::OPT_LEVEL == "0" {
        eprintln!("warning: THIS BUILD IS NOT OPTIMISED; ITS FIGURES MEAN NOTHING");
        if !output.force {
            eprintln!("error: build it with optimisation, or say --force");
            return Exit::Usage;
        }
    }
    if let Err(why) = output::check(output) {
        eprintln!("error: {why}");
        return Exit::Usage;
    }
    let mut run = Run::new(machine::describe(registry.allocator()), Vec::new());
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
    run.env.interrupted = runtime.block_on(measure(plan, &mut run));
    let table = if run.cells.is_empty() { NOTHING.to_owned() } else { render(&run) };
    let shown = show(&table, &run, output);
    if let Err(why) = shown {
        eprintln!("error: {why}");
        return Exit::RowFailed;
    }
    match run.env.interrupted {
        true => Exit::Interrupted,
        false if run.cells.iter().all(listenrain_results::Cell::is_well) => Exit::Well,
        false => Exit::RowFailed,
    }
}

/// Adds a cell to `run` for each of `plan`; whether it was interrupted before the last.
async fn measure(plan: &[CellConfig], run: &mut Run) -> bool {
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut progress = Progress::new(plan.len());
    for config in plan {
        progress.begins(config);
        let cell = tokio::select! {
            biased;
            _ = &mut interrupted => return true,
            cell = launch::measure(config) => cell,
        };
        progress.ended(config, &cell);
        run.cells.push(cell);
    }
    false
}

/// Prints the table and writes the files that were asked for.
fn show(table: &str, run: &Run, output: &OutputArgs) -> Result<(), String> {
    output::show(table, &[Shown::measured(run)], &output.files)?;
    if let Some(folder) = output.record.as_ref().filter(|_| !run.cells.is_empty()) {
        let date = run.env.started.get(..10).unwrap_or_default();
        let kept = Store::new(folder).record(&NewRun { date, run, notes: &[] });
        let kept = kept.map_err(|error| output::chain(&error))?;
        eprintln!("recorded in {}", kept.display());
    }
    Ok(())
}

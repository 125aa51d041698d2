//! A scenario in the simulation: one thread, a clock that stands still while anything can go on, a link that is a model.
//!
//! Loops, meter, checks and faults are those of a real run; what differs is the transport below and who keeps the time.

use std::sync::Arc;
use std::time::Duration;

use listenrain_results::{Cell, Usages};
use listenrain_transports::InProcess;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep_until, timeout};

use listenrain::Transport;

use crate::cell::client::{END_WITHIN, finished};
use crate::cell::timekeeper::parts;
use crate::cell::window::Windows;
use crate::cell::words::Measured;
use crate::cli::OutputArgs;
use crate::config::CellConfig;
use crate::exit::Exit;
use crate::launch::{all_failed, cells};
use crate::meter::usage::Snapshot;
use crate::meter::{Meter, Tally};
use crate::registry::Registry;
use crate::report::tables;
use crate::session;
use crate::stack::{Phases, Setting};

const WARNING: &str = "simulated: every time is the model's, none a machine's";

/// Plays `config` and shows it.
pub(super) fn run(config: &CellConfig, seed: u64, registry: &Registry, output: &OutputArgs) -> Exit {
    // No figure of it is this build's.
    let output = OutputArgs { force: true, ..output.clone() };
    session::measured(registry, &output, tables::cells, async |run, _| {
        run.warnings.push(WARNING.to_owned());
        run.seed = Some(seed);
        let (config, registry) = (config.clone(), registry.clone());
        // A runtime of its own needs a thread of its own.
        let played = tokio::task::spawn_blocking(move || played(&config, seed, &registry)).await;
        match played {
            Ok(cells) => {
                run.cells = cells;
                Exit::Well
            }
            Err(_) => Exit::RowFailed,
        }
    })
}

/// The cells of `config`, one for each phase.
fn played(config: &CellConfig, seed: u64, registry: &Registry) -> Vec<Cell> {
    let measured = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| format!("no runtime: {error}"))
        .and_then(|runtime| runtime.block_on(play(config, registry)));
    let cells = match measured {
        Ok(measured) => cells(config, measured, None, 0.0),
        Err(why) => all_failed(config, &why),
    };
    cells.into_iter().map(|cell| labelled(cell, seed)).collect()
}

/// A model uses no processor and no memory that would be its own.
fn labelled(mut cell: Cell, seed: u64) -> Cell {
    cell.simulated = Some(seed);
    cell.usage = Usages::default();
    (cell.cpu_percent, cell.rss_mib, cell.host) = (None, None, None);
    (cell.series.client_cpu_percent, cell.series.server_cpu_percent) = Default::default();
    for launch in &mut cell.launches {
        (launch.cpu_us_per_request, launch.cpu_percent, launch.rss_mib) = (None, None, None);
    }
    cell
}

async fn play(config: &CellConfig, registry: &Registry) -> Result<Vec<Measured>, String> {
    let began = Instant::now();
    let stack = registry.stack(&config.stack).ok_or("the stack is not registered")?;
    let transport: Arc<dyn Transport> = Arc::new(InProcess::default());
    let endpoint = transport.scratch_endpoint();
    let setting = Setting::new(config.clone(), transport, endpoint, Arc::new(Meter::new(1)));
    let (phases, stalls) = (Arc::clone(&setting.phases), Arc::clone(&setting.stalls));
    let load = stack.start(setting).await.map_err(|error| error.to_string())?;
    let load = tokio::spawn(load.run());
    let start = Instant::now() + config.warmup;
    sleep_until(start).await;
    stalls.begin(start);
    phases.begin(0, start);
    let windows = keep(config, &phases, start, began).await;
    match timeout(END_WITHIN, load).await {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => phases.last().failed("panic", || panic.to_string()),
        Err(_) => phases
            .last()
            .failed("unfinished", || format!("requests without a reply {END_WITHIN:?} after the last phase")),
    }
    Ok(finished(windows, &phases, config, false))
}

/// Cuts each phase into its windows.
async fn keep(config: &CellConfig, phases: &Phases, start: Instant, began: Instant) -> Vec<Windows> {
    let mut all = Vec::new();
    let mut from = start;
    let (mut window, mut spare) = (Tally::default(), Tally::default());
    for (index, (duration, count)) in parts(config).into_iter().enumerate() {
        let mut windows = Windows::default();
        windows.marks.push(mark(from - began));
        for number in 1..=count {
            let until = from + duration * number / count;
            sleep_until(until).await;
            if number == count {
                phases.begin(index + 1, until);
            }
            windows.marks.push(mark(until - began));
            phases.meter(index).take(&mut window, &mut spare);
            windows.push(&window);
            window.clear();
        }
        from += duration;
        all.push(windows);
    }
    all
}

fn mark(at: Duration) -> Snapshot {
    Snapshot { at, ..Snapshot::default() }
}

#[cfg(test)]
#[path = "simulated_tests.rs"]
mod tests;

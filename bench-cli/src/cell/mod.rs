//! The child's side: one cell, measured in a process of its own so that its memory is that cell's alone.

mod orphan;
mod timekeeper;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use listenrain::Endpoint;
use listenrain_results::{Cell, LittlesLaw};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::timeout;

use self::timekeeper::{Timekeeper, Window};
use crate::config::{CellConfig, RuntimeChoice};
use crate::meter::{Meter, Phase, Tally, memory};
use crate::registry::Registry;
use crate::stack::{Load, Setting};

/// How long connections may take to stand.
const START_WITHIN: Duration = Duration::from_secs(20);
/// What is left of a cell then hangs, and ends with its process.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// How long outstanding requests may take to come to their end once the window is over.
const END_WITHIN: Duration = Duration::from_secs(10);
/// Little's law off by more than this share means that the figures don't belong together.
const LITTLE_WITHIN: f64 = 0.1;

/// What the parent hands to the child, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) config: CellConfig,
    /// The parent's process id: the child dies with it.
    pub(crate) parent: u32,
}

/// What the child prints, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Measured(Box<Cell>),
    /// Nothing was measured, and why.
    Failed(String),
}

/// Measures the cell that `order` says and prints the answer.
pub(crate) fn main(order: &str, registry: &Registry) -> ExitCode {
    let order: Order = match serde_json::from_str(order) {
        Ok(order) => order,
        Err(error) => {
            eprintln!("a cell is started by `run` and `table`, not by hand: {error}");
            return ExitCode::from(2);
        }
    };
    orphan::die_with(order.parent);
    let answer = match measure(&order.config, registry) {
        Ok(cell) => Answer::Measured(Box::new(cell)),
        Err(why) => Answer::Failed(why),
    };
    // Plain data with string keys: there is nothing that JSON cannot say.
    println!("{}", serde_json::to_string(&answer).unwrap_or_default());
    ExitCode::SUCCESS
}

fn measure(config: &CellConfig, registry: &Registry) -> Result<Cell, String> {
    let meter = Arc::new(Meter::new(config.runtime.threads()));
    let runtime = build(config.runtime).map_err(|error| format!("no runtime: {error}"))?;
    let window = runtime.block_on(drive(setting(config, registry, &meter)?, registry))?;
    let cell = assess(config, &meter, window);
    // Not in the background: the process would end before a listener that lives in files has removed them.
    runtime.shutdown_timeout(STOP_WITHIN);
    Ok(cell)
}

/// The runtime that holds both ends.
pub(crate) fn build(choice: RuntimeChoice) -> std::io::Result<Runtime> {
    match choice {
        RuntimeChoice::Current => Builder::new_current_thread().enable_all().build(),
        RuntimeChoice::Multi(workers) => {
            Builder::new_multi_thread().worker_threads(usize::from(workers)).enable_all().build()
        }
    }
}

fn setting(config: &CellConfig, registry: &Registry, meter: &Arc<Meter>) -> Result<Setting, String> {
    let known = registry.transport(&config.transport).ok_or("the transport is not registered")?;
    let endpoint = match &config.target {
        Some(target) => target.parse::<Endpoint>().map_err(|error| error.to_string())?,
        None => known.scratch_endpoint(),
    };
    let endpoint =
        config.options.iter().fold(endpoint, |endpoint, (name, value)| endpoint.with_option(name, value));
    Ok(Setting::new(config.clone(), Arc::clone(known), endpoint, Arc::clone(meter)))
}

/// Starts the stack, lets the load run through warm-up and window, and waits for its end.
async fn drive(setting: Setting, registry: &Registry) -> Result<Window, String> {
    let (config, meter) = (setting.config.clone(), Arc::clone(&setting.meter));
    let stack = registry.stack(&config.stack).ok_or("the stack is not registered")?;
    let started = timeout(START_WITHIN, stack.start(setting)).await;
    let load: Box<dyn Load> = match started {
        Ok(started) => started.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("no connection within {START_WITHIN:?}")),
    };
    let (over, is_over) = oneshot::channel();
    let timekeeper = Timekeeper::start(Arc::clone(&meter), config.warmup, config.duration, over);
    let mut load = tokio::spawn(load.run());
    let ended = tokio::select! {
        biased;
        ended = &mut load => {
            // Just after the end is no sooner than the timekeeper's word.
            if meter.phase() != Phase::Over {
                meter.failed("ended early", || "the load ended before its time".to_owned());
            }
            Ok(ended)
        }
        _ = is_over => timeout(END_WITHIN, &mut load).await,
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => meter.failed("panic", || panic.to_string()),
        Err(_) => {
            load.abort();
            meter
                .failed("unfinished", || format!("requests without a reply {END_WITHIN:?} after the window"));
        }
    }
    Ok(timekeeper.stop())
}

fn assess(config: &CellConfig, meter: &Meter, window: Window) -> Cell {
    let (mut total, errors) = (Tally::default(), meter.errors());
    meter.take(&mut total, &mut Tally::default());
    let tps = total.requests as f64 / window.elapsed.as_secs_f64().max(1e-9);
    let service_us = total.service.times();
    let littles_law = LittlesLaw::new(config.outstanding(), tps, service_us.mean);
    let mut cell = Cell {
        transport: config.transport.clone(),
        stack: config.stack.clone(),
        runtime: config.runtime.to_string(),
        protocol: config.protocol.to_string(),
        parallel: config.parallel,
        payload_bytes: config.payload as u64,
        requests: total.requests,
        errors: errors.count(),
        tps,
        gbit_per_s: Cell::gbit_per_s(tps, config.payload as u64),
        cpu_percent: window.cpu_percent(),
        rss_mib: memory::peak_resident_mib(),
        service_us,
        lanes: config.lanes,
        connections: config.connections,
        duration_s: window.elapsed.as_secs_f64(),
        warmup_s: config.warmup.as_secs_f64(),
        window_bytes: config.window as u64,
        littles_law,
        error_kinds: errors.kinds,
        error_samples: errors.samples,
        warnings: Vec::new(),
        target: config.target.clone(),
        via: config.via.clone(),
        options: config
            .options
            .iter()
            .map(|(name, value)| format!("{}.{name}={value}", config.transport))
            .collect(),
        ..Cell::default()
    };
    cell.warnings = warnings(&cell);
    cell
}

fn warnings(cell: &Cell) -> Vec<String> {
    let mut warnings = Vec::new();
    if cell.requests == 0 {
        warnings.push("no request completed inside the window; try a longer --duration".to_owned());
    } else if cell.littles_law.off_by() > LITTLE_WITHIN {
        warnings.push(format!(
            "Little's law is off: {:.1} outstanding measured, {:.0} planned; the callers spend the rest filling and \
             checking payloads, or the window is too short for its requests",
            cell.littles_law.measured, cell.littles_law.planned
        ));
    }
    warnings
}

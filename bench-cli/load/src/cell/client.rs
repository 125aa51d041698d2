//! The client's side of a cell, or both sides where they share a process.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use listenrain::Endpoint;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::protocol::{CellSpec, FromChild, Measured, Role, ToChild, send};
use super::timekeeper::Timekeeper;
use super::window::Windows;
use super::{STOP_WITHIN, build, parent_watch, pinned, with_options};
use crate::drive::{Load, Phases, Registry, Setting, Stalls, tool_us};
use crate::load::CellConfig;
use crate::meter::{ENDED_EARLY, Meter, PANIC, Phase, Tally};

/// How long connections may take to stand, and a little more for each that begins with a large request.
const START_WITHIN: Duration = Duration::from_secs(20);
/// How long outstanding requests may take to come to their end once the window is over.
const END_WITHIN: Duration = Duration::from_secs(10);

/// How long a load may take to count them and to end, once it is told that they are given up.
const GIVE_UP_WITHIN: Duration = Duration::from_secs(1);

/// Connects, waits for the word to begin, and measures.
pub(super) fn measure(spec: &CellSpec, registry: &Registry) -> Result<Vec<Measured>, String> {
    let config = &spec.config;
    pinned(&spec.pin)?;
    let (go, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (on_go, on_finish) = (Arc::clone(&go), Arc::clone(&finish));
    parent_watch::watch(spec.parent, move |message| match message {
        ToChild::Go => on_go.notify_one(),
        ToChild::Finish => on_finish.notify_one(),
        ToChild::Mark(_) => {}
    });
    let meter = Arc::new(Meter::new(config.runtime.threads()));
    let setting = setting(spec, registry, &meter)?;
    let (stalls, phases) = (Arc::clone(&setting.stalls), Arc::clone(&setting.phases));
    let ends = if setting.config.target.is_some() { 1 } else { 2 };
    config.ensure_descriptors(ends)?;
    let stack = registry.stack(&config.stack).ok_or("the stack is not registered")?;
    let runtime = build(config.runtime).map_err(|error| format!("no runtime: {error}"))?;
    let measured = super::run(&runtime, async {
        let within = START_WITHIN + config.start_allowance();
        let load = match timeout(within, stack.start(setting)).await {
            Ok(started) => started.map_err(|error| error.to_string())?,
            Err(_) => return Err(format!("no connection within {within:?}")),
        };
        send(&FromChild::Connected);
        go.notified().await;
        let measured = drive(spec, load, &phases, stalls, &finish).await;
        // Only now: what it leaves in the allocator and the caches is in no figure.
        let tool_us = if stack.has_callers() { tool_us(config).await } else { None };
        Ok(measured.into_iter().map(|measured| Measured { tool_us, ..measured }).collect())
    });
    // Not in the background: the process would end before a listener that lives in files has removed them.
    runtime.shutdown_timeout(STOP_WITHIN);
    measured
}

fn setting(spec: &CellSpec, registry: &Registry, meter: &Arc<Meter>) -> Result<Setting, String> {
    let config = &spec.config;
    let known = registry.transport(&config.transport).ok_or("the transport is not registered")?;
    let target = match &spec.role {
        Role::Client(endpoint) => Some(endpoint),
        _ => config.target.as_ref(),
    };
    let endpoint = match target {
        Some(target) => target.parse::<Endpoint>().map_err(|error| error.to_string())?,
        None => known.scratch_endpoint(),
    };
    let endpoint = with_options(endpoint, config);
    let config = CellConfig { target: target.cloned(), ..config.clone() };
    Ok(Setting::new(config, Arc::clone(known), endpoint, Arc::clone(meter)))
}

/// Lets the load run through warm-up and window, and waits for its end.
async fn drive(
    spec: &CellSpec,
    load: Box<dyn Load>,
    phases: &Arc<Phases>,
    stalls: Arc<Stalls>,
    finish: &Notify,
) -> Vec<Measured> {
    let (over, is_over) = oneshot::channel();
    let begins = move |start| stalls.begin(start);
    let timekeeper = Timekeeper::start(Arc::clone(phases), &spec.config, spec.wants_ticks, begins, over);
    let mut load = tokio::spawn(load.run());
    let was_cut_short = run_out(&mut load, phases, is_over, finish, &timekeeper.stopper()).await;
    finished(timekeeper.stop(), phases, &spec.config, was_cut_short)
}

/// Waits for the end of the load; whether it was asked for before its time.
async fn run_out(
    load: &mut JoinHandle<()>,
    phases: &Phases,
    mut is_over: oneshot::Receiver<()>,
    finish: &Notify,
    stop: &Sender<()>,
) -> bool {
    let (meter, mut was_cut_short) = (phases.last(), false);
    loop {
        tokio::select! {
            biased;
            ended = &mut *load => {
                // Just after the end is no sooner than the timekeeper's word.
                if meter.phase() != Phase::Over {
                    meter.failed(ENDED_EARLY, || "the load ended before its time".to_owned());
                }
                if let Err(panic) = ended {
                    meter.failed(PANIC, || panic.to_string());
                }
                break;
            }
            _ = &mut is_over => {
                end(load, phases).await;
                break;
            }
            () = finish.notified() => {
                was_cut_short = true;
                // It may have ended by itself at this moment.
                let _ = stop.send(());
            }
        }
    }
    was_cut_short
}

/// Waits for the end of what is outstanding after the last phase; as long as is reasonable, then it is given up.
pub async fn end(load: &mut JoinHandle<()>, phases: &Phases) {
    let mut ended = timeout(END_WITHIN, &mut *load).await;
    if ended.is_err() {
        phases.give_up(END_WITHIN);
        ended = timeout(GIVE_UP_WITHIN, &mut *load).await;
    }
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => phases.last().failed(PANIC, || panic.to_string()),
        Err(_) => {
            load.abort();
            phases.last().unfinished(1, END_WITHIN);
        }
    }
}

/// What was measured in each phase. Nothing is cut off those of a scenario: the file says when they begin.
pub fn finished(
    windows: Vec<Windows>,
    phases: &Phases,
    config: &CellConfig,
    was_cut_short: bool,
) -> Vec<Measured> {
    let last = windows.len().saturating_sub(1);
    let is_whole = config.is_worker || config.scenario.is_some();
    let measured = |(index, windows): (usize, Windows)| {
        let meter = phases.meter(index);
        let mut late = Tally::default();
        meter.take(&mut late, &mut Tally::default());
        Measured { was_cut_short: was_cut_short && index == last, ..windows.measured(late, meter, is_whole) }
    };
    windows.into_iter().enumerate().map(measured).collect()
}

//! A scenario in the simulation: one thread, a clock that stands still while anything can go on, a link that is a model.
//!
//! Loops, meter, checks and faults are those of a real run; what differs is the transport below and who keeps the time.

use std::sync::Arc;
use std::time::Duration;

use listenrain_results::{Cell, Usages};
use listenrain_transports::InProcess;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep_until};

use listenrain::Transport;

use crate::cell::client::{end, finished};
use crate::cell::protocol::Measured;
use crate::cell::timekeeper::parts;
use crate::cell::window::Windows;
use crate::drive::{Phases, Registry, Setting};
use crate::launch::{all_failed, cells};
use crate::load::CellConfig;
use crate::meter::usage::Snapshot;
use crate::meter::{Meter, Tally};

/// The cells of `config`, one for each phase.
pub(crate) fn played(config: &CellConfig, seed: u64, registry: &Registry) -> Vec<Cell> {
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
    let mut load = tokio::spawn(load.run());
    let start = Instant::now() + config.warmup;
    sleep_until(start).await;
    stalls.begin(start);
    phases.begin(0, start);
    let windows = keep(config, &phases, start, began).await;
    end(&mut load, &phases).await;
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
mod tests {
    use super::*;
    use crate::load::{Scenario, WINDOW};

    fn play(file: &str, seed: u64) -> Vec<Cell> {
        let cells = with_errors(file, seed);
        for cell in &cells {
            assert!(cell.errors == 0, "{:?}", cell.error_samples);
        }
        cells
    }

    fn with_errors(file: &str, seed: u64) -> Vec<Cell> {
        let mut scenario = Scenario::parse(file, seed).unwrap();
        scenario.simulate();
        let config = CellConfig {
            transport: "memory".to_owned(),
            payload: scenario.largest(),
            warmup: scenario.warmup,
            duration: scenario.duration(),
            window: WINDOW * scenario.phases.len(),
            scenario: Some(scenario),
            ..CellConfig::default()
        };
        played(&config, seed, &Registry::standard())
    }

    const PHASES: &str = "name = 'x'\nwarmup = '100ms'\n\
        [[phase]]\nname = 'closed'\nduration = '1s'\nparallel = 4\n\
        [[phase]]\nname = 'open'\nduration = '2s'\nrate = '500'\narrivals = 'fixed'\n";

    #[test]
    fn phases_come_in_order_each_with_its_own_figures() {
        let cells = play(PHASES, 1);
        let [closed, open] = &cells[..] else { panic!("{} cells", cells.len()) };
        let named = |cell: &Cell| (cell.scenario.clone().unwrap(), cell.phase.clone().unwrap());
        assert_eq!(
            (named(closed), named(open)),
            (("x".into(), "closed".into()), ("x".into(), "open".into()))
        );
        assert_eq!((closed.duration_s, open.duration_s), (1.0, 2.0));
        assert!(closed.open_loop.is_none() && closed.response_us.is_none());
        // The link takes one or two milliseconds each way: four callers make 1,000 to 2,000 requests in a second.
        assert!((1_000..=2_000).contains(&closed.requests), "{}", closed.requests);
        assert!(
            closed.service_us.min >= 2_000.0 && closed.service_us.max <= 6_000.0,
            "{:?}",
            closed.service_us
        );
        let loop_ = open.open_loop.as_ref().unwrap();
        assert_eq!((loop_.intended, loop_.dropped), (1_000, 0));
        assert_eq!(
            open.response_us.unwrap().count,
            1_000,
            "all that were due in it, and none of the other's"
        );
        assert!(closed.littles_law.off_by() < 0.02, "{:?}", closed.littles_law);
    }

    #[test]
    fn a_simulated_cell_says_so_and_has_no_figure_of_a_machine() {
        let cells = play(PHASES, 9);
        for cell in cells {
            assert_eq!((cell.simulated, cell.cpu_percent, cell.rss_mib), (Some(9), None, None));
            assert!(
                cell.usage.both.is_none() && cell.host.is_none() && cell.series.client_cpu_percent.is_empty()
            );
        }
    }

    #[test]
    fn callers_that_think_call_less_often() {
        let think = |think: &str| {
            let file =
                format!("name = 'x'\n[[phase]]\nname = 'a'\nduration = '4s'\nparallel = 10\n{think}\n");
            play(&file, 5).remove(0)
        };
        let (busy, fixed, exp) = (think(""), think("think = '50ms'"), think("think = 'exp:50ms'"));
        // N = X (R + Z): 10 callers, each 2 to 4 ms on the way and 50 ms in thought.
        for thinking in [&fixed, &exp] {
            let round = thinking.service_us.mean / 1e6 + 0.05;
            let off = (thinking.tps * round / 10.0 - 1.0).abs();
            assert!(off < 0.1, "{off}: {} tps", thinking.tps);
            assert!(thinking.littles_law.off_by() < 0.05, "{:?}", thinking.littles_law);
            assert!(thinking.warnings.is_empty(), "{:?}", thinking.warnings);
        }
        assert!(busy.tps > 10.0 * fixed.tps, "{} {}", busy.tps, fixed.tps);
    }

    #[test]
    fn a_stall_is_in_the_response_time_of_its_phase_and_of_no_other() {
        let file = include_str!("../../scenarios/stall.toml");
        let cells = play(file, 1);
        let p99 = |at: usize| cells[at].response_us.and_then(|times| times.p99).unwrap();
        assert_eq!(cells[1].phase.as_deref(), Some("stalled"));
        assert!(p99(0) < 20_000.0 && p99(2) < 20_000.0, "{} {}", p99(0), p99(2));
        // 1,000 of 4,000 requests are due during the stall of 500 ms.
        assert!(p99(1) > 450_000.0 && cells[1].response_us.unwrap().max <= 520_000.0, "{}", p99(1));
    }

    #[test]
    fn one_ways_are_counted_and_none_is_timed() {
        let file = "name = 'x'\n[[request]]\npayload = '1KiB'\n[[request]]\npayload = '64B'\nshare = 3\none_way = true\n\
            [[phase]]\nname = 'open'\nduration = '2s'\nrate = '1k'\narrivals = 'fixed'\n\
            [[phase]]\nname = 'closed'\nduration = '1s'\nparallel = 5\nthink = '5ms'\n";
        let cells = play(file, 2);
        let [open, closed] = &cells[..] else { panic!("{} cells", cells.len()) };
        let due = open.open_loop.as_ref().unwrap().intended;
        assert_eq!(due, 2_000);
        // One is handed over at once: each that was due is that, or has a time.
        assert_eq!(open.one_ways + open.response_us.unwrap().count, due);
        // Binomial, with a deviation of 19.
        assert!((1_400..=1_600).contains(&open.one_ways), "{}", open.one_ways);
        let share = closed.one_ways as f64 / (closed.one_ways + closed.requests) as f64;
        assert!((0.65..0.85).contains(&share), "{share}");
        assert_eq!(closed.service_us.count, closed.requests);
        assert_eq!(open.payload_bytes, 1024);
    }

    #[test]
    fn what_a_cut_loses_fails_its_phase_and_the_next_goes_on() {
        let file = format!("{PHASES}[[fault]]\nat = '500ms'\nkind = 'reset'\n");
        let cells = with_errors(&file, 1);
        assert!(
            cells[0].errors > 0 && cells[0].error_kinds.contains_key("lost"),
            "{:?}",
            cells[0].error_kinds
        );
        assert!(cells[1].is_well() && cells[1].requests > 900, "{:?}", cells[1].error_kinds);
    }
}

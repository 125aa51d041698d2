//! A session: launch after launch of the cells of a plan, in one loop for plain runs, scenarios and workers.

mod interrupt;
pub(crate) mod journal;
mod repeat;
mod scratch;
#[cfg(feature = "simulate")]
pub(crate) mod simulated;
mod workers;

use std::path::PathBuf;
use std::time::Duration;

use listenrain_results::{Cell, Run};
use tokio::time::sleep;

pub(crate) use self::interrupt::{HangUps, INTERRUPTED, Interrupt, hear_signals};
use self::journal::Journal;
pub(crate) use self::repeat::Repeat;
use self::scratch::Scratch;
pub(crate) use self::workers::take_part;
use crate::launch::{Launcher, all_failed};
use crate::load::CellConfig;
use crate::machine::quota::quota;
use crate::machine::root::Root;
use crate::merge;
use crate::meter::usage::{self, Snapshot};
use crate::metrics::BUSY_PERCENT;
use crate::progress::View;

/// How long the machine is watched before anything is measured.
const IDLE: Duration = Duration::from_millis(300);
/// Fewest windows of a launch that was interrupted; with fewer it is left out.
const LEAST_WINDOWS: usize = 3;

/// What every session of a process has: signals, the journal, and a folder for the files of its cells.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) interrupt: Interrupt,
    pub(crate) journal: Journal,
    scratch: Option<Scratch>,
}

impl Context {
    /// With a journal at that place, if any.
    pub(crate) fn new(journal: Option<PathBuf>) -> Self {
        Self { interrupt: Interrupt::listen(), journal: Journal::at(journal), scratch: Scratch::make() }
    }
}

/// What launches, what may interrupt it, where its launches are kept, and where its progress is shown.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) launcher: Launcher,
    pub(crate) interrupt: &'a Interrupt,
    journal: &'a Journal,
    view: View,
}

impl<'a> Session<'a> {
    /// A session whose launcher knows how busy the machine is while nothing is measured; `run` is warned where that is much.
    pub(crate) async fn begin(run: &mut Run, context: &'a Context, view: View) -> Self {
        let before = Snapshot::now();
        sleep(IDLE).await;
        let after = Snapshot::now();
        let idle_busy_percent = usage::host(&[before, after], 0.0).map_or(0.0, |host| host.busy_percent);
        if idle_busy_percent > BUSY_PERCENT {
            run.warnings.push(format!(
                "the machine was busy for {idle_busy_percent:.0} % of a core before anything was measured: other work \
                 spoils these figures; `bench-cli doctor` says more"
            ));
        }
        run.warnings.extend(quota(&Root::system()).flatten().map(|quota| quota.warning()));
        let scratch = context.scratch.as_ref().map(|scratch| scratch.folder().to_owned());
        let launcher =
            Launcher { idle_busy_percent, wants_ticks: view.is_watched(), scratch, ..Launcher::default() };
        context.journal.begin(run);
        Self { launcher, interrupt: &context.interrupt, journal: &context.journal, view }
    }

    /// Measures every cell of `plan` as often as `repeat` says, and gives one cell for each of its phases, in the plan's
    /// order; those of which nothing was measured before an interrupt are left out.
    pub(crate) async fn measure(&mut self, plan: &[CellConfig], repeat: &Repeat) -> Vec<Cell> {
        self.rounds(plan, repeat, async |session, index| session.launch(&plan[index]).await).await
    }

    /// The launch loop: `launch` gives the cells of one launch of the cell of that place in the plan, or none, which ends it.
    async fn rounds(
        &mut self,
        plan: &[CellConfig],
        repeat: &Repeat,
        mut launch: impl AsyncFnMut(&mut Self, usize) -> Option<Vec<Cell>>,
    ) -> Vec<Cell> {
        let mut launches: Vec<Vec<Vec<Cell>>> = plan.iter().map(|_| Vec::new()).collect();
        let mut order = 0;
        'rounds: for round in 0..repeat.most {
            for index in repeat.round(round, plan, &launches) {
                let config = &plan[index];
                self.view.begins(config, round as usize, repeat.launches.max(round + 1) as usize);
                let Some(mut cells) = launch(self, index).await else { break 'rounds };
                cells.iter_mut().flat_map(|cell| &mut cell.launches).for_each(|launch| launch.order = order);
                order += 1;
                self.journal.keep(config, &self.launcher.program, &cells);
                if let Some(last) = cells.last() {
                    self.view.ended(config, last);
                }
                launches[index].push(cells);
                if self.interrupt.was_pressed() {
                    leave_out_cut_short(&mut launches[index]);
                    break 'rounds;
                }
            }
        }
        launches.iter().flat_map(|launches| merged(launches, repeat.until)).collect()
    }

    /// A single launch, number `number` of `of`, of which the first phase is given; none when it was interrupted.
    pub(crate) async fn single(&mut self, config: &CellConfig, number: usize, of: usize) -> Option<Cell> {
        self.view.begins(config, number, of);
        let cell = self.launch(config).await?.into_iter().next()?;
        // What was cut short is of another length than the others.
        if self.interrupt.was_pressed() {
            return None;
        }
        self.journal.keep(config, &self.launcher.program, std::slice::from_ref(&cell));
        self.view.ended(config, &cell);
        Some(cell)
    }

    /// The phases of one launch, or none when it was interrupted before it had anything to tell.
    async fn launch(&mut self, config: &CellConfig) -> Option<Vec<Cell>> {
        let ready = tokio::select! {
            biased;
            () = self.interrupt.once() => return None,
            ready = self.launcher.ready(config) => ready,
        };
        let mut cells = match ready {
            Err(why) => return Some(all_failed(config, &why)),
            Ok(ready) => ready.run(self.interrupt.once(), |tick| self.view.tick(tick)).await,
        };
        if cells.is_empty() {
            return Some(all_failed(config, "its process measured nothing"));
        }
        if self.interrupt.was_pressed() {
            cells.retain(|cell| cell.series.tps.len() >= LEAST_WINDOWS);
        }
        (!cells.is_empty()).then_some(cells)
    }
}

/// Leaves the last of `launches` out where an interrupt ended it and there are others: it is of another length.
fn leave_out_cut_short(launches: &mut Vec<Vec<Cell>>) {
    let windows = |cells: &Vec<Cell>| cells.iter().map(|cell| cell.series.tps.len()).sum::<usize>();
    if let [others @ .., last] = &launches[..]
        && others.iter().any(|other| windows(other) > windows(last))
    {
        launches.pop();
    }
}

/// One cell of all `launches` for each phase. Those that were interrupted are left out where there are others: they are of
/// another length.
fn merged(launches: &[Vec<Cell>], until: Option<f64>) -> Vec<Cell> {
    let phases = launches.iter().map(Vec::len).max().unwrap_or(0);
    let merge = |phase: usize| {
        let mut cells: Vec<&Cell> = launches.iter().filter_map(|cells| cells.get(phase)).collect();
        let most = cells.iter().map(|cell| cell.series.tps.len()).max().unwrap_or(0);
        cells.retain(|cell| cell.errors > 0 || cell.series.tps.len() == most);
        merge::launches(&cells, until)
    };
    (0..phases).map(merge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_that_an_interrupt_cut_short_is_left_out_though_it_had_errors() {
        // Broken by a rule that takes errors for the reason that a launch is short: under faults they are the normal case.
        let of = |windows: usize, errors: u64| {
            let mut cell = Cell { errors, ..Cell::default() };
            cell.series.tps = vec![1.0; windows];
            vec![cell.clone(), cell]
        };
        let left = |mut launches: Vec<Vec<Cell>>| {
            leave_out_cut_short(&mut launches);
            launches.len()
        };
        assert_eq!(left(vec![of(5, 1), of(3, 1)]), 1);
        assert_eq!(left(vec![of(5, 1), of(5, 1)]), 2, "the interrupt came after its end");
        assert_eq!(left(vec![of(5, 1), of(5, 1)[..1].to_vec()]), 1, "a phase is missing");
        assert_eq!(left(vec![of(3, 1)]), 1, "there is no other");
    }
}

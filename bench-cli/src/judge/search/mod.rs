//! The highest rate at which a service level holds.
//!
//! `hunt` chooses the rates, `judge` says whether it held at one.

mod hunt;
mod judge;

use std::time::Duration;

use listenrain_results::{Cell, Run, Search};

use self::hunt::{Found, Quest, hunt};
use super::goals::Limit;
use crate::load::{CellConfig, OpenConfig};
use crate::session::Session;

/// A closed loop's throughput times this is the first bound: more is never sustained.
const BEYOND_PEAK: f64 = 1.2;

/// What is searched for, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    /// As it was typed.
    pub(crate) text: String,
    pub(crate) slo: Vec<Limit>,
    /// The closed loops that searches begin from.
    pub(crate) cells: Vec<CellConfig>,
    /// How rates are driven; its own rate counts for nothing.
    pub(crate) open: OpenConfig,
    /// Most trials of a cell.
    pub(crate) trials: u32,
    /// Points of the curve.
    pub(crate) curve: u32,
}

impl Plan {
    /// Most launches of a cell.
    pub(crate) fn launches(&self) -> usize {
        (self.trials + self.curve + 1) as usize
    }
}

/// What came of all searches, the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Found,
    /// No rate can be told to hold or to miss.
    Unclear,
    /// No rate holds.
    Missed,
    /// A closed loop failed, so that nothing was tried.
    Failed,
}

/// Searches in every cell of `plan`.
pub(crate) async fn measure(plan: &Plan, session: &mut Session<'_>, run: &mut Run) -> Outcome {
    run.seed = Some(plan.open.seed);
    for config in &plan.cells {
        cell(plan, config, session, run).await;
        if session.interrupt.was_pressed() {
            break;
        }
    }
    outcome(&run.searches)
}

/// The gravest of what came of the searches.
fn outcome(searches: &[Search]) -> Outcome {
    let of = |search: &Search| match (search.highest_rate, &*search.trials) {
        (Some(_), _) => Outcome::Found,
        (None, []) => Outcome::Failed,
        (None, trials) if trials.iter().any(|trial| trial.verdict == judge::MISSED) => Outcome::Missed,
        (None, _) => Outcome::Unclear,
    };
    searches.iter().map(of).max_by_key(|outcome| *outcome as u8).unwrap_or(Outcome::Found)
}

async fn cell(plan: &Plan, config: &CellConfig, session: &mut Session<'_>, run: &mut Run) {
    let mut begun = 0;
    let mut drive = async |config: &CellConfig| -> Option<Cell> {
        begun += 1;
        session.single(config, begun - 1, plan.launches()).await
    };
    let Some(peak) = drive(config).await else { return };
    let mut found = Found::default();
    if peak.is_well() {
        let quest = Quest {
            slo: &plan.slo,
            bound: peak.tps * BEYOND_PEAK,
            duration: config.duration,
            shortest: config.warmup + 3 * Duration::from_millis(100),
            trials: plan.trials,
            curve: plan.curve,
        };
        let at = |rate, duration| {
            let open = Some(OpenConfig { rate, ..plan.open.clone() });
            CellConfig { parallel: 1, open, duration, ..config.clone() }
        };
        found = hunt(&quest, async |rate, duration| drive(&at(rate, duration)).await).await;
    }
    run.searches.push(Search { cell: config.label(), slo: plan.text.clone(), ..found.search });
    run.cells.push(peak);
    run.cells.extend(found.cells);
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
        assert_eq!(outcome(std::slice::from_ref(&found)), Outcome::Found);
        assert_eq!(outcome(&[found.clone(), unclear.clone()]), Outcome::Unclear);
        assert_eq!(outcome(&[found, unclear.clone(), missed.clone()]), Outcome::Missed);
        assert_eq!(outcome(&[missed, failed, unclear]), Outcome::Failed);
    }
}

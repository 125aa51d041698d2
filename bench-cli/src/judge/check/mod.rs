//! A run against a baseline.
//!
//! `like` refuses what can't be compared, [`again`] makes the baseline's cells to measure once more, `judge` says what follows.

pub(crate) mod again;
mod judge;
mod like;

use listenrain_results::{Cell, Check, CheckRow, Run};

pub(crate) use self::judge::{LIMIT_MISSED, PASSED, REGRESSION};
pub(crate) use self::like::pairs;
use super::goals::{Change, Limit};
use crate::meter::LOAD_FAILED;
use crate::metrics::{Metric, load};
use crate::units::size_text;

/// What has to hold.
#[derive(Debug)]
pub(crate) struct Goals {
    pub(crate) changes: Vec<Change>,
    pub(crate) limits: Vec<Limit>,
}

/// Judges `candidate` by `baseline`, which is called `name`.
///
/// # Errors
///
/// A text for the user that names what is not alike; `force` lets another machine pass.
pub(crate) fn judged(
    goals: &Goals,
    name: String,
    baseline: &Run,
    candidate: &Run,
    force: bool,
) -> Result<Check, String> {
    let mut rows: Vec<CheckRow> = Vec::new();
    let allows_errors = goals.limits.iter().any(|limit| limit.metric == Metric::Errors);
    for (old, new) in pairs(baseline, candidate, force)? {
        let has_lost = new.errors > 0 || (new.lost() > 0 && old.lost() == 0);
        if !is_measured(new) || (has_lost && !allows_errors) {
            rows.push(judge::failed(new));
            continue;
        }
        rows.extend(goals.changes.iter().map(|goal| judge::change(goal, old, new)));
        rows.extend(goals.limits.iter().map(|goal| judge::limit(goal, new)));
    }
    let verdict = judge::gravest(&rows).to_owned();
    Ok(Check { baseline: name, rows, verdict })
}

/// Whether its load was the one that was asked for: a limit on errors allows some, but not a load that broke.
fn is_measured(cell: &Cell) -> bool {
    cell.requests > 0 && !cell.error_kinds.keys().any(|kind| LOAD_FAILED.contains(&&**kind))
}

/// A cell in a few words. Of a scenario's, which phase it is: others may have the same load.
pub(crate) fn name(cell: &Cell) -> String {
    let phase = cell.phase.as_ref().map_or_else(String::new, |phase| format!(" {phase}"));
    format!("{} {}{phase} {} x {}", cell.transport, cell.stack, load(cell), size_text(cell.payload_bytes))
}

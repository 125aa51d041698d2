//! The verdict on one trial: whether the service level held.

use listenrain_results::{Cell, Trial};

use crate::judge::goals::Limit;
use crate::judge::late::{Ruling, late};

pub(super) const HOLDS: &str = "holds";
pub(super) const MISSED: &str = "missed";
pub(super) const UNCLEAR: &str = "unclear";
pub(super) const GENERATOR_LIMITED: &str = "generator-limited";

/// A trial judged.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) trial: Trial,
    /// Whether what was seen is within every limit, sure or not: the way that a search goes on.
    pub(super) looks_well: bool,
}

impl Judged {
    pub(super) fn holds(&self) -> bool {
        self.trial.verdict == HOLDS
    }
}

/// Judges `cell`, at which `rate` requests a second were intended, by every limit.
///
/// It holds only where the exact binomial bounds of each share say so with 95 %; what was dropped or failed took too long.
pub(super) fn judge(rate: f64, cell: &Cell, slo: &[Limit]) -> Judged {
    let verdicts: Vec<_> = slo.iter().map(|limit| limited(cell, limit)).collect();
    let (verdict, why) = if cell.generator_limited {
        let why = "the generator lagged: a server's times can't be told at this rate".to_owned();
        (GENERATOR_LIMITED, why)
    } else {
        let of = |verdict: &str| verdicts.iter().find(|(one, ..)| *one == verdict);
        let gravest = of(MISSED).or_else(|| of(UNCLEAR)).or_else(|| verdicts.first());
        gravest.map_or((HOLDS, String::new()), |(verdict, _, why)| (*verdict, why.clone()))
    };
    let looks_well = !cell.generator_limited && verdicts.iter().all(|(_, looks_well, _)| *looks_well);
    let trial = Trial {
        rate,
        achieved: cell.tps,
        duration_s: cell.duration_s,
        response_us: cell.response_us.unwrap_or_default(),
        send_lag_us: cell.send_lag_us.unwrap_or_default(),
        dropped: cell.lost() - cell.errors,
        errors: cell.errors,
        verdict: verdict.to_owned(),
        why,
    };
    Judged { trial, looks_well }
}

/// The verdict by one limit, whether what was seen is within it, and why.
fn limited(cell: &Cell, limit: &Limit) -> (&'static str, bool, String) {
    let late = match late(cell, limit) {
        Ok(late) => late,
        Err(why) => return (MISSED, false, why),
    };
    let verdict = match late.ruling() {
        Ruling::Holds => HOLDS,
        Ruling::Missed => MISSED,
        Ruling::Unclear => UNCLEAR,
    };
    (verdict, late.share() <= late.allowed, late.text(limit))
}

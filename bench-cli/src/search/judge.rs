//! Whether a service level held in a trial.

use listenrain_results::{Cell, Trial};

use crate::check::goals::{Limit, Metric};
use crate::meter::histogram;
use crate::stats::{LEVEL, share};

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
        let of = |verdict: &str| verdicts.iter().find(|one| one.verdict == verdict);
        let gravest = of(MISSED).or_else(|| of(UNCLEAR)).or_else(|| verdicts.first());
        gravest.map_or((HOLDS, String::new()), |one| (one.verdict, one.why.clone()))
    };
    let looks_well = !cell.generator_limited && verdicts.iter().all(|one| one.looks_well);
    let trial = Trial {
        rate,
        achieved: cell.tps,
        duration_s: cell.duration_s,
        response_us: cell.response_us.unwrap_or_default(),
        send_lag_us: cell.send_lag_us.unwrap_or_default(),
        dropped: dropped(cell),
        errors: cell.errors,
        verdict: verdict.to_owned(),
        why,
    };
    Judged { trial, looks_well }
}

struct OfLimit {
    verdict: &'static str,
    looks_well: bool,
    why: String,
}

fn limited(cell: &Cell, limit: &Limit) -> OfLimit {
    let lost = dropped(cell) + cell.errors;
    let counted = match limit.metric {
        Metric::Errors => Ok((lost, cell.requests + lost, limit.value)),
        metric => over(cell, limit.value)
            .map(|(over, all)| (over + lost, all + lost, 1.0 - metric.quantile().unwrap_or(1.0))),
    };
    let (bad, all, allowed) = match counted {
        Ok(counted) => counted,
        Err(why) => return OfLimit { verdict: MISSED, looks_well: false, why },
    };
    if all == 0 {
        let why = "no request was answered".to_owned();
        return OfLimit { verdict: MISSED, looks_well: false, why };
    }
    let share = bad as f64 / all as f64;
    // Of the longest there is nothing to estimate: it was within or it was not.
    let verdict = if allowed == 0.0 {
        if bad == 0 { HOLDS } else { MISSED }
    } else if share::at_most(bad, all, LEVEL) <= allowed {
        HOLDS
    } else if share::at_least(bad, all, LEVEL) > allowed {
        MISSED
    } else {
        UNCLEAR
    };
    let why = format!("{}: {:.4} % of {all} are beyond it", limit.text, share * 100.0);
    OfLimit { verdict, looks_well: share <= allowed, why }
}

/// How many responses took longer than `limit_us`, of how many.
fn over(cell: &Cell, limit_us: f64) -> Result<(u64, u64), String> {
    let text = cell.histograms.response.as_deref();
    let text = text.ok_or_else(|| match cell.error_samples.first() {
        Some(said) => format!("not measured: {said}"),
        None => "it has no response times".to_owned(),
    })?;
    let counts = histogram::from_text(text)?;
    let limit_ns = (limit_us * 1e3) as u64;
    let over = counts.iter_recorded().filter(|value| value.value_iterated_to() > limit_ns);
    Ok((over.map(|value| value.count_at_value()).sum(), counts.len()))
}

fn dropped(cell: &Cell) -> u64 {
    cell.open_loop.as_ref().map_or(0, |open| open.dropped)
}

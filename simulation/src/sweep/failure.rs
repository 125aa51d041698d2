//! A failed run, how to replay it, and its smallest plan.

use std::fmt;
use std::sync::Arc;

use super::{Cell, Ran, Shrunk, Stop, Within, run, run_twice, shrink};
use crate::faults::FaultPlan;
use crate::stack::Stack;

/// A run that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What was played.
    pub plan: FaultPlan,
    /// What was not as it must be.
    pub violations: Vec<String>,
    /// The hash of its trace.
    pub trace_hash: u64,
    /// The command that plays it again.
    pub replay: String,
    /// The smallest plan that still fails; `None` until it was looked for.
    pub smallest: Option<Shrunk>,
    /// What is not as it must be when that is played.
    pub smallest_violations: Vec<String>,
    /// It was played twice, so that it may be the second time alone that gave it away.
    twice: bool,
}

/// How often a plan is played before it counts as one that does not fail, where a network is not deterministic.
const TRIES: usize = 3;

impl Failure {
    /// That `ran` failed, which was played `twice`. `command` is what stands before the flags of its replay.
    pub(super) fn new(ran: Ran, twice: bool, command: &str) -> Self {
        let FaultPlan { seed, scenario, network, .. } = &ran.plan;
        let replay = format!("{command} --seed {seed} --scenario {scenario} --network {network}");
        Self {
            replay,
            violations: ran.violations,
            trace_hash: ran.trace.hash(),
            smallest: None,
            smallest_violations: Vec::new(),
            twice,
            plan: ran.plan,
        }
    }

    /// Looks for the smallest plan that still fails in `cell`, until `stop` at most. A run has failed as this one where
    /// `is_alike` its violations.
    pub(super) fn shrink(
        &mut self,
        cell: &Cell,
        stack: &Arc<dyn Stack>,
        within: Within,
        stop: &Stop,
        is_alike: impl Fn(&[String]) -> bool,
    ) {
        let play = if self.twice { run_twice } else { run };
        let tries = if cell.network.is_deterministic() { 1 } else { TRIES };
        let mut violations = self.violations.clone();
        let mut smallest = shrink(&self.plan, within, |plan| {
            let fails = |_| {
                let ran = (!stop.is_set()).then(|| play(plan, cell, stack))?;
                is_alike(&ran.violations).then_some(ran.violations)
            };
            match (0..tries).find_map(fails) {
                Some(found) => {
                    violations = found;
                    true
                }
                None => false,
            }
        });
        smallest.is_cut_short |= stop.is_set();
        (self.smallest, self.smallest_violations) = (Some(smallest), violations);
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "FAILED: {}", self.plan)?;
        write_violations(f, &self.violations)?;
        writeln!(f, "  again: {}", self.replay)?;
        let Some(Shrunk { plan, tries, is_cut_short }) = &self.smallest else { return Ok(()) };
        let tried = match is_cut_short {
            true => format!("so far, in {tries} tries"),
            false => format!("found in {tries} tries"),
        };
        if *plan == self.plan {
            return writeln!(f, "  no smaller plan fails ({tried})");
        }
        writeln!(f, "  the smallest plan that fails ({tried}):")?;
        for line in plan.to_string().lines() {
            writeln!(f, "    {line}")?;
        }
        write_violations(f, &self.smallest_violations)
    }
}

/// What is the same in violations that differ in their numbers alone: their first words that have no digit.
pub(super) fn kind_of(violation: &str) -> Vec<&str> {
    let words = violation.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
    words.take(4).collect()
}

/// Whether one of `violations` is of the same kind as one of `others`.
pub(super) fn is_alike(violations: &[String], others: &[String]) -> bool {
    let kinds: Vec<_> = others.iter().map(|other| kind_of(other)).collect();
    violations.iter().any(|violation| kinds.contains(&kind_of(violation)))
}

/// Most violations of a run that are written for people; a report has all of them.
const SHOWN: usize = 5;

fn write_violations(f: &mut fmt::Formatter<'_>, violations: &[String]) -> fmt::Result {
    violations.iter().take(SHOWN).try_for_each(|violation| writeln!(f, "  - {violation}"))?;
    match violations.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(f, "  - and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_alike_where_their_numbers_alone_differ() {
        // Broken by a search that ends at another mistake than the one it began with.
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let first =
            texts(&["call 7 was given the reply to 8", "call 9 ended after 1.2s, its deadline was 1s"]);
        assert!(is_alike(&texts(&["call 1 ended after 900ms, its deadline was 400ms"]), &first));
        assert!(!is_alike(&texts(&["nothing went wrong, and call 4 ended as lost"]), &first));
        assert!(!is_alike(&[], &first));
    }
}

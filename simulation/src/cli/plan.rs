//! The trials of a session, from names and patterns.

use super::choose::{self, named};
use crate::conformance::{Case, cases};
use crate::faults::Hardship;
use crate::registry::Subjects;

/// What a command line asks for.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) transports: Vec<String>,
    pub(super) cases: Vec<&'static Case>,
    pub(super) hardships: Vec<Option<Hardship>>,
}

impl Plan {
    /// Every trial, transport by transport, hardship by hardship. Cases that are not about a transport are left out.
    pub(super) fn trials(&self, registry: &Subjects) -> Vec<(&str, Option<Hardship>, &'static Case)> {
        let mut trials = Vec::new();
        for transport in &self.transports {
            let Some(subject) = registry.get(transport).map(|make| make()) else { continue };
            for hardship in &self.hardships {
                let cases = self.cases.iter().filter(|case| {
                    let is_hard = hardship.is_none_or(|hardship| case.hardships.contains(&hardship));
                    case.is_about(subject.name()) && is_hard
                });
                trials.extend(cases.map(|case| (transport.as_str(), *hardship, *case)));
            }
        }
        trials
    }
}

/// The transports of `registry` that are named.
///
/// # Errors
///
/// As [`named`].
pub(super) fn transports(given: &[String], registry: &Subjects) -> Result<Vec<String>, String> {
    named("--transport", given, registry.names().map(str::to_owned), |name| name)
}

/// The cases whose ids match one of the patterns.
///
/// # Errors
///
/// As [`named`].
pub(super) fn matching(patterns: &[String]) -> Result<Vec<&'static Case>, String> {
    choose::matching("--case", patterns, cases(), |case| case.id, matches)
}

/// The hardships that are named; `none` is to be without.
///
/// # Errors
///
/// As [`named`].
pub(super) fn hardships(given: &[String]) -> Result<Vec<Option<Hardship>>, String> {
    let all = std::iter::once(None).chain(Hardship::ALL.map(Some));
    named("--hardship", given, all, |hardship| hardship.map_or("none", Hardship::name))
}

/// Whether `id` is the pattern, or begins with what stands in front of its `*`.
fn matches(pattern: &str, id: &str) -> bool {
    let pattern = pattern.to_ascii_uppercase();
    pattern.strip_suffix('*').map_or(pattern == id, |front| id.starts_with(front))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn patterns_choose_cases_in_their_order() {
        let chosen = |patterns: &[&str]| matching(&owned(patterns)).unwrap();
        assert_eq!(chosen(&["B01", "a01"]).iter().map(|case| case.id).collect::<Vec<_>>(), ["A01", "B01"]);
        assert!(chosen(&["a*"]).iter().all(|case| case.group() == 'A'));
        assert_eq!(chosen(&["*", "A01"]).len(), cases().count());
    }

    #[test]
    fn a_case_is_planned_under_the_hardships_that_change_something_for_it() {
        let plan = Plan {
            transports: owned(&["tcp", "channel"]),
            cases: matching(&owned(&["A01", "B01"])).unwrap(),
            hardships: hardships(&owned(&["none", "short-writes", "pending-storms"])).unwrap(),
        };
        let registry = Subjects::ours();
        let trials = plan.trials(&registry);
        assert_eq!(trials.len(), 6);
        let hard: Vec<_> = trials
            .iter()
            .filter_map(|(_, hardship, case)| Some((*hardship)?.name()).zip(Some(case.id)))
            .collect();
        assert_eq!(hard, [("short-writes", "B01"); 2]);
    }

    #[test]
    fn cases_of_other_transports_are_not_planned() {
        // Broken by a matrix that counts as skipped what says nothing of a transport.
        let plan = Plan {
            transports: owned(&["tcp", "channel"]),
            cases: matching(&owned(&["F*", "G*"])).unwrap(),
            hardships: hardships(&owned(&["all"])).unwrap(),
        };
        let registry = Subjects::ours();
        let trials = plan.trials(&registry);
        let schemes_of = |name: &str| -> BTreeSet<_> {
            let here = trials.iter().filter(|(transport, ..)| *transport == name);
            here.flat_map(|(.., case)| case.only.iter().copied()).collect()
        };
        assert_eq!(schemes_of("tcp"), BTreeSet::from(["tcp"]));
        assert_eq!(schemes_of("channel"), BTreeSet::from(["channel"]));
    }
}

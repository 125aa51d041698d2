//! The trials of a session, from names and patterns.

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

/// The transports of `registry` that are named, in its order; `all` is every one.
///
/// # Errors
///
/// A text that names the flag, the value and what there is.
pub(super) fn transports(named: &[String], registry: &Subjects) -> Result<Vec<String>, String> {
    let known: Vec<_> = registry.names().collect();
    check("--transport", named, &known, |name, known| name == "all" || name == known)?;
    let is_named = |known: &&str| named.iter().any(|name| name == "all" || name == known);
    Ok(known.into_iter().filter(is_named).map(str::to_owned).collect())
}

/// The cases whose ids match one of the patterns, in their order.
///
/// # Errors
///
/// As [`transports`].
pub(super) fn matching(patterns: &[String]) -> Result<Vec<&'static Case>, String> {
    let ids: Vec<_> = cases().map(|case| case.id).collect();
    check("--case", patterns, &ids, matches)?;
    Ok(cases().filter(|case| patterns.iter().any(|pattern| matches(pattern, case.id))).collect())
}

/// The hardships that are named, in their order; `none` is to be without, `all` is everything.
///
/// # Errors
///
/// As [`transports`].
pub(super) fn hardships(named: &[String]) -> Result<Vec<Option<Hardship>>, String> {
    let all = || std::iter::once(None).chain(Hardship::ALL.map(Some));
    let name_of = |hardship: Option<Hardship>| hardship.map_or("none", Hardship::name);
    let known: Vec<_> = all().map(name_of).collect();
    check("--hardship", named, &known, |name, known| name == "all" || name == known)?;
    let is_named =
        |hardship: &Option<Hardship>| named.iter().any(|name| name == "all" || name == name_of(*hardship));
    Ok(all().filter(is_named).collect())
}

/// Whether every value that was given means something.
///
/// # Errors
///
/// As [`transports`].
pub(super) fn check(
    flag: &str,
    given: &[String],
    known: &[&str],
    means: fn(&str, &str) -> bool,
) -> Result<(), String> {
    match given.iter().find(|value| !known.iter().any(|known| means(value, known))) {
        Some(value) => Err(format!("{flag}: there is no `{value}`; there are: {}", known.join(", "))),
        None => Ok(()),
    }
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
    fn what_does_not_exist_is_told_what_does() {
        for told in [
            matching(&owned(&["A01", "Z*"])).unwrap_err(),
            hardships(&owned(&["rain"])).unwrap_err(),
            transports(&owned(&["pigeon"]), &Subjects::ours()).unwrap_err(),
        ] {
            let (flag, there) = told.split_once(": there is no `").unwrap();
            let expected = match flag {
                "--case" => "Z*`; there are: A01, ",
                "--hardship" => "rain`; there are: none, one-byte-reads, ",
                _ => "pigeon`; there are: tcp, ",
            };
            assert!(there.starts_with(expected), "{told}");
        }
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

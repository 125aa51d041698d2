//! Fault plans: all that goes wrong in one run, as data.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Fault, FaultKind};

/// What one run is: its seed, what is done in it, and what goes wrong.
///
/// With the same plan the same thing happens, on every machine, wherever the network is simulated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// Decides every random choice but those that stand here.
    pub seed: u64,
    /// The scenario's name.
    pub scenario: String,
    /// The network's name.
    #[serde(rename = "world")]
    pub network: String,
    /// How many calls the load makes. Default in a file: what the seed says.
    #[serde(default)]
    pub calls: usize,
    /// When what does not [stay](Fault::stays) is healed. Unit: milliseconds of the run.
    pub heal_ms: u64,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// A plan that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {why}")]
#[non_exhaustive]
pub struct PlanError {
    /// Where in its text, counted from 1.
    pub line: usize,
    /// Where in that line, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub why: String,
}

impl FaultPlan {
    /// Longest run that a plan may ask for.
    pub const LONGEST: Duration = Duration::from_secs(600);
    /// Most faults of a plan.
    pub const MOST_FAULTS: usize = 1000;
    /// Most calls of a plan.
    pub const MOST_CALLS: usize = 100_000;

    /// The plan that stands in `text`, as JSON.
    ///
    /// # Errors
    ///
    /// Where it is not JSON, or says something that a plan does not have, or too much of it.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let plan: Self = serde_json::from_str(text).map_err(|error| PlanError {
            line: error.line().max(1),
            // At the end of a text there is no column any more.
            column: error.column().max(1),
            why: said(&error),
        })?;
        plan.check().map_err(|(key, why)| {
            let (line, column) = find(text, key);
            PlanError { line, column, why }
        })?;
        Ok(plan)
    }

    /// Its text, which [`parse`](Self::parse) reads back.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a plan is numbers and text")
    }

    /// When everything is healed that does not stay.
    #[must_use]
    pub fn heal(&self) -> Duration {
        Duration::from_millis(self.heal_ms)
    }

    /// The same with only these faults.
    #[must_use]
    pub fn with_faults(&self, faults: Vec<Fault>) -> Self {
        Self { faults, ..self.clone() }
    }

    /// The faults of `kind` that concern `server` and are on at `now`, with their places in the plan.
    pub fn active(
        &self,
        kind: FaultKind,
        server: usize,
        now: Duration,
    ) -> impl Iterator<Item = (usize, &Fault)> {
        let heal = self.heal();
        let concerned = self
            .faults
            .iter()
            .enumerate()
            .filter(move |(_, fault)| fault.kind == kind && fault.concerns(server));
        concerned
            .filter(move |(_, fault)| fault.begins() <= now && fault.ends(heal).is_none_or(|end| now < end))
    }

    /// The next time after `now` at which a fault begins or ends; `None` when none will.
    #[must_use]
    pub fn next_change(&self, now: Duration) -> Option<Duration> {
        let changes =
            self.faults.iter().flat_map(|fault| [Some(fault.begins()), fault.ends(self.heal())]).flatten();
        changes.filter(|change| *change > now).min()
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        for (key, what, value, most) in [
            ("heal_ms", "heal_ms", self.heal_ms, Self::LONGEST.as_millis() as u64),
            ("faults", "the number of faults", self.faults.len() as u64, Self::MOST_FAULTS as u64),
            ("calls", "calls", self.calls as u64, Self::MOST_CALLS as u64),
        ] {
            if value > most {
                return Err((key, format!("{what} is {value}, at most {most} is allowed")));
            }
        }
        Ok(())
    }
}

/// What serde says, without the place that it adds.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or_else(|| text.clone(), |(why, _)| why.to_owned())
}

/// Where `key` stands in `text`.
fn find(text: &str, key: &str) -> (usize, usize) {
    let quoted = format!("\"{key}\"");
    let found = text.lines().enumerate().find_map(|(line, text)| Some((line + 1, text.find(&quoted)? + 1)));
    found.unwrap_or((1, 1))
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}, scenario {}, network {}: {} calls, healed at {} ms",
            self.seed, self.scenario, self.network, self.calls, self.heal_ms
        )?;
        if self.faults.is_empty() {
            return f.write_str("\n  no fault");
        }
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> FaultPlan {
        let mut fault = Fault::new(FaultKind::Reset, Duration::from_millis(20), Duration::from_secs(1));
        (fault.server, fault.after_bytes) = (Some(1), 77);
        FaultPlan {
            seed: u64::MAX,
            scenario: "steady-load".to_owned(),
            network: "memory".to_owned(),
            calls: 9,
            heal_ms: 3000,
            faults: vec![fault],
        }
    }

    #[test]
    fn a_plan_reads_back_as_it_was_written() {
        assert_eq!(FaultPlan::parse(&plan().to_json()).unwrap(), plan());
    }

    #[test]
    fn what_is_wrong_in_a_file_is_told_with_its_place() {
        let good = plan().to_json();
        for (from, to, place, what) in [
            ("\"reset\"", "\"rest\"", (9, 20), "unknown variant `rest`"),
            ("\"heal_ms\": 3000", "\"heal_ms\": 600001", (6, 3), "at most 600000"),
            ("\"calls\"", "\"call\"", (5, 8), "unknown field `call`"),
            ("\"seed\": 18446744073709551615", "\"seed\": -1", (2, 12), "invalid value"),
            ("\"faults\"", "\"faults\" 1", (7, 12), "expected `:`"),
        ] {
            let error = FaultPlan::parse(&good.replacen(from, to, 1)).unwrap_err();
            assert!(error.why.contains(what), "{error}");
            assert_eq!((error.line, error.column), place, "{error}");
        }
    }
}

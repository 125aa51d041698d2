//! Everything that happens to one run from outside.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Fault;
use crate::scenario::Scenario;
use crate::world::World;

/// What one run is: its seed, what is done in it, and what goes wrong.
///
/// With the same plan the same thing happens, on every machine, wherever the world is simulated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// Decides every random choice but those that stand here.
    pub seed: u64,
    /// The scenario's name.
    pub scenario: String,
    /// The world's name.
    pub world: String,
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

    /// Whether all of it can happen in `scenario` on `world`.
    ///
    /// # Errors
    ///
    /// Which fault cannot, and why, for people to read.
    pub fn fits(&self, scenario: &Scenario, world: &dyn World) -> Result<(), String> {
        for (number, fault) in self.faults.iter().enumerate() {
            let kind = fault.kind;
            let which = |why: String| Err(format!("fault {number}, {kind}: {why}"));
            if !world.families().contains(&kind.family()) {
                return which(format!("cannot happen in {}", world.name()));
            }
            if let Some(server) = fault.server.filter(|server| *server >= scenario.servers) {
                let last = scenario.servers - 1;
                return which(format!("server is {server}, those of {} are 0 to {last}", scenario.name));
            }
            if kind.is_share() && fault.amount > 1000 {
                return which(format!("amount is {}, at most 1000 is allowed", fault.amount));
            }
            if !fault.stays && fault.begins() >= self.heal() {
                return which(format!("at_ms is {}, all is healed at {}", fault.at_ms, self.heal_ms));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        let longest = Self::LONGEST.as_millis() as u64;
        if self.heal_ms > longest {
            return Err(("heal_ms", format!("heal_ms is {}, at most {longest} is allowed", self.heal_ms)));
        }
        if self.faults.len() > Self::MOST_FAULTS {
            let (count, most) = (self.faults.len(), Self::MOST_FAULTS);
            return Err(("faults", format!("{count} faults, at most {most} are allowed")));
        }
        if self.calls > Self::MOST_CALLS {
            let (count, most) = (self.calls, Self::MOST_CALLS);
            return Err(("calls", format!("calls is {count}, at most {most} is allowed")));
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
            "seed {}, scenario {}, world {}: {} calls, healed at {} ms",
            self.seed, self.scenario, self.world, self.calls, self.heal_ms
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
    use crate::fault::FaultKind;
    use crate::world::Local;

    fn plan() -> FaultPlan {
        let mut fault = Fault::new(FaultKind::Reset, Duration::from_millis(20), Duration::from_secs(1));
        (fault.server, fault.after_bytes) = (Some(1), 77);
        FaultPlan {
            seed: u64::MAX,
            scenario: "steady-load".to_owned(),
            world: "memory".to_owned(),
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
    fn a_fault_that_cannot_happen_is_told_with_what_can() {
        let scenario = Scenario::quiet("steady-load", "for this test");
        let fits = |change: fn(&mut Fault)| {
            let mut plan = plan();
            plan.faults[0].server = Some(0);
            change(&mut plan.faults[0]);
            plan.fits(&scenario, &Local::memory())
        };
        assert_eq!(fits(|_| ()), Ok(()));
        for (change, told) in [
            ((|fault| fault.kind = FaultKind::Partition) as fn(&mut Fault), "cannot happen in memory"),
            (|fault| fault.server = Some(1), "server is 1, those of steady-load are 0 to 0"),
            (|fault| (fault.kind, fault.amount) = (FaultKind::Storm, 1001), "at most 1000 is allowed"),
            (|fault| fault.at_ms = 3000, "all is healed at 3000"),
        ] {
            let why = fits(change).unwrap_err();
            assert!(why.contains(told), "{why}");
        }
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

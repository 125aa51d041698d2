//! The report of a batch as JSON.

use serde::Serialize;

use crate::cli::report::Environment;
use crate::faults::FaultPlan;
use crate::sweep::{Covered, Failure, Swept};

/// Version of this schema. It grows by one whenever a reader of the last one could go wrong.
const SCHEMA: u32 = 1;

/// `swept` as a document.
pub(super) fn json(swept: &Swept) -> String {
    let json = serde_json::to_string_pretty(&Report::of(swept)).expect("a report has only texts and numbers");
    format!("{json}\n")
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    schema: u32,
    environment: Environment,
    /// The first seed, and the one after the last.
    seeds: [u64; 2],
    runs: u64,
    compared: u64,
    calls: u64,
    most_bytes_of_one_run: Option<usize>,
    simulated_seconds: f64,
    real_seconds: f64,
    interrupted: bool,
    partial: bool,
    good: bool,
    missing: Vec<String>,
    cells: Vec<CellRuns<'a>>,
    faults: Vec<FaultCoverage>,
    situations: Vec<SituationCoverage<'a>>,
    failed: u64,
    failures: Vec<FailureReport<'a>>,
}

#[derive(Debug, Serialize)]
struct CellRuns<'a> {
    scenario: &'a str,
    #[serde(rename = "world")]
    network: &'a str,
    runs: u64,
}

#[derive(Debug, Serialize)]
struct FaultCoverage {
    kind: &'static str,
    enabled: u64,
    happened: u64,
}

#[derive(Debug, Serialize)]
struct SituationCoverage<'a> {
    scenario: &'a str,
    situation: String,
    possible: u64,
    happened: u64,
}

#[derive(Debug, Serialize)]
struct FailureReport<'a> {
    plan: &'a FaultPlan,
    violations: &'a [String],
    trace_hash: String,
    replay: &'a str,
    smallest: Option<SmallestReport<'a>>,
}

#[derive(Debug, Serialize)]
struct SmallestReport<'a> {
    plan: &'a FaultPlan,
    violations: &'a [String],
    tries: usize,
    cut_short: bool,
}

impl<'a> Report<'a> {
    fn of(swept: &'a Swept) -> Self {
        let coverage = &swept.coverage;
        let cell = |((scenario, network), runs): (&'a (&'static str, String), &u64)| CellRuns {
            scenario,
            network,
            runs: *runs,
        };
        let fault = |(kind, covered): (&crate::faults::FaultKind, &Covered)| FaultCoverage {
            kind: kind.name(),
            enabled: covered.possible,
            happened: covered.happened,
        };
        let situations = coverage.situations.iter();
        Self {
            schema: SCHEMA,
            environment: Environment::here(),
            seeds: [swept.seeds.start, swept.seeds.end],
            runs: swept.runs,
            compared: swept.compared,
            calls: swept.calls,
            most_bytes_of_one_run: swept.memory,
            simulated_seconds: swept.simulated.as_secs_f64(),
            real_seconds: swept.took.as_secs_f64(),
            interrupted: swept.is_interrupted,
            partial: swept.is_partial,
            good: swept.is_good(),
            missing: coverage.missing().map(|missing| missing.to_string()).collect(),
            cells: coverage.cells.iter().map(cell).collect(),
            faults: coverage.faults.iter().map(fault).collect(),
            situations: situations
                .map(|((scenario, situation), covered)| SituationCoverage {
                    scenario,
                    situation: situation.to_string(),
                    possible: covered.possible,
                    happened: covered.happened,
                })
                .collect(),
            failed: swept.failed,
            failures: swept.failures.iter().map(FailureReport::of).collect(),
        }
    }
}

impl<'a> FailureReport<'a> {
    fn of(failure: &'a Failure) -> Self {
        let smallest = failure.smallest.as_ref().map(|smallest| SmallestReport {
            plan: &smallest.plan,
            violations: &failure.smallest_violations,
            tries: smallest.tries,
            cut_short: smallest.is_cut_short,
        });
        Self {
            plan: &failure.plan,
            violations: &failure.violations,
            trace_hash: format!("{:016x}", failure.trace_hash),
            replay: &failure.replay,
            smallest,
        }
    }
}

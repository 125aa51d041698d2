//! The report of a batch as JSON.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::report::Environment;
use crate::sweep::{Failure, Swept};

/// Version of this schema. It grows by one whenever a reader of the last one could go wrong.
const SCHEMA: u32 = 1;

/// `swept` as a document.
pub(super) fn of(swept: &Swept) -> impl Serialize + '_ {
    let coverage = &swept.coverage;
    Report {
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
        cells: (coverage.cells.iter())
            .map(
                |((scenario, network), runs)| json!({ "scenario": scenario, "world": network, "runs": runs }),
            )
            .collect(),
        faults: (coverage.faults.iter())
            .map(|(kind, seen)| json!({ "kind": kind, "enabled": seen.possible, "happened": seen.happened }))
            .collect(),
        situations: (coverage.situations.iter())
            .map(|((scenario, situation), seen)| {
                let situation = situation.to_string();
                json!({ "scenario": scenario, "situation": situation, "possible": seen.possible,
                    "happened": seen.happened })
            })
            .collect(),
        failed: swept.failed,
        failures: swept.failures.iter().map(failure).collect(),
    }
}

#[derive(Debug, Serialize)]
struct Report {
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
    cells: Vec<Value>,
    faults: Vec<Value>,
    situations: Vec<Value>,
    failed: u64,
    failures: Vec<Value>,
}

fn failure(failure: &Failure) -> Value {
    let smallest = failure.smallest.as_ref().map(|smallest| {
        json!({ "plan": smallest.plan, "violations": failure.smallest_violations, "tries": smallest.tries,
            "cut_short": smallest.is_cut_short })
    });
    json!({
        "plan": failure.plan,
        "violations": failure.violations,
        "trace_hash": format!("{:016x}", failure.trace_hash),
        "replay": failure.replay,
        "smallest": smallest,
    })
}

//! The report of a batch as JSON.

use serde_json::{Value, json};

use crate::cli::report::Environment;
use crate::sweep::{Covered, Failure, Swept};

/// Version of this schema. It grows by one whenever a reader of the last one could go wrong.
const SCHEMA: u32 = 1;

/// `swept` as a document.
pub(super) fn of(swept: &Swept) -> Value {
    let coverage = &swept.coverage;
    let missing: Vec<_> = coverage.missing().map(|missing| missing.to_string()).collect();
    let cells = (coverage.cells.iter())
        .map(|((scenario, network), runs)| json!({ "scenario": scenario, "world": network, "runs": runs }));
    let faults = (coverage.faults.iter())
        .map(|(kind, seen)| json!({ "kind": kind, "enabled": seen.possible, "happened": seen.happened }));
    let situations = (coverage.situations.iter()).map(|((scenario, situation), seen)| {
        let (situation, Covered { possible, happened, .. }) = (situation.to_string(), seen);
        json!({ "scenario": scenario, "situation": situation, "possible": possible, "happened": happened })
    });
    json!({
        "schema": SCHEMA,
        "environment": Environment::here(),
        // The first seed, and the one after the last.
        "seeds": [swept.seeds.start, swept.seeds.end],
        "runs": swept.runs,
        "compared": swept.compared,
        "calls": swept.calls,
        "most_bytes_of_one_run": swept.memory,
        "simulated_seconds": swept.simulated.as_secs_f64(),
        "real_seconds": swept.took.as_secs_f64(),
        "interrupted": swept.is_interrupted,
        "partial": swept.is_partial,
        "good": swept.is_good(),
        "missing": missing,
        "cells": cells.collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
        "situations": situations.collect::<Vec<_>>(),
        "failed": swept.failed,
        "failures": swept.failures.iter().map(failure).collect::<Vec<_>>(),
    })
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

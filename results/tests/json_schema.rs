//! The published JSON Schema is the code's, and every run is valid by it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use listenrain_results::{
    BlockSample, Cell, Check, CheckRow, Comparison, ComparisonRow, Env, HostCpu, Interval, Launch, OpenLoop,
    Precision, Run, Search, Series, Steadiness, Store, Times, Trial, Usage, Usages, Workers, json_schema,
};
use serde_json::Value;

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn validator() -> jsonschema::Validator {
    let text = fs::read_to_string(home().join("schema/run-2.schema.json")).expect("the published schema");
    jsonschema::validator_for(&serde_json::from_str(&text).expect("JSON")).expect("a JSON Schema")
}

fn errors(run: &Value) -> Vec<String> {
    let validator = validator();
    validator.iter_errors(run).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// A run with something in every part that a file can have.
fn full() -> Run {
    let times = Times { count: 9, p50: Some(1.5), max: 3.0, ..Times::default() };
    let usage = Usage { user_s: 0.5, rss_peak_mib: Some(6.0), voluntary_switches: 7, ..Usage::default() };
    let cell = Cell {
        transport: "tcp".to_owned(),
        requests: 9,
        tps: 1.5,
        error_kinds: BTreeMap::from([("timeout".to_owned(), 1)]),
        open_loop: Some(OpenLoop { rate: 5.0, ..OpenLoop::default() }),
        response_us: Some(times),
        usage: Usages { both: Some(usage), client: Some(usage), server: None },
        host: Some(HostCpu::default()),
        steadiness: Some(Steadiness { steady: Some(true), ..Steadiness::default() }),
        series: Series { tps: vec![1.0, 2.0], ..Series::default() },
        launches: vec![Launch { service_us: times, ..Launch::default() }],
        tps_interval: Some(Interval { mean: 1.0, low: 0.9, high: 1.1, n: 5 }),
        precision: Some(Precision { wanted: 0.025, got: 0.068, reached: false }),
        simulated: Some(7),
        ..Cell::default()
    };
    let mut run = Run::new(Env { dirty: Some(true), ..Env::default() }, vec![cell, Cell::default()]);
    run.comparison = Some(Comparison {
        rows: vec![ComparisonRow { ratio: Some(1.1), ..ComparisonRow::default() }],
        samples: vec![BlockSample {
            metrics: BTreeMap::from([("tps".to_owned(), 1.0)]),
            ..BlockSample::default()
        }],
        ..Comparison::default()
    });
    run.searches = vec![Search { trials: vec![Trial::default()], ..Search::default() }];
    run.check = Some(Check { rows: vec![CheckRow::default()], ..Check::default() });
    run.workers = Some(Workers { missing: vec![3], ..Workers::default() });
    run
}

#[test]
fn the_published_schema_is_the_codes() {
    let file = home().join("schema/run-2.schema.json");
    let published = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        published == json_schema(),
        "{} differs from the code; write it anew with `cargo run -p bench-cli -- schema > {}`",
        file.display(),
        file.display()
    );
}

#[test]
fn every_recorded_run_and_a_fresh_one_are_valid_by_it() {
    let store = Store::new(home().join("runs"));
    let ids = store.ids().unwrap();
    assert!(!ids.is_empty());
    for id in ids {
        let text = fs::read_to_string(home().join("runs").join(&id).join("run.json")).unwrap();
        let wrong = errors(&serde_json::from_str(&text).unwrap());
        assert!(wrong.is_empty(), "{id}: {wrong:?}");
    }
    let wrong = errors(&serde_json::from_str(&full().to_json()).unwrap());
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn what_is_no_run_is_not_valid_by_it() {
    for (at, value) in [
        ("/cells/0/parallel", Value::from("one")),
        ("/cells/0/service_us/max", Value::Null),
        ("/comparison/rows/0/verdict", Value::from("splendid")),
        ("/cells", Value::from(1)),
    ] {
        let mut run: Value = serde_json::from_str(&full().to_json()).unwrap();
        *run.pointer_mut(at).unwrap() = value;
        assert!(!errors(&run).is_empty(), "{at}");
    }
}

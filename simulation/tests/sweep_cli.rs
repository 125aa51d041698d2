//! `sweep`, `replay` and `list`, as a user runs them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::program::{broken_tool, run, text, tool};
use listenrain_simulation::{network, scenario};
use serde_json::Value;

#[test]
fn a_few_seeds_are_well_as_a_part_and_lack_coverage_as_a_whole() {
    let part = run("sweep --seeds 0..4 --scenario link-loss --network memory --partial --json -");
    assert_eq!(part.status.code(), Some(0), "{part:?}");
    let report: Value = serde_json::from_slice(&part.stdout).unwrap();
    assert_eq!((&report["schema"], &report["runs"], &report["good"]), (&1.into(), &4.into(), &true.into()));
    assert_eq!(
        report["cells"],
        serde_json::json!([{ "scenario": "link-loss", "world": "memory", "runs": 4 }])
    );
    let missing: Vec<_> =
        report["missing"].as_array().unwrap().iter().map(|what| what.as_str().unwrap()).collect();
    assert!(!missing.is_empty(), "four runs cannot have had everything happen");

    let whole = run("sweep --seeds 0..4 --scenario link-loss --network memory");
    assert_eq!(whole.status.code(), Some(1), "{whole:?}");
    let told = text(&whole.stdout);
    assert!(told.contains("4 of the 4 seeds 0..4") && told.contains("seeds/s"), "{told}");
    assert!(told.contains("times real time") && told.contains("no run failed"), "{told}");
    let line = told.lines().find(|line| line.starts_with("MISSING")).unwrap();
    assert!(missing.iter().all(|what| line.contains(what)) && line.contains("--partial"), "{line}");
}

#[test]
fn one_seed_gives_the_same_trace_in_every_process() {
    // Broken by anything that is random once a process, such as the keys of a hash map or addresses of memory.
    for network in network::all().into_iter().filter(|network| network.is_deterministic()) {
        let line = format!("replay --seed 7 --scenario link-loss --network {} --trace", network.name());
        let (first, second) = (run(&line), run(&line));
        assert_eq!(first.status.code(), Some(0), "{first:?}");
        let without_real_time = |output: &Output| {
            let told = text(&output.stdout);
            told.lines().filter(|line| !line.contains("of real time")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(without_real_time(&first), without_real_time(&second));
        let told = text(&first.stdout);
        assert!(
            told.contains("seed 7, scenario link-loss, network ") && told.contains("played twice, identical")
        );
        let number = told.split(" events").next().and_then(|front| front.rsplit(' ').next()).unwrap();
        let events =
            told.lines().filter(|line| line.contains(" party ") || line.contains(" run      ")).count();
        assert_eq!(number.parse(), Ok(events), "{told}");
    }
}

#[test]
fn a_faulty_stack_fails_with_a_plan_that_a_file_replays() {
    let output =
        broken_tool("replay --seed 0 --scenario lr03-a-lost-link-is-told --network memory").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).contains("FAILED\n  - call "), "{output:?}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    let plan = r#"{ "seed": 0, "scenario": "lr03-a-lost-link-is-told", "world": "memory", "calls": 13, "heal_ms": 2500,
        "faults": [{ "kind": "reset", "at_ms": 717, "for_ms": 1000 }] }"#;
    std::fs::write(&file, plan).unwrap();
    let replay = |mut tool: Command| tool.arg(&file).output().unwrap();
    let faulty = replay(broken_tool("replay --plan"));
    assert_eq!(faulty.status.code(), Some(1), "{faulty:?}");
    assert!(text(&faulty.stdout).contains("reset at 717 ms for 1000 ms"), "{faulty:?}");
    let sound = replay(tool("replay --plan"));
    assert!(sound.status.success() && text(&sound.stdout).contains("all is as it must be"), "{sound:?}");
}

#[test]
fn wrong_usage_is_told_what_there_is_before_anything_is_run() {
    let names = |names: Vec<String>| names.join(", ");
    let scenarios = names(scenario::all().iter().map(|scenario| scenario.name.to_owned()).collect());
    let networks = names(network::all().iter().map(|network| network.name().to_owned()).collect());
    for (line, told) in [
        ("sweep --scenario rain", format!("--scenario: there is no `rain`; there are: {scenarios}\n")),
        ("sweep --network mars", format!("--network: there is no `mars`; there are: {networks}\n")),
        (
            "sweep --scenario lossy-network --network memory",
            "none of these scenarios can be played".to_owned(),
        ),
        ("sweep --seeds 7", "a range is A..B, such as 0..500".to_owned()),
        ("sweep --jobs 0", "1..=256".to_owned()),
        ("sweep --json /nowhere/at/all.json", "--json: cannot write /nowhere/at/all.json".to_owned()),
        ("replay --seed 1 --scenario all --network memory", "--scenario: there is no `all`".to_owned()),
        ("replay --seed 1 --scenario steady-load --network moon", format!("`moon`; there are: {networks}\n")),
        ("replay --seed 1", "--scenario".to_owned()),
        ("replay --seed 1 --plan x.json", "cannot be used with".to_owned()),
        (
            "replay --plan /nowhere/plan.json",
            "--plan: cannot read /nowhere/plan.json: No such file".to_owned(),
        ),
    ] {
        let output = run(line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        assert!(text(&output.stderr).contains(&told), "{line}: {output:?}");
    }
}

#[test]
fn a_plan_that_does_not_parse_is_told_where() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    for (plan, told) in [
        ("{ \"seed\": 1,\n  \"seeds\": 2 }", ":2:9: unknown field `seeds`"),
        ("{ \"seed\": 1", ":1:11: EOF"),
        ("[]", ":1:2: invalid length 0"),
        (
            r#"{ "seed": 1, "scenario": "rain", "world": "memory", "heal_ms": 1, "faults": [] }"#,
            ": --scenario: there is no `rain`",
        ),
        (
            "{ \"seed\": 1, \"scenario\": \"steady-load\", \"world\": \"memory\",\n\"heal_ms\": 600001, \"faults\": [] }",
            ":2:1: heal_ms is 600001",
        ),
    ] {
        std::fs::write(&file, plan).unwrap();
        let output = tool("replay --plan").arg(&file).output().unwrap();
        let expected = format!("--plan: {}{told}", file.display());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(&expected), "{expected}: {output:?}");
    }
}

#[test]
fn a_list_has_every_scenario_network_and_fault() {
    let output = run("list --json -");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = text(&output.stderr);
    for scenario in scenario::all() {
        let entry = list["scenarios"].as_array().unwrap().iter().find(|entry| entry["name"] == scenario.name);
        let networks = network::all();
        let here: Vec<_> = networks
            .iter()
            .filter(|network| scenario.applies_to(&***network))
            .map(|network| network.name())
            .collect();
        assert_eq!(entry.unwrap()["worlds"], serde_json::json!(here));
        let row = told.lines().find(|line| line.split_whitespace().next() == Some(scenario.name)).unwrap();
        assert!(row.ends_with(scenario.meaning) && row.matches(" yes ").count() == here.len(), "{row}");
    }
    let kinds = listenrain_simulation::faults::FaultKind::ALL;
    assert!(
        kinds.iter().all(|kind| told.contains(&format!("  {kind}  ")) && told.contains(kind.meaning())),
        "{told}"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupt_prints_what_was_covered() {
    // Its first line tells that it looks out for interrupts, and there are seeds for a day.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let mut command = tool("sweep --seeds 0..10000000 --scenario corruption --network memory --json");
    command.arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(
        told.next().unwrap().unwrap(),
        "sweeping 10000000 seeds; Ctrl-C ends it and prints what it covered"
    );
    let start = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(start.elapsed() < Duration::from_secs(20), "it went on after the interrupt");
    let printed = text(&output.stdout);
    assert!(printed.contains("of the 10000000 seeds") && printed.contains("interrupted: "), "{printed}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(report["interrupted"], true);
    assert!(report["runs"].as_u64().unwrap() < 10_000_000);
}

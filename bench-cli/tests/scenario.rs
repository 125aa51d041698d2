//! Scenario files from the outside: the examples, on real transports and in the simulation, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use listenrain_results::Run;

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 4, "{files:?}");
    files
}

fn scenario(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-cli"));
    command.arg("scenario").args(arguments).output().unwrap()
}

fn played(arguments: &[&str], json: &Path) -> (Run, Output) {
    let output = scenario(&[arguments, &["--quiet", "--force", "--json", json.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{output:?}");
    (Run::from_json(&fs::read_to_string(json).unwrap(), "the test").unwrap(), output)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn every_example_is_explained_and_simulated() {
    let folder = tempfile::tempdir().unwrap();
    for file in examples() {
        let path = file.to_str().unwrap();
        let check = scenario(&[path, "--check"]);
        assert!(check.status.success() && stdout(&check).contains("In all "), "{check:?}");
        let (run, output) = played(&[path, "--simulate", "7"], &folder.path().join("run.json"));
        let phases = fs::read_to_string(&file).unwrap().matches("[[phase]]").count();
        assert_eq!(run.cells.len(), phases, "{path}");
        assert!(run.cells.iter().all(|cell| cell.is_well() && cell.simulated == Some(7)), "{path}");
        assert!(stdout(&output).contains("simulated: every time is the model's, none a machine's"));
    }
}

#[test]
fn one_seed_writes_one_file_but_for_when_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = &examples()[0];
    let lines = |seed: &str| {
        let json = folder.path().join("run.json");
        played(&[file.to_str().unwrap(), "--simulate", seed], &json);
        let text = fs::read_to_string(json).unwrap();
        text.lines()
            .filter(|line| {
                !["\"started\"", "\"load_average\""].iter().any(|of| line.trim_start().starts_with(of))
            })
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let once = lines("3");
    assert!(once.len() > 100);
    assert_eq!(once, lines("3"));
    assert_ne!(once, lines("4"));
}

/// Phases of 300 ms, and a stall in the second.
fn short(folder: &Path) -> PathBuf {
    let mut text =
        fs::read_to_string(examples().into_iter().find(|file| file.ends_with("stall.toml")).unwrap())
            .unwrap();
    for (long, short) in [("\"2s\"", "\"300ms\""), ("\"2500ms\"", "\"350ms\""), ("\"500ms\"", "\"150ms\"")] {
        assert!(text.contains(long), "{text}");
        text = text.replace(long, short);
    }
    let text = text.replace("name = \"stall\"", "name = \"stall\"\nwarmup = \"50ms\"\n[[request]]\npayload = \"4KiB\"\n[[request]]\npayload = \"64B\"\none_way = true\n");
    let file = folder.join("short.toml");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn an_example_runs_on_real_transports_and_a_stall_is_seen_in_its_phase() {
    let folder = tempfile::tempdir().unwrap();
    let file = short(folder.path());
    for placement in ["same", "split"] {
        let arguments = [file.to_str().unwrap(), "--transport", "tcp,unix", "--placement", placement];
        let (run, _) = played(&arguments, &folder.path().join("run.json"));
        let named: Vec<_> =
            run.cells.iter().map(|cell| (cell.transport.as_str(), cell.phase.as_deref().unwrap())).collect();
        let phases = ["before", "stalled", "after"];
        let expected: Vec<_> = ["tcp", "unix"]
            .into_iter()
            .flat_map(|transport| phases.map(|phase| (transport, phase)))
            .collect();
        assert_eq!(named, expected);
        for cell in &run.cells {
            assert!(cell.is_well() && cell.one_ways > 0 && cell.simulated.is_none(), "{cell:?}");
            assert!(cell.usage.both.is_some() && cell.scenario.as_deref() == Some("stall"));
            assert_eq!(cell.usage.server.is_some(), placement == "split");
            // What the server holds up for 150 ms takes no less, if it was due at its beginning.
            let longest = cell.response_us.unwrap().max;
            assert!(cell.phase.as_deref() != Some("stalled") || longest > 140_000.0, "{longest}");
        }
    }
}

#[test]
fn a_fault_of_the_simulation_happens_on_a_real_transport() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("delay.toml");
    let phase = |name| format!("[[phase]]\nname = '{name}'\nduration = '300ms'\nparallel = 2\n");
    let fault = "[[fault]]\nat = '300ms'\nlasts = '300ms'\nkind = 'delay'\namount = '20ms'\n";
    fs::write(&file, format!("name = 'delay'\nwarmup = '50ms'\n{}{}{fault}", phase("quick"), phase("slow")))
        .unwrap();
    let (run, _) = played(&[file.to_str().unwrap(), "--transport", "tcp"], &folder.path().join("run.json"));
    // At least half of it each way, but for what is under way when it begins and when it ends, just before its phase.
    assert!(run.cells[1].service_us.max >= 20_000.0, "{:?}", run.cells[1].service_us);
    assert!(run.cells[0].requests > 2 * run.cells[1].requests);
}

#[test]
fn what_cannot_be_is_refused_with_what_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.toml");
    fs::write(&wrong, "name = 'x'\n[[phase]]\nname = 'a'\nduration = '1s'\nparallel = 0\n").unwrap();
    let (wrong, good) = (wrong.to_str().unwrap(), examples()[0].to_str().unwrap().to_owned());
    for (arguments, told) in [
        (vec![wrong], "wrong.toml: line 5: `parallel = 0`: allowed: 1 to"),
        (vec!["nowhere.toml"], "give the path of a scenario file"),
        (vec![&good, "--stack", "bare"], "--stack bare: it has no messages"),
        (vec![&good, "--transport", "channel", "--placement", "split"], "channel lives inside one process"),
        (vec![&good, "--simulate", "1", "--transport", "tcp"], "cannot be used with"),
    ] {
        let output = scenario(&[&arguments[..], &["--force"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
}

#[test]
fn a_simulated_run_is_not_compared_with_a_real_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = short(folder.path());
    let (one, other) = (folder.path().join("one.json"), folder.path().join("other.json"));
    played(&[file.to_str().unwrap(), "--simulate", "1"], &one);
    let (mut run, _) = played(&[file.to_str().unwrap(), "--simulate", "1"], &other);
    // As if a machine had measured the very same.
    run.cells.iter_mut().for_each(|cell| cell.simulated = None);
    fs::write(&other, serde_json::to_string(&run).unwrap()).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_bench-cli"));
    check.args(["check", "--baseline"]).args([&one, &other]);
    let output = check.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(said.contains("simulation (1 and none)"), "{said}");
}

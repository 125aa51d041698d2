//! What the tool writes, where it cannot be written: streams that are closed or full, disks that are full, places that are
//! one file.

#![cfg(unix)]

#[allow(dead_code, reason = "other tests use the rest")]
mod process;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use listenrain_results::{Run, Store};

use self::process::{said, shell, tool};

/// One row, as short as can be.
const SHORT: &str = "run --stack bare --duration 100ms --warmup 0s";

fn run_in(file: &Path) -> Run {
    Run::from_json(&fs::read_to_string(file).unwrap(), "file").unwrap()
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn progress_that_nobody_takes_costs_no_measurement() {
    // Broken by a macro that panics where standard error is closed or full.
    for (to, code) in [("2>/dev/full", 0), ("2>&-", 0), ("2>&1 | head -1", 0), (">/dev/full 2>&1", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("{{ $TOOL {SHORT} --parallel 1,2 --json b.json; echo $? >code; }} {to}");
        let (_, _, err) = said(shell(folder.path(), &script));
        let ended = fs::read_to_string(folder.path().join("code")).unwrap();
        assert_eq!(ended.trim(), code.to_string(), "{to}: {err}");
        let run = run_in(&folder.path().join("b.json"));
        assert!(run.cells.len() == 2 && !run.env.interrupted, "{to}: {:?}", run.cells);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_command_panics_where_a_stream_is_full_or_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = said(tool(folder.path(), &format!("{SHORT} --json a.json")));
    assert_eq!(code, Some(0), "{err}");
    fs::write(
        folder.path().join("s.toml"),
        "name = 'x'\n[[phase]]\nname = 'a'\nduration = '1s'\nparallel = 1\n",
    )
    .unwrap();
    let commands = [
        SHORT,
        "schema",
        "transports",
        "completions bash",
        "man",
        "doctor",
        "report a.json",
        "report a.json --csv -",
        "check --baseline a.json a.json",
        "scenario s.toml --check",
        "--help",
        "run --help",
        "--version",
        "compare --transport tcp,unix --stack bare --blocks 2 --duration 50ms --warmup 0s",
        "search --slo p99<1s --stack bare --trials 4 --duration 100ms --warmup 0s",
        "no-such-command",
    ];
    for command in commands {
        for (to, is_told) in [(">/dev/full", true), (">&-", false), ("| true", false), ("2>/dev/full", false)]
        {
            // The code of the tool itself, and not of what it writes to.
            let quoted = command.replace('<', "\\<");
            let (_, _, err) =
                said(shell(folder.path(), &format!("{{ $TOOL {quoted}; echo $? >code; }} {to}")));
            let code = fs::read_to_string(folder.path().join("code")).unwrap();
            assert_ne!(code.trim(), "101", "{command} {to}: {err}");
            assert!(!err.contains("panicked"), "{command} {to}: {err}");
            if is_told && command != "no-such-command" {
                assert_eq!(code.trim(), "1", "{command} {to}: {err}");
                assert!(err.contains("cannot print"), "{command} {to}: {err}");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn every_output_is_tried_and_each_failure_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let line =
        format!("{SHORT} --json /dev/full --csv e.csv --md /dev/full --html e.html --hgrm h --record=rec");
    let (code, out, err) = said(tool(folder.path(), &line));
    assert_eq!(code, Some(1), "{err}");
    for flag in ["--json", "--md"] {
        assert!(err.contains(&format!("error: {flag}: cannot write /dev/full: ")), "{err}");
    }
    assert_eq!(err.lines().filter(|line| line.starts_with("error: ")).count(), 2, "{err}");
    assert!(out.contains("tcp"), "the table is shown: {out}");
    assert!(fs::read_to_string(folder.path().join("e.csv")).unwrap().contains("bare"));
    assert!(fs::read_to_string(folder.path().join("e.html")).unwrap().contains("<!DOCTYPE html>"));
    assert_eq!(fs::read_dir(folder.path().join("h")).unwrap().count(), 1);
    assert_eq!(Store::new(folder.path().join("rec")).all().unwrap().len(), 1);
    // The run was not written as it was asked for, so what was measured stays beside it, and is told of.
    assert!(err.contains("e.csv.journal") && folder.path().join("e.csv.journal").is_file(), "{err}");
    let (code, out, err) = said(tool(folder.path(), "report e.csv.journal"));
    assert!(code == Some(0) && out.contains("bare"), "{out}{err}");
}

#[test]
fn a_write_that_fails_leaves_what_stood_there_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = said(tool(folder.path(), &format!("{SHORT} --json a.json")));
    assert_eq!(code, Some(0), "{err}");
    let kept = ["old.json", "old.csv"];
    for name in kept {
        fs::write(folder.path().join(name), "kept").unwrap();
    }
    let before = names(folder.path());
    // Files of more than a block cannot be written.
    let limited =
        |line: &str| said(shell(folder.path(), &format!("trap '' XFSZ; ulimit -f 1; exec $TOOL {line}")));
    let (code, _, err) = limited("report a.json --json old.json --csv old.csv");
    assert_eq!(code, Some(1), "{err}");
    for name in kept {
        assert!(err.contains(&format!(": cannot write {name}: ")), "{err}");
    }
    for name in kept {
        assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "kept", "{name}");
    }
    assert_eq!(names(folder.path()), before, "nothing is left beside them");
    // A recorded run that is cut short is none.
    let (code, _, err) = limited(&format!("{SHORT} --record=rec"));
    assert_eq!(code, Some(1), "{err}");
    let recorded = Store::new(folder.path().join("rec")).all().unwrap();
    assert!(recorded.is_empty() && err.contains("error: --record: cannot write"), "{err}");
}

#[test]
fn outputs_that_are_one_file_or_an_input_are_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = said(tool(folder.path(), &format!("{SHORT} --json b.json")));
    assert_eq!(code, Some(0), "{err}");
    let text = fs::read_to_string(folder.path().join("b.json")).unwrap();
    fs::hard_link(folder.path().join("b.json"), folder.path().join("hard")).unwrap();
    std::os::unix::fs::symlink("new", folder.path().join("soft")).unwrap();
    fs::write(
        folder.path().join("s.toml"),
        "name = 'x'\n[[phase]]\nname = 'a'\nduration = '1s'\nparallel = 1\n",
    )
    .unwrap();
    let long = "run --stack bare --duration 1h";
    for line in [
        &format!("{long} --json same.x --csv ./same.x"),
        &format!("{long} --json same.x --csv $PWD/same.x"),
        &format!("{long} --json soft --csv new"),
        &format!("{long} --json b.json --csv hard"),
        &format!("{long} --json - --csv /dev/stdout"),
        &format!("{long} --json /dev/fd/1 --csv -"),
        &format!("{long} --json same.x --record=same.x"),
        &format!("{long} --json a --csv a.journal"),
        &format!("{long} --json same.x >same.x"),
        &format!("{long} --json same.x 2>same.x"),
        "check --baseline b.json --json b.json",
        "check --baseline b.json --json hard",
        "check --baseline b.json b.json --csv ./b.json",
        "check --baseline - --json b.json <b.json",
        "report b.json --json b.json",
        "report - --csv b.json <b.json",
        "report - -",
        "merge b.json --json b.json",
        "scenario s.toml --json s.toml",
        "scenario s.toml --simulate 1 --json s.toml",
    ] {
        let (code, _, err) = said(shell(folder.path(), &format!("exec $TOOL {line}")));
        assert_eq!(code, Some(2), "{line}: {err}");
        assert_eq!(fs::read_to_string(folder.path().join("b.json")).unwrap(), text, "{line}");
    }
    let (code, _, err) =
        said(shell(folder.path(), &format!("exec $TOOL {SHORT} --json /dev/null --csv /dev/null")));
    assert_eq!(code, Some(0), "a device takes any number: {err}");
}

#[test]
fn standard_output_has_many_names_and_holds_nothing_but_the_run() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["-", "/dev/stdout", "/dev/fd/1"] {
        let (code, out, err) = said(tool(folder.path(), &format!("{SHORT} --json {name}")));
        assert_eq!(code, Some(0), "{name}: {err}");
        Run::from_json(&out, name).unwrap();
        assert!(err.contains("| tps") || err.contains("tps"), "the table goes to standard error: {err}");
        assert!(names(folder.path()).is_empty(), "there is nothing to keep a journal beside");
    }
}

#[test]
fn a_path_that_is_not_utf_8_works_and_another_argument_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let odd = OsStr::from_bytes(b"od\xffd.json");
    let mut measured = tool(folder.path(), SHORT);
    measured.arg("--json").arg(odd);
    let (code, _, err) = said(measured);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(run_in(&folder.path().join(odd)).cells.len(), 1);
    let mut report = tool(folder.path(), "report");
    report.arg(odd);
    let (code, out, err) = said(report);
    assert!(code == Some(0) && out.contains("bare"), "{out}{err}");
    for before in ["run --transport", "run --set", "serve --listen", "completions", ""] {
        let mut refused = tool(folder.path(), before);
        refused.arg(OsStr::from_bytes(b"bad\xff"));
        let (code, _, err) = said(refused);
        assert_eq!(code, Some(2), "{before}: {err}");
        assert!(err.contains("bad\\xFF") || err.contains("bad\u{fffd}"), "{before}: {err}");
    }
    // So may the folder for temporary files be called.
    let temporary = folder.path().join(OsStr::from_bytes(b"t\xff"));
    fs::create_dir(&temporary).unwrap();
    let mut measured = tool(folder.path(), &format!("{SHORT} --transport unix,fifo"));
    measured.env("TMPDIR", &temporary);
    let (code, _, err) = said(measured);
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn a_run_is_read_from_standard_input_and_with_a_byte_order_mark() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = said(tool(folder.path(), &format!("{SHORT} --json a.json")));
    assert_eq!(code, Some(0), "{err}");
    let marked = ["\u{feff}", &fs::read_to_string(folder.path().join("a.json")).unwrap()].concat();
    fs::write(folder.path().join("marked.json"), marked).unwrap();
    for line in
        ["report - <a.json", "cat a.json | $TOOL report -", "report marked.json", "report - <marked.json"]
    {
        let line = if line.starts_with("cat") { line.to_owned() } else { format!("$TOOL {line}") };
        let (code, out, err) = said(shell(folder.path(), &line));
        assert!(code == Some(0) && out.contains("bare"), "{line}: {out}{err}");
    }
    fs::write(
        folder.path().join("s.toml"),
        "\u{feff}name = 'x'\n[[phase]]\nname = 'a'\nduration = '1s'\nparallel = 1\n",
    )
    .unwrap();
    let (code, _, err) = said(tool(folder.path(), "scenario s.toml --check"));
    assert_eq!(code, Some(0), "{err}");
}

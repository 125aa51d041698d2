//! `bench-cli report` and `schema`, as a user runs them: runs that lie there are shown, and nothing is measured.

#[path = "../src/report/fixtures.rs"]
#[allow(dead_code, reason = "the unit tests use the rest")]
mod fixtures;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use listenrain_results::{Run, json_schema};

fn tool(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-cli"));
    command.args(line.split_whitespace()).current_dir(folder).output().unwrap()
}

/// What is said on both outputs by a command that ends with `code`.
fn said(folder: &Path, line: &str, code: i32) -> (String, String) {
    let output = tool(folder, line);
    let [out, err] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(output.status.code(), Some(code), "{line}: {out}{err}");
    (out, err)
}

/// A folder with the runs of the fixtures in it. It stays, so that one can look at what was made.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for (name, run) in [
        ("rich", fixtures::rich()),
        ("transports", fixtures::transports()),
        ("curve", fixtures::curve()),
        ("compared", fixtures::compared()),
        ("checked", fixtures::checked()),
        ("old", fixtures::schema_1()),
    ] {
        fs::write(folder.join(format!("{name}.json")), run.to_json()).unwrap();
    }
    folder
}

#[test]
fn every_kind_of_file_comes_of_a_run_that_lies_there() {
    let folder = folder("files");
    for name in ["rich", "transports", "curve", "compared", "checked"] {
        let line = format!(
            "report {name}.json --json {name}.copy --csv {name}.csv --md {name}.md --html {name}.html --hlog \
             {name}.hlog --counts {name}.counts --hgrm {name}"
        );
        // A row of `rich` failed.
        let (out, err) = said(&folder, &line, i32::from(name == "rich"));
        assert!(out.contains("tcp") && err.is_empty(), "{err}");
        let read = |ending: &str| fs::read_to_string(folder.join(format!("{name}.{ending}"))).unwrap();
        assert!(read("copy") == read("json"), "what was read is not what was written");
        assert!(read("csv").starts_with("run,transport,") && read("counts").contains(",service,"));
        assert!(read("html").starts_with("<!DOCTYPE html>") && read("md").starts_with("| "));
        assert!(read("hlog").contains("Tag=tcp_"));
        assert!(fs::read_dir(folder.join(name)).unwrap().count() >= 1);
    }
}

#[test]
fn a_run_of_schema_1_is_shown_and_says_what_it_does_not_hold() {
    let folder = folder("old");
    let (out, err) = said(&folder, "report old.json --html old.html --md -", 0);
    assert!(out.starts_with("| parallel") && err.contains("171,300"), "the table goes to standard error");
    assert!(fs::read_to_string(folder.join("old.html")).unwrap().contains("171,300"));
    let (_, err) = said(&folder, "report old.json --counts counts.csv", 1);
    assert!(err.contains("no histogram was kept: runs of schema 1 have none"), "{err}");
}

#[test]
fn recorded_runs_are_found_by_name_and_by_folder() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for run in ["2026-11-22-linux-amd-epyc-1", "results/runs/2026-11-22-linux-amd-epyc-1"] {
        let (out, _) = said(&home, &format!("report {run}"), 0);
        assert!(out.contains("60,882") && out.contains("original: tps"), "{out}");
    }
}

#[test]
fn recorded_runs_are_looked_for_in_the_folder_that_is_named() {
    // Broken by a flag that is read and not obeyed: the usual folder has another run of that name.
    let folder = folder("elsewhere");
    for (store, run) in [("kept", "compared"), ("results/runs", "transports")] {
        fs::create_dir_all(folder.join(store).join("one")).unwrap();
        fs::copy(folder.join(format!("{run}.json")), folder.join(store).join("one/run.json")).unwrap();
    }
    let shown = |line: &str| said(&folder, line, 0).0;
    let (compared, transports) = (shown("report compared.json"), shown("report transports.json"));
    assert_ne!(compared, transports);
    assert_eq!(shown("report one --runs kept"), compared);
    assert_eq!(shown("report one"), transports, "without the flag it is the usual folder");
    // What lies there as a file is not looked for anywhere else.
    assert_eq!(shown("report compared.json --runs nowhere"), compared);
    // Tables that are written anew are those of that folder, too.
    let updated = |line: &str| {
        fs::write(folder.join("A.md"), "<!-- table:one -->\n<!-- /table -->\n").unwrap();
        shown(line);
        fs::read_to_string(folder.join("A.md")).unwrap()
    };
    let (kept, usual) = (updated("report --update A.md --runs kept"), updated("report --update A.md"));
    assert!(kept.contains("| transport | parallel |") && kept != usual, "{kept}{usual}");
}

#[test]
fn a_folder_without_the_run_says_where_it_was_looked_for() {
    let folder = folder("no-such-run");
    fs::create_dir_all(folder.join("kept/broken")).unwrap();
    fs::write(folder.join("kept/broken/run.json"), "{}").unwrap();
    fs::write(folder.join("A.md"), "<!-- table:one --><!-- /table -->").unwrap();
    fs::create_dir_all(folder.join("empty")).unwrap();
    for (line, says) in [
        ("report one --runs kept", "kept/one/run.json"),
        ("report one --runs nowhere", "nowhere/one/run.json"),
        ("report broken --runs kept", "kept/broken/run.json"),
        ("report one --runs compared.json", "compared.json/one/run.json"),
        ("report --update A.md --runs nowhere", "nowhere"),
        ("report --update A.md --runs kept", "kept/broken/run.json"),
        ("report --update A.md --runs empty", "`<!-- table:one -->` names no recorded run; there are: "),
        ("report one --runs", "a value is required for '--runs <DIR>'"),
    ] {
        let (_, err) = said(&folder, line, 2);
        assert!(err.contains(says), "{line}: {err}");
    }
    assert_eq!(fs::read_to_string(folder.join("A.md")).unwrap(), "<!-- table:one --><!-- /table -->");
}

#[test]
fn several_runs_stand_one_after_the_other_and_on_one_page() {
    let folder = folder("several");
    let (out, _) = said(&folder, "report transports.json compared.json --html both.html --csv both.csv", 0);
    assert!(out.contains("== transports.json") && out.contains("== compared.json"), "{out}");
    let page = fs::read_to_string(folder.join("both.html")).unwrap();
    assert!(page.contains("id=\"run-1\"") && page.contains("id=\"run-2\""));
    assert_eq!(fs::read_to_string(folder.join("both.csv")).unwrap().lines().count(), 1 + 19 + 3);
    let (_, err) = said(&folder, "report transports.json compared.json --json -", 2);
    assert!(err.contains("a run file holds one run"), "{err}");
}

#[test]
fn what_cannot_be_read_or_written_says_what_to_do() {
    let folder = folder("wrong");
    let text = fs::read_to_string(folder.join("rich.json")).unwrap();
    fs::write(folder.join("cut.json"), &text[..text.len() / 2]).unwrap();
    fs::write(folder.join("newer.json"), text.replacen("\"schema\": 2", "\"schema\": 99", 1)).unwrap();
    let broken = text.replacen("\"service\": \"", "\"service\": \"x", 1);
    fs::write(folder.join("broken.json"), broken).unwrap();
    for (line, says) in [
        ("report cut.json", "cut.json: line "),
        ("report cut.json", "measure again"),
        ("report newer.json", "schema 99, but this version reads schemas 1 to 2; use a newer version"),
        ("report nowhere.json", "nowhere.json"),
        ("report rich.json --csv - --json -", "give each a place of its own"),
        ("report rich.json --html missing/x.html", "--html: cannot write missing/x.html"),
        ("report", "required"),
    ] {
        let (_, err) = said(&folder, line, 2);
        assert!(err.contains(says), "{line}: {err}");
    }
    // It could be read, and only a file of it could not be written.
    let (out, err) = said(&folder, "report broken.json --hlog broken.hlog --csv broken.csv", 1);
    assert!(out.contains("tcp") && err.contains("--hlog: broken.json: tcp listenrain"), "{out}{err}");
    assert!(folder.join("broken.csv").is_file() && !folder.join("broken.hlog").exists());
}

#[test]
fn tables_in_a_text_are_written_anew_from_the_runs() {
    let folder = folder("update");
    fs::create_dir_all(folder.join("results/runs/one")).unwrap();
    fs::copy(folder.join("compared.json"), folder.join("results/runs/one/run.json")).unwrap();
    let text = "# A\n<!-- table:one -->\n1 | 2\n<!-- /table -->\nkept\n<!-- runs --><!-- /runs -->\n";
    fs::write(folder.join("A.md"), text).unwrap();
    let (out, _) = said(&folder, "report --update A.md", 0);
    assert!(out.contains("A.md: written anew"), "{out}");
    let updated = fs::read_to_string(folder.join("A.md")).unwrap();
    assert!(updated.contains("| transport | parallel |") && updated.contains("\nkept\n"), "{updated}");
    assert!(updated.contains("[one](runs/one)") && !updated.contains("1 | 2"), "{updated}");
    let (out, _) = said(&folder, "report --update A.md", 0);
    assert!(out.contains("as it should be"), "{out}");
    fs::write(folder.join("B.md"), "<!-- table:two --><!-- /table -->").unwrap();
    assert!(said(&folder, "report --update B.md", 2).1.contains("there are: one"));
}

#[test]
fn a_run_writes_the_files_that_report_would_write() {
    let folder = folder("measured");
    let line = "run --stack bare --duration 60ms --warmup 20ms --json run.json --csv run.csv --html run.html";
    said(&folder, line, 0);
    let run = Run::from_json(&fs::read_to_string(folder.join("run.json")).unwrap(), "run.json").unwrap();
    assert_eq!(run.cells.len(), 1);
    let csv = fs::read_to_string(folder.join("run.csv")).unwrap();
    assert!(csv.contains(&run.cells[0].tps.to_string()), "{csv}");
    assert!(fs::read_to_string(folder.join("run.html")).unwrap().contains("One row measured"));
}

#[test]
fn the_schema_is_printed() {
    let (out, _) = said(Path::new("."), "schema", 0);
    assert_eq!(out, json_schema());
}

/// Puts `more` behind every text of a run file, but for those that stand for one of a few values.
fn add_to_every_text(value: &mut serde_json::Value, more: &str) {
    use serde_json::Value;
    match value {
        Value::String(text) => text.push_str(more),
        Value::Array(all) => all.iter_mut().for_each(|value| add_to_every_text(value, more)),
        Value::Object(fields) => {
            let parsed = ["histograms", "verdict", "error_kinds"];
            let free = fields.iter_mut().filter(|(name, _)| !parsed.contains(&name.as_str()));
            free.for_each(|(_, value)| add_to_every_text(value, more));
        }
        _ => {}
    }
}

#[test]
fn nothing_in_a_run_file_acts_on_a_terminal() {
    // A file from elsewhere could clear the screen, retitle the window, or add a line that says that all is well.
    let folder = folder("hostile");
    let hostile = "\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}31m\u{202e}\u{2028}\r\nFORGED passed";
    for name in ["rich", "transports", "curve", "compared", "checked"] {
        let text = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let mut value = serde_json::from_str(&text).unwrap();
        add_to_every_text(&mut value, hostile);
        fs::write(folder.join("hostile.json"), value.to_string()).unwrap();
        let plain = ["", "--csv -", "--md -", "--html -", "--hlog -", "--counts -"];
        for form in
            plain.into_iter().filter(|form| name == "rich" || !["--hlog -", "--counts -"].contains(form))
        {
            let output = tool(&folder, &format!("report hostile.json {form}"));
            let shown =
                [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
            assert!(output.status.code().is_some_and(|code| code < 2), "{name} {form}: {shown}");
            let acts = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2028}".contains(c);
            assert_eq!(shown.find(acts), None, "{name} {form}: {shown}");
            // In a page a line break is a space.
            let forges = !form.contains("html") && shown.lines().any(|line| line.starts_with("FORGED"));
            assert!(!forges, "{name} {form}: {shown}");
            assert!(shown.contains("FORGED"), "{name} {form}: the text itself is there");
        }
    }
}

#[test]
fn a_failed_row_looks_failed_with_its_reason_in_every_form() {
    // It looked like a row of 0 requests a second.
    let folder = folder("failed");
    let mut run = fixtures::transports();
    let failed = run.cells.iter_mut().find(|cell| cell.open_loop.is_none() && cell.stack != "bare").unwrap();
    (failed.requests, failed.errors, failed.tps) = (0, 1, 0.0);
    failed.error_kinds = [("not measured".to_owned(), 1)].into();
    failed.error_samples = vec!["connection refused by nobody".to_owned()];
    fs::write(folder.join("failed.json"), run.to_json()).unwrap();
    for form in ["", "--md -", "--csv -", "--html -"] {
        let (out, err) = said(&folder, &format!("report failed.json {form}"), 1);
        let out = if form.is_empty() { out + &err } else { out };
        let mark = if form == "--csv -" { "true" } else { "FAILED" };
        let is_marked = match form {
            "--html -" => out.contains("failed</strong>"),
            _ => out.lines().any(|line| line.contains(mark) && line.contains("tcp")),
        };
        assert!(is_marked && out.contains("connection refused by nobody"), "{form}: {out}");
    }
}

#[test]
fn phases_of_equal_load_are_told_apart_in_every_form() {
    let folder = folder("phases");
    let mut run = fixtures::transports();
    run.cells.truncate(1);
    let second = run.cells[0].clone();
    run.cells.push(second);
    for (cell, phase) in run.cells.iter_mut().zip(["before-it", "after-it"]) {
        (cell.scenario, cell.phase) = (Some("load".to_owned()), Some(phase.to_owned()));
    }
    fs::write(folder.join("phases.json"), run.to_json()).unwrap();
    for form in ["", "--md -", "--csv -", "--html -", "--counts -", "--hlog -"] {
        let output = tool(&folder, &format!("report phases.json {form}"));
        let out = String::from_utf8_lossy(&output.stdout);
        for phase in ["before-it", "after-it"] {
            assert!(out.contains(phase), "{form}: {out}");
        }
    }
    let check = "check --baseline phases.json phases.json --force --fail-on tps<-3%";
    let output = tool(&folder, check);
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("before-it") && out.contains("after-it"), "{out}");
}

//! Every example in `--help`, and every command in docs/measuring.md, is run as it stands, with shorter times: one that
//! doesn't work is a lie. Those in other documents are parsed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{PoisonError, RwLock};

use listenrain_results::{Run, Workers};

/// What is appended, where the command knows the flag; the last of a flag counts.
const SHORTER: [(&str, &str); 7] = [
    ("--duration", "250ms"),
    ("--warmup", "20ms"),
    ("--blocks", "2"),
    ("--launches", "1"),
    ("--max-launches", "3"),
    ("--trials", "5"),
    ("--curve", "2"),
];

/// Of the table: its largest rows complete nothing in less on a busy machine.
const SHORTEST_TABLE: &str = "400ms";

/// Two commands may measure at once, since no figure counts here; a table measures alone.
static MEASURING: RwLock<()> = RwLock::new(());

/// The codes that a command may end with: 0, or that of a verdict, which on figures of times as short as these is the
/// machine's business. `check.rs`, `search.rs` and `cli.rs` hold each verdict to its code.
fn codes_of(arguments: &[String]) -> &'static [i32] {
    match arguments.first().map(String::as_str) {
        Some("check" | "search") => &[0, 3, 4, 5],
        Some("doctor") if has(arguments, "--strict") => &[0, 4],
        _ => &[0],
    }
}

fn tool(folder: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-cli"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

fn help(command: &str) -> String {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_bench-cli"));
    // So wide that no line is broken.
    let output = tool.args(command.split_whitespace()).arg("--help").env("COLUMNS", "1000").output().unwrap();
    assert!(output.status.success(), "{command} --help: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The whole, and every command that its help lists.
fn commands() -> Vec<String> {
    let help = help("");
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty()).filter_map(|line| {
        // Deeper lines go on with a description.
        let line = line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?;
        line.split_whitespace().next()
    });
    let names = names.filter(|name| *name != "help").map(str::to_owned);
    [String::new()].into_iter().chain(names).collect()
}

/// The examples in `help`, without what is said of them after two spaces.
fn examples(help: &str) -> Vec<String> {
    let lines = help.lines().filter(|line| line.starts_with("  bench-cli"));
    lines.map(|line| line.trim_start().split("  ").next().unwrap().to_owned()).collect()
}

/// The arguments of a line, as a shell would take them: at spaces, but not between single quotes.
fn arguments(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), None, false);
    for letter in line.chars() {
        match letter {
            '\'' => {
                is_quoted = !is_quoted;
                word.get_or_insert_with(String::new);
            }
            ' ' if !is_quoted => words.extend(word.take()),
            letter => word.get_or_insert_with(String::new).push(letter),
        }
    }
    words.extend(word);
    words.split_off(1)
}

/// A server of an example, ended with it.
struct Server(Child, String);

impl Server {
    /// At a free port, whatever the example says.
    fn start(folder: &Path, mut arguments: Vec<String>) -> Self {
        arguments.extend(["--listen".to_owned(), "tcp://127.0.0.1:0".to_owned()]);
        let mut child = tool(folder, &arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let endpoint = line.split_whitespace().find(|word| word.contains("://")).map(str::to_owned);
        Self(child, endpoint.unwrap_or_else(|| panic!("{arguments:?} does not serve: {line}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn has(arguments: &[String], flag: &str) -> bool {
    arguments.iter().any(|argument| argument == flag || argument.starts_with(&format!("{flag}=")))
}

fn is_command(arguments: &[String]) -> bool {
    arguments.first().is_some_and(|first| !first.starts_with('-'))
}

/// Whether the tool measures its table, as it does without a command.
fn is_table(arguments: &[String]) -> bool {
    !is_command(arguments) || arguments[0] == "table"
}

fn run(folder: &Path, line: &str) -> Output {
    let mut arguments = arguments(line);
    let is_command = is_command(&arguments);
    let help = help(if is_command { &arguments[0] } else { "" });
    if is_command && arguments[0] == "serve" {
        let server = Server::start(folder, arguments);
        return run(folder, &format!("bench-cli run --target {}", server.1));
    }
    let server = has(&arguments, "--target").then(|| Server::start(folder, vec!["serve".to_owned()]));
    if let Some(Server(_, endpoint)) = &server {
        arguments.extend(["--target".to_owned(), endpoint.clone()]);
    }
    let is_table = is_table(&arguments);
    // A stall belongs to a time of its own.
    let is_timed = has(&arguments, "--inject-stall");
    for (flag, value) in SHORTER {
        if help.contains(&format!("{flag} <")) && !(is_timed && flag == "--duration") {
            let value = if is_table && flag == "--duration" { SHORTEST_TABLE } else { value };
            arguments.extend([flag.to_owned(), value.to_owned()]);
        }
    }
    tool(folder, &arguments).output().unwrap()
}

/// Runs `lines` in one folder, since one may read what one before it wrote, and gives those that failed.
fn failed(lines: &[String]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let failed = lines.iter().filter_map(|line| {
        let output = if is_table(&arguments(line)) {
            let _alone = MEASURING.write().unwrap_or_else(PoisonError::into_inner);
            run(folder.path(), line)
        } else {
            let _beside = MEASURING.read().unwrap_or_else(PoisonError::into_inner);
            run(folder.path(), line)
        };
        let codes = codes_of(&arguments(line));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_it = output.status.code().is_some_and(|code| codes.contains(&code));
        (!is_it).then(|| format!("{line}\n{:?} and none of {codes:?}: {said}", output.status))
    });
    failed.collect()
}

/// What examples find in the folder that they are run in: run files, parts of a run, builds, and recorded runs.
fn prepare(folder: &Path) {
    let output = run(folder, "bench-cli run --parallel 1,16 --json main.json --html main.html");
    assert!(output.status.success(), "{output:?}");
    for copy in ["new.json", "old.json", "out.json"] {
        fs::copy(folder.join("main.json"), folder.join(copy)).unwrap();
    }
    let measured = fs::read_to_string(folder.join("main.json")).unwrap();
    fs::write(folder.join("out.json.journal"), journal(&measured)).unwrap();
    short_scenarios(folder);
    fs::create_dir(folder.join("parts")).unwrap();
    for index in 0..2 {
        let mut part = Run::from_json(&measured, "main.json").unwrap();
        part.workers = Some(Workers { index: Some(index), count: 2, ..Workers::default() });
        fs::write(folder.join(format!("parts/worker-{index}.json")), part.to_json()).unwrap();
    }
    for build in ["old", "new"] {
        fs::create_dir(folder.join(build)).unwrap();
        fs::hard_link(env!("CARGO_BIN_EXE_bench-cli"), folder.join(build).join("bench-cli"))
            .or_else(|_| {
                fs::copy(env!("CARGO_BIN_EXE_bench-cli"), folder.join(build).join("bench-cli")).map(drop)
            })
            .unwrap();
    }
    for file in ["README.md", "results/README.md"] {
        fs::create_dir_all(folder.join("results")).unwrap();
        fs::copy(root().join(file), folder.join(file)).unwrap();
    }
    for recorded in fs::read_dir(root().join("results/runs")).unwrap() {
        let recorded = recorded.unwrap();
        let to = folder.join("results/runs").join(recorded.file_name());
        fs::create_dir_all(&to).unwrap();
        fs::copy(recorded.path().join("run.json"), to.join("run.json")).unwrap();
    }
}

/// What a run that was killed when all had been measured would have left.
fn journal(run: &str) -> String {
    let mut run: serde_json::Value = serde_json::from_str(run).unwrap();
    let cells = std::mem::replace(&mut run["cells"], serde_json::json!([]));
    let head = serde_json::json!({ "journal": 1, "run": run });
    let launches = cells.as_array().unwrap().iter().enumerate();
    let launch = |(row, cell)| format!("{}\n", serde_json::json!({ "row": row, "cells": [cell] }));
    launches.map(launch).fold(format!("{head}\n"), |text, line| text + &line)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The commands in the fenced blocks of a document, each as `bench-cli …`, without what is said of them.
fn commands_in(text: &str) -> Vec<String> {
    let blocks = text.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(|block| block.lines().skip(1));
    let command = |line: &str| {
        // A prompt says on which host it is typed.
        let line = line.split_once("$ ").map_or(line, |(_, typed)| typed);
        let line = line.replace("cargo run --release -p", "cargo run -p");
        let line = line.replace("cargo run -p bench-cli -- ", "bench-cli ");
        line.starts_with("bench-cli ").then(|| line.split("  ").next().unwrap().to_owned())
    };
    lines.filter_map(command).collect()
}

#[test]
fn every_command_in_the_documents_is_one() {
    let mut documents: Vec<_> =
        fs::read_dir(root().join("docs")).unwrap().map(|file| file.unwrap().path()).collect();
    documents.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root().join(name)));
    let texts = documents.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let lines: Vec<_> = texts.flat_map(|path| commands_in(&fs::read_to_string(path).unwrap())).collect();
    assert!(lines.len() > 20, "{lines:?}");
    for line in lines {
        // What stands before it is parsed first.
        let asked = arguments(&line).into_iter().chain(["--help".to_owned()]).collect::<Vec<_>>();
        let output = tool(&root(), &asked).output().unwrap();
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let wrong = tool(&root(), &arguments("bench-cli run --smoke 1 --help")).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "a wrong flag would pass");
}

#[test]
fn every_command_of_the_page_about_measuring_runs() {
    let lines = commands_in(&fs::read_to_string(root().join("docs/measuring.md")).unwrap());
    assert!(lines.len() > 15, "{lines:?}");
    let failed = failed(&lines);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The scenarios of this repository where an example looks for them, with shorter phases.
fn short_scenarios(folder: &Path) {
    let there = folder.join("bench-cli/scenarios");
    fs::create_dir_all(&there).unwrap();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap() {
        let entry = entry.unwrap();
        let mut text = fs::read_to_string(entry.path()).unwrap();
        for (long, short) in
            [("2s", "300ms"), ("3s", "300ms"), ("2500ms", "350ms"), ("500ms", "100ms"), ("1s", "20ms")]
        {
            text = text.replace(&format!("\"{long}\""), &format!("\"{short}\""));
        }
        fs::write(there.join(entry.file_name()), text).unwrap();
    }
}

#[test]
fn every_command_has_an_example() {
    for command in commands() {
        let begins = format!("bench-cli {command}");
        let examples = examples(&help(&command));
        assert!(examples.iter().any(|line| line.starts_with(begins.trim_end())), "{begins}: {examples:?}");
    }
}

#[test]
fn every_example_runs() {
    let mut lines: Vec<String> = Vec::new();
    for line in commands().iter().flat_map(|command| examples(&help(command))) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    assert!(lines.len() > 10, "{lines:?}");
    let failed = failed(&lines);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "bench-cli man --dir below/man1");
    assert!(output.status.success(), "{output:?}");
    let mut pages: Vec<_> = std::fs::read_dir(folder.path().join("below/man1"))
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    let page = |command: &String| match command.as_str() {
        "" => "bench-cli.1".to_owned(),
        command => format!("bench-cli-{command}.1"),
    };
    let mut expected: Vec<_> = commands().iter().map(page).collect();
    pages.sort();
    expected.sort();
    assert_eq!(pages, expected);
    let text = std::fs::read_to_string(folder.path().join("below/man1/bench-cli-run.1")).unwrap();
    assert!(text.contains(".SH OPTIONS") && text.contains("payload") && text.contains("Examples:"), "{text}");
}

#[test]
fn a_shell_that_completions_are_for_is_one_that_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(folder.path(), &format!("bench-cli completions {shell}"));
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("doctor"), "{shell}");
        assert!(help("completions").lines().any(|line| line.starts_with(&format!("  {shell} "))), "{shell}");
    }
}

//! SECURITY.md names each limit with the default that the code has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use listenrain::{
    Backoff, Blocking, ConnectionLimits, ConnectionOptions, Executor, Health, Inline, ServerLimits, Spawned,
};

/// Fields of the settings that are no limits.
const NO_LIMITS: [&str; 9] = [
    "Backoff::cap",
    "Backoff::first",
    "Backoff::seed",
    "ConnectionOptions::backoff",
    "ConnectionOptions::health",
    "ConnectionOptions::lanes",
    "ConnectionOptions::limits",
    "ConnectionOptions::overflow",
    "ConnectionOptions::resend_unsent",
];

/// Limits whose default is no figure, or in a type without fields to look at.
const NO_FIGURES: [&str; 3] = ["ServerBuilder::max_age", "SharedConnections", "a request's deadline"];

/// Constants that are limits.
const CONSTANTS: [&str; 16] = [
    "DEFAULT_MAX_BYTES",
    "DEFAULT_MAX_PACKET",
    "DEFAULT_TIMEOUT",
    "LINES",
    "LINGER",
    "MAX_ANSWERS",
    "MAX_IN_LINE",
    "MAX_MESSAGE",
    "MAX_QUARANTINED",
    "MAX_TOMBSTONES",
    "MAX_WAITING",
    "MOST_KEPT",
    "MOST_LOST_CHANNELS",
    "MOST_REFUSED",
    "MOST_STAY_AWAY",
    "REFUSED_WITHIN",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Name and default of each row below "Limits".
fn rows() -> Vec<(String, String)> {
    let page = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let (_, rest) = page.split_once("\n## Limits\n").expect("the limits");
    let (limits, _) = rest.split_once("\n## ").expect("what follows");
    let is_row =
        |line: &&str| line.starts_with('|') && !line.starts_with("| limit |") && !line.contains("---");
    let rows = limits.lines().filter(is_row).map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 6, "{row}");
        assert!(!cells[3].is_empty(), "{row}");
        (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
    });
    rows.collect()
}

/// A figure at the beginning of `text`, and its unit: bytes, milliseconds, or none.
fn figure(text: &str) -> (u64, &'static str) {
    let digits = text.chars().take_while(|c| c.is_ascii_digit() || *c == ',').count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.replace(',', "").parse().unwrap_or_else(|_| panic!("`{text}` is no figure"));
    let is = |name: &str| unit.trim_start().split([' ', ',', ';']).next() == Some(name);
    let units = [("MiB", 1 << 20, "bytes"), ("KiB", 1 << 10, "bytes"), ("bytes", 1, "bytes")];
    let times = [("s", 1000, "ms"), ("min", 60_000, "ms")];
    let known = units.into_iter().chain(times).find(|(name, ..)| is(name));
    known.map_or((number, ""), |(_, times, unit)| (number * times, unit))
}

/// The fields of a settings' default, as its `Debug` shows them.
fn fields(settings: &impl Debug) -> BTreeMap<String, String> {
    let shown = format!("{settings:?}");
    let (name, mut rest) = shown.trim_end_matches([' ', '}']).split_once(" { ").unwrap();
    let mut fields = BTreeMap::new();
    while let Some((field, after)) = rest.split_once(": ") {
        // What is itself made of fields ends at its own brace.
        let nested = after.find(" { ").filter(|at| !after[..*at].contains(", "));
        let end = match nested {
            Some(_) => after.find(" }").map_or(after.len(), |at| at + 2),
            None => after.find(", ").unwrap_or(after.len()),
        };
        fields.insert(format!("{name}::{field}"), after[..end].to_owned());
        rest = after[end..].trim_start_matches(", ");
    }
    fields
}

/// What `const NAME` is somewhere in the library's sources.
fn constant(name: &str) -> String {
    let mut folders = vec![root().join("listenrain/src")];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let line = text.lines().find(|line| line.contains(&format!("const {name}: ")));
            found.extend(line.map(|line| line.split(" = ").nth(1).unwrap().trim_end_matches(';').to_owned()));
        }
    }
    assert_eq!(found.len(), 1, "{name} is {found:?}");
    found.pop_first().unwrap()
}

/// The value of an expression such as `64 << 20` or `Duration::from_secs(5)`, without its unit.
fn value(expression: &str) -> u64 {
    let number =
        |text: &str| text.trim().replace('_', "").parse::<u64>().unwrap_or_else(|_| panic!("{text}"));
    if let Some(seconds) = expression.strip_prefix("Duration::from_secs(") {
        return 1000 * number(seconds.trim_end_matches(')'));
    }
    match expression.split_once("<<") {
        Some((left, right)) => number(left) << number(right),
        None => number(expression),
    }
}

#[test]
fn every_limit_in_the_page_about_security_has_the_codes_default() {
    // Broken by a default that changes in one of the two places, and by a new limit without a line.
    let mut settings = BTreeMap::new();
    settings.extend(fields(&ServerLimits::default()));
    settings.extend(fields(&ConnectionLimits::default()));
    settings.extend(fields(&ConnectionOptions::default()));
    settings.extend(fields(&Health::default()));
    settings.extend(fields(&Backoff::default()));
    settings.retain(|name, _| !NO_LIMITS.contains(&name.as_str()));
    let executors = [
        ("Inline", Inline::default().bound()),
        ("Spawned", Spawned::default().bound()),
        ("Blocking", Blocking::default().bound()),
    ];
    settings.extend(executors.map(|(name, bound)| (name.to_owned(), bound.to_string())));
    let mut missing: BTreeSet<_> = settings.keys().cloned().collect();
    missing.extend(CONSTANTS.map(str::to_owned));
    let registry = listenrain_transports::all();
    for (name, default) in rows() {
        missing.remove(&name);
        if let Some((transport, option)) = name.split_once(": ") {
            let options = registry.get(transport).unwrap().options();
            let info = options.iter().find(|info| info.name == option).unwrap_or_else(|| panic!("{name}"));
            assert!(is_same(&default, info.default), "{name} is {}, the page says {default}", info.default);
        } else if let Some(code) = settings.get(&name) {
            assert!(is_same(&default, code), "{name} is {code}, the page says {default}");
        } else if !NO_FIGURES.contains(&name.as_str()) {
            assert_eq!(figure(&default).0, value(&constant(&name)), "{name}");
        }
    }
    assert!(missing.is_empty(), "without a line: {missing:?}");
}

/// Whether the page says what the code has: a figure, or that there is none.
fn is_same(page: &str, code: &str) -> bool {
    if ![page, code].iter().all(|text| text.starts_with(|c: char| c.is_ascii_digit())) {
        return page == code || (code == "None" && page.starts_with("none"));
    }
    let (page, code) = (figure(page), figure(code));
    // A plain number of the code's may be bytes on the page.
    page.0 == code.0 && (page.1 == code.1 || (page.1 == "bytes" && code.1.is_empty()))
}

//! Each crate's top modules are a list, and each uses only those below it. The lists stand in ARCHITECTURE.md, the uses
//! are read from the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The crates whose lists are held.
const CRATES: [&str; 6] =
    ["results", "listenrain", "transports", "simulation", "bench-cli/load", "bench-cli"];

#[test]
fn each_top_module_uses_only_those_that_stand_below_it() {
    for name in CRATES {
        let (list, layout) = (listed(name), Layout::of(&root().join(name).join("src")));
        let there: BTreeSet<_> = layout.modules.keys().cloned().collect();
        assert_eq!(list.iter().cloned().collect::<BTreeSet<_>>(), there, "the top modules of {name}");
        let place = |module: &str| list.iter().position(|listed| listed == module).unwrap();
        for (module, files) in &layout.modules {
            for (file, used) in layout.uses(files) {
                assert!(
                    place(module) <= place(&used),
                    "{}: `{module}` uses `{used}`, which stands above it in ARCHITECTURE.md",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn a_use_is_seen_however_it_is_written_and_that_of_a_test_or_a_link_is_not() {
    let found = |text: &str, depth| {
        let mut found = BTreeSet::new();
        names(text.parse().unwrap(), depth, &mut found, &mut BTreeSet::new());
        found.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(found("use crate::{a::B, c::{d, e}, f};", 1), ["a", "c", "f"]);
    assert_eq!(found("fn f() -> crate::a::B { vec![crate::b::C] }", 1), ["a", "b"]);
    assert_eq!(found("use super::a; use super::super::b;", 1), ["a"]);
    assert_eq!(
        found("use super::a; use super::super::b; mod c { use super::super::super::d; }", 2),
        ["b", "d"]
    );
    assert!(
        found("#[cfg(test)] mod tests { use crate::a; } /// See [`crate::b`].\n struct S;", 1).is_empty()
    );
    assert_eq!(found("#[cfg(test)] use crate::a; use crate::b;", 1), ["b"]);
}

/// The top modules of the crate in this folder, top to bottom, as ARCHITECTURE.md lists them.
fn listed(folder: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let layers = page.split_once("### Layers\n").expect("the part about layers").1;
    let row = format!("| `{folder}` | ");
    let row = layers.lines().find_map(|line| line.strip_prefix(row.as_str())).expect(folder);
    row.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The modules of one crate.
struct Layout {
    src: PathBuf,
    /// Top modules and their files; those of unit tests are left out.
    modules: BTreeMap<String, Vec<PathBuf>>,
    /// Names that the crate's root gives to what is in a module.
    reexports: BTreeMap<String, String>,
}

impl Layout {
    fn of(src: &Path) -> Self {
        let mut files = rust_files(src);
        let mut of_tests = BTreeSet::new();
        for file in &files {
            let mut names = BTreeSet::new();
            let mut tests = BTreeSet::new();
            self::names(tokens(file), 0, &mut names, &mut tests);
            let module = match file.file_stem().unwrap().to_str().unwrap() {
                "mod" | "lib" | "main" => file.parent().unwrap().to_owned(),
                stem => file.with_file_name(stem),
            };
            of_tests.extend(tests.into_iter().map(|test| module.join(test)));
        }
        files.retain(|file| !of_tests.iter().any(|tests| file.with_extension("").starts_with(tests)));
        let mut modules: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for file in files {
            let top = file.strip_prefix(src).unwrap().iter().next().unwrap();
            let top = Path::new(top).with_extension("").to_string_lossy().into_owned();
            if !["lib", "main"].contains(&top.as_str()) {
                modules.entry(top).or_default().push(file);
            }
        }
        Self { reexports: reexports(tokens(&src.join("lib.rs"))), modules, src: src.to_owned() }
    }

    /// Which other top modules these files use.
    fn uses(&self, files: &[PathBuf]) -> Vec<(PathBuf, String)> {
        let mut uses = Vec::new();
        for file in files {
            let inside = file.strip_prefix(&self.src).unwrap();
            let depth = inside.iter().count() - usize::from(inside.ends_with("mod.rs"));
            let mut found = BTreeSet::new();
            names(tokens(file), depth, &mut found, &mut BTreeSet::new());
            let module = |name: &String| match self.modules.contains_key(name) {
                true => Some(name.clone()),
                false => {
                    self.reexports.get(name).filter(|module| self.modules.contains_key(*module)).cloned()
                }
            };
            uses.extend(found.iter().filter_map(module).map(|used| (inside.to_owned(), used)));
        }
        uses
    }
}

/// The names at the crate's root that are used here, `depth` modules below it, and the modules of tests that are declared.
fn names(tokens: TokenStream, depth: usize, found: &mut BTreeSet<String>, tests: &mut BTreeSet<String>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let word = |place: usize| tokens.get(place).map(ToString::to_string).unwrap_or_default();
    let is_path = |place: usize| word(place) == ":" && word(place + 1) == ":";
    let mut place = 0;
    while place < tokens.len() {
        if word(place) == "#" && word(place + 1).replace(' ', "") == "[cfg(test)]" {
            let end = |token: &TokenTree| {
                matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
                    || token.to_string() == ";"
            };
            let length = tokens[place..].iter().position(end).unwrap_or(tokens.len() - place - 1);
            let item: Vec<_> = (place..=place + length).map(word).collect();
            if let Some(at) = item.iter().position(|word| word == "mod") {
                tests.insert(item[at + 1].clone());
            }
            place += length + 1;
            continue;
        }
        let mut after = place;
        let is_at_root = match word(place).as_str() {
            "crate" => {
                after += 1;
                true
            }
            "super" if place < 2 || word(place - 1) != ":" => {
                let mut steps = 0;
                while word(after) == "super" && is_path(after + 1) {
                    (steps, after) = (steps + 1, after + 3);
                }
                after = after.saturating_sub(2);
                depth > 0 && steps == depth
            }
            _ => false,
        };
        if is_at_root && is_path(after) {
            match tokens.get(after + 2) {
                Some(TokenTree::Group(group)) => found.extend(leads(group.stream())),
                Some(TokenTree::Ident(name)) => drop(found.insert(name.to_string())),
                _ => {}
            }
        }
        if let TokenTree::Group(group) = &tokens[place] {
            let is_module = place >= 2 && word(place - 2) == "mod" && group.delimiter() == Delimiter::Brace;
            names(group.stream(), depth + usize::from(is_module), found, tests);
        }
        place += 1;
    }
}

/// The first name of each path in the braces of a `use`.
fn leads(braces: TokenStream) -> Vec<String> {
    let tokens: Vec<_> = braces.into_iter().map(|token| token.to_string()).collect();
    tokens.split(|token| token == ",").filter_map(|path| path.first().cloned()).collect()
}

/// What `use module::{Name, Other};` at the crate's root gives names to.
fn reexports(tokens: TokenStream) -> BTreeMap<String, String> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut names = BTreeMap::new();
    for statement in tokens.split(|token| token.to_string() == ";") {
        let Some(at) = statement.iter().position(|token| token.to_string() == "use") else { continue };
        let words = statement[at + 1..].iter().flat_map(|token| match token {
            TokenTree::Group(group) => group.stream().into_iter().map(|token| token.to_string()).collect(),
            token => vec![token.to_string()],
        });
        let words: Vec<_> =
            words.filter(|word| word != "self" && word.starts_with(char::is_alphabetic)).collect();
        if let Some((module, rest)) = words.split_first() {
            names.extend(rest.iter().map(|name| (name.clone(), module.clone())));
        }
    }
    names
}

fn tokens(file: &Path) -> TokenStream {
    fs::read_to_string(file).unwrap().parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "rs"));
    rust.chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

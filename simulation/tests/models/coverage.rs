// Whoever adds a primitive adds its model, and a seeded bug that the model must catch.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The sources below `folder` of the workspace, by the name of the file, or of the folder that it lies in.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), text_of(&path))).collect()
}

/// The text of a source, or of all sources in a folder.
fn text_of(path: &Path) -> String {
    if !path.is_dir() {
        return fs::read_to_string(path).unwrap();
    }
    fs::read_dir(path).unwrap().map(|entry| text_of(&entry.unwrap().path())).collect()
}

fn primitives() -> BTreeMap<String, String> {
    let mut primitives = sources("listenrain/src/primitives");
    primitives.remove("mod").expect("the primitives have a list");
    assert!(!primitives.is_empty());
    primitives
}

fn models() -> BTreeMap<String, String> {
    let mut models = sources("simulation/tests/models");
    // What is said here of the others is no model.
    models.remove("coverage");
    models
}

/// The string literals that follow `before` in `text`.
fn literals(text: &str, before: &str) -> BTreeSet<String> {
    let literals =
        text.split(before).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"'));
    literals.map(|(literal, _)| literal.to_owned()).collect()
}

#[test]
fn every_primitive_has_a_model_of_its_name() {
    let models = models();
    let listed = &models["main"];
    for (primitive, source) in primitives() {
        assert!(
            listed.contains(&format!("\nmod {primitive};\n")),
            "{primitive} has no module in simulation/tests/models"
        );
        let model = &models[&primitive];
        assert!(model.contains("check("), "the module of {primitive} checks no model");
        assert!(model.contains(".catches("), "the models of {primitive} catch no seeded bug");
        assert!(!literals(&source, "mutant(").is_empty(), "{primitive} has no switch for a seeded bug");
    }
}

#[test]
fn every_seeded_bug_is_caught_by_a_model() {
    let caught: BTreeSet<_> = models().values().flat_map(|model| literals(model, ".catches(")).collect();
    let seeded: BTreeSet<_> =
        primitives().values().flat_map(|primitive| literals(primitive, "mutant(")).collect();
    let missing: Vec<_> = seeded.difference(&caught).collect();
    assert!(missing.is_empty(), "no model turns these on: {missing:?}");
    let unknown: Vec<_> = caught.difference(&seeded).collect();
    assert!(unknown.is_empty(), "no primitive knows these: {unknown:?}");
}

//! The environment of a run, and its warnings.

use maud::{Markup, html};

use super::{Scene, section as whole_section};
use crate::report::notes::{Note, Weight, notes};

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    let env = &scene.run.env;
    let known = |text: &str| if text.is_empty() { "unknown".to_owned() } else { text.to_owned() };
    let commit = env.commit.as_deref().map(|commit| match env.dirty {
        Some(true) => format!("{commit}, with uncommitted changes"),
        _ => commit.to_owned(),
    });
    let mut facts = vec![
        ("Processor", format!("{}, {} cores usable", known(&env.cpu), env.cores)),
        ("System", known(format!("{} {} {}", env.os, env.kernel, env.arch).trim())),
        ("Memory", env.memory_mib.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib} MiB"))),
        ("Governor", known(env.governor.as_deref().unwrap_or_default())),
        (
            "Other load at the start",
            env.load_average.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}")),
        ),
        ("Build", format!("{}, opt-level {}, allocator {}", known(&env.rustc), env.opt_level, env.allocator)),
        ("Commit", known(&commit.unwrap_or_default())),
        ("bench-cli", known(&env.version)),
    ];
    let same = scene.labels.same.iter();
    facts.extend(same.map(|(name, value)| (*name, value.clone())));
    if let Some(seed) = scene.run.seed {
        facts.push(("Seed of the order", seed.to_string()));
    }
    if let Some(cell) = scene.run.cells.first() {
        facts.push((
            "Timed window",
            format!("{:.1} s after {:.1} s of warm-up", cell.duration_s, cell.warmup_s),
        ));
    }
    let notes: Vec<_> = notes(scene.run).into_iter().filter(|note| note.weight != Weight::Failure).collect();
    let body = html! {
        @if !notes.is_empty() { ul.notes { @for note in &notes { (item(note)) } } }
        dl.facts { @for (name, value) in &facts { div { dt { (name) } dd { (value) } } } }
    };
    let explanation = "One machine: compare ratios within the run, not its figures with another machine's. Every reply \
                       was checked.";
    whole_section(scene, "environment", "Environment and warnings", explanation, &body)
}

pub(super) fn item(note: &Note) -> Markup {
    let class = match note.weight {
        Weight::Failure => "bad",
        Weight::Warning => "warning",
        Weight::Remark => "remark",
    };
    html! { li class=(class) { (note.text) @for line in &note.lines { br; code { (line) } } } }
}

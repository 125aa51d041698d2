//! One page for a browser: it needs no network, no other file and no script, and every figure on it is there as text.
//!
//! What came of it first, then what to know of it, then pictures, then the tables that they are made of.

mod by_load;
mod by_time;
mod chart;
mod environment;
mod figures;
mod forest;
mod heat;
mod percentiles;
mod verdict;

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;

use listenrain_results::{Cell, Run};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::figures::scrolled;
use super::Shown;
use super::labels::Labels;
use super::table::Table;

const STYLE: &str = include_str!("style.css");

/// The page of `runs`, in their order.
pub(crate) fn page(runs: &[Shown<'_>]) -> String {
    let title = match runs {
        [one] => format!("{} · bench-cli", heading(one)),
        several => format!("{} runs · bench-cli", several.len()),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                @if runs.len() > 1 {
                    nav aria-label="Runs" {
                        ol { @for (at, shown) in runs.iter().enumerate() {
                            li { a href={"#run-" (at + 1)} { (shown.name) } }
                        } }
                    }
                }
                main { @for (at, shown) in runs.iter().enumerate() { (article(shown, at + 1)) } }
            }
        }
    };
    page.into_string()
}

fn heading(shown: &Shown<'_>) -> String {
    let command = shown.run.env.command.split_whitespace().nth(1).filter(|word| !word.starts_with('-'));
    let mut transports: Vec<&str> = Vec::new();
    for cell in &shown.run.cells {
        if !transports.contains(&&*cell.transport) {
            transports.push(&cell.transport);
        }
    }
    let command = command.unwrap_or("table");
    if transports.is_empty() { command.to_owned() } else { format!("{command}: {}", transports.join(", ")) }
}

fn article(shown: &Shown<'_>, number: usize) -> Markup {
    let run = shown.run;
    let scene = Scene::new(run, number);
    html! {
        article id={"run-" (number)} {
            header {
                p.eyebrow { "bench-cli · " (run.env.started) @if shown.name != run.env.started { " · " (shown.name) } }
                h1 { (heading(shown)) }
                @if !run.env.command.is_empty() { p.command { code { (run.env.command) } } }
            }
            (verdict::section(&scene))
            (environment::section(&scene))
            (heat::section(&scene))
            (percentiles::section(&scene))
            (by_load::section(&scene))
            (by_time::section(&scene))
            (forest::section(&scene))
            (figures::section(&scene))
            (raw(run, &scene))
        }
    }
}

/// The whole run for machines. No `<` can end the element.
fn raw(run: &Run, scene: &Scene<'_>) -> Markup {
    let json = serde_json::to_string(run).unwrap_or_default().replace('<', "\\u003c");
    html! {
        section aria-labelledby=(scene.id("raw")) {
            h2 id=(scene.id("raw")) { "For machines" }
            p { "The whole run lies in this page, as its run file would: a " code { "script" } " element of type "
                code { "application/json" } ", " code { "id=\"" (scene.id("json")) "\"" } ", schema " (run.schema) "." }
            script type="application/json" id=(scene.id("json")) { (PreEscaped(json)) }
        }
    }
}

/// A run, and what all its charts share: names, and a style for each thing that was driven.
struct Scene<'a> {
    run: &'a Run,
    labels: Labels,
    setups: Vec<String>,
    number: usize,
}

impl<'a> Scene<'a> {
    fn new(run: &'a Run, number: usize) -> Self {
        let labels = Labels::of(run);
        let mut setups = Vec::new();
        for cell in &run.cells {
            let setup = labels.setup(cell);
            if !setups.contains(&setup) {
                setups.push(setup);
            }
        }
        Self { run, labels, setups, number }
    }

    /// An id that no other run of the page has.
    fn id(&self, name: &str) -> String {
        format!("{name}-{}", self.number)
    }

    fn setup(&self, cell: &Cell) -> String {
        self.labels.setup(cell)
    }

    /// Which style the lines of `setup` have.
    fn style(&self, setup: &str) -> usize {
        self.setups.iter().position(|known| known == setup).unwrap_or_default()
    }
}

/// A section with its heading and an explanation.
fn section(scene: &Scene<'_>, id: &str, title: &str, explanation: &str, body: &Markup) -> Markup {
    html! {
        section aria-labelledby=(scene.id(id)) {
            h2 id=(scene.id(id)) { (title) }
            @if !explanation.is_empty() { p.explanation { (explanation) } }
            (body)
        }
    }
}

/// What a chart shows, as text.
fn as_text(caption: &str, table: &Table) -> Markup {
    html! { details { summary { "These figures as text" } (scrolled(caption, table)) } }
}

//! One page for a browser: it needs no network, no other file and no script, and every figure on it is there as text.
//!
//! The results first, then notes on them, then pictures, then the tables that they are made of.

mod by_load;
mod by_time;
mod chart;
mod environment;
mod figures;
mod forest;
mod heat;
mod percentiles;
mod verdict;

use listenrain_results::{Cell, Run};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::figures::scrolled;
use super::labels::Labels;
use super::table::Table;
use super::{Shown, plain};

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
    plain::lines(&page.into_string())
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
    // What the page writes as text elsewhere has to stay what it is here.
    let json = escaped(&json);
    html! {
        section aria-labelledby=(scene.id("raw")) {
            h2 id=(scene.id("raw")) { "For machines" }
            p { "The whole run lies in this page, as its run file would: a " code { "script" } " element of type "
                code { "application/json" } ", " code { "id=\"" (scene.id("json")) "\"" } ", schema " (run.schema) "." }
            script type="application/json" id=(scene.id("json")) { (PreEscaped(json)) }
        }
    }
}

/// JSON without characters that would not stay as they are in the page.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match plain::is_active(c) {
            true => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => escaped.push(c),
        }
    }
    escaped
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use crate::report::sheets::sheets;

    fn page_of(run: &Run) -> String {
        page(&[Shown::measured(run)])
    }

    fn all() -> [Run; 6] {
        [
            fixtures::rich(),
            fixtures::transports(),
            fixtures::curve(),
            fixtures::compared(),
            fixtures::checked(),
            fixtures::schema_1(),
        ]
    }

    /// The page without the JSON in it, which is data.
    fn without_data(page: &str) -> String {
        let mut parts = page.split("<script");
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |page, part| page + part.split_once("</script>").unwrap().1)
    }

    /// What a reader sees of the page: no element, no style, no data.
    fn text_of(page: &str) -> String {
        let page = without_data(page);
        let (before, rest) = page.split_once("<style>").unwrap();
        let (_, after) = rest.split_once("</style>").unwrap();
        let mut text = String::new();
        for part in format!("{before}{after}").split('<').skip(1) {
            text.push(' ');
            text.push_str(part.split_once('>').map_or("", |(_, text)| text));
        }
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
    }

    #[test]
    fn the_page_asks_for_nothing() {
        for run in all() {
            let page = without_data(&page_of(&run));
            for asks in
                ["url(", "@import", "<link", "<iframe", "<object", "<script", "xlink", "http:", "https:"]
            {
                assert!(!page.contains(asks), "{asks}");
            }
            let refers = page.split("href=\"").skip(1).all(|rest| rest.starts_with('#'));
            assert!(refers, "a link leads out of the page");
            // The hostile name has a `src` of its own, which must be text or the value of an attribute.
            for tag in page.split('<').skip(1).filter_map(|tag| Some(tag.split_once('>')?.0)) {
                let without_values: String = tag.split('"').step_by(2).collect();
                assert!(!without_values.contains("src"), "{tag}");
            }
        }
    }

    #[test]
    fn every_figure_of_the_tables_is_there_as_text() {
        for run in all() {
            let text = text_of(&page_of(&run));
            for sheet in sheets(&run) {
                for figure in sheet.table().rows.into_iter().flatten() {
                    assert!(text.contains(&figure), "{figure}");
                }
            }
        }
    }

    #[test]
    fn every_point_of_the_charts_is_there_as_text() {
        let run = fixtures::curve();
        let text = text_of(&page_of(&run));
        for trial in &run.searches[0].trials {
            let p99 = crate::units::brief(trial.response_us.p99.unwrap());
            assert!(text.contains(&p99), "{p99}");
        }
        for value in &run.cells[0].series.p99_us {
            let value = crate::units::brief(*value);
            assert!(text.contains(&format!(" {value} ")), "{value}");
        }
    }

    #[test]
    fn a_hostile_name_is_text_everywhere() {
        let run = fixtures::rich();
        let page = page_of(&run);
        assert!(!page.contains("<img") && !page.contains("<b>it"), "a name became an element");
        assert_eq!(page.matches("</script>").count(), 1, "a name ended the data");
        assert!(text_of(&page).contains(fixtures::HOSTILE));
    }

    #[test]
    fn the_data_in_the_page_is_the_run() {
        for run in all() {
            let page = page_of(&run);
            let (_, rest) = page.split_once("<script type=\"application/json\"").unwrap();
            let (_, json) = rest.split_once('>').unwrap();
            let (json, _) = json.split_once("</script>").unwrap();
            assert!(Run::from_json(json, "page").unwrap() == run, "it differs");
        }
    }

    #[test]
    fn no_id_comes_twice_and_every_reference_meets_one() {
        let (one, other) = (fixtures::rich(), fixtures::compared());
        let page = without_data(&page(&[Shown::measured(&one), Shown::measured(&other)]));
        let values = |name: &str| {
            let name = format!(" {name}=\"");
            page.split(&*name)
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let ids = values("id");
        let mut once = ids.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), ids.len());
        for reference in values("aria-labelledby") {
            for id in reference.split(' ') {
                assert!(ids.iter().any(|known| known == id), "{id}");
            }
        }
    }

    #[test]
    fn what_came_of_it_stands_first() {
        for (run, says) in [
            (fixtures::rich(), "1 of 7 rows failed."),
            (fixtures::transports(), "19 rows measured, none with an error"),
            (fixtures::curve(), "p99<1ms holds up to"),
            (fixtures::compared(), "unix, fifo against tcp: 5 of 7 figures differ"),
            (fixtures::checked(), "Regression, against main.json"),
        ] {
            let page = page_of(&run);
            let (_, rest) = page.split_once("<h2").unwrap();
            let (_, heading) = rest.split_once('>').unwrap();
            let heading = heading.split_once("</h2>").unwrap().0.replace("&lt;", "<");
            assert!(heading.contains(says), "{heading}");
        }
    }

    #[test]
    fn every_table_has_a_caption_and_scopes_and_every_chart_a_title() {
        for run in all() {
            let page = without_data(&page_of(&run));
            assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
            for table in page.split("<table").skip(1) {
                let table = table.split("</table>").next().unwrap();
                assert!(table.contains("scope=\"col\"") && table.contains("scope=\"row\""), "{table}");
            }
            for figure in page.split("<figure").skip(1) {
                assert!(figure.contains("<title") && figure.contains("<desc"));
            }
        }
    }

    #[test]
    fn text_on_the_heat_grid_is_readable_on_every_shade() {
        let pairs: Vec<_> = STYLE
            .split("background: #")
            .skip(1)
            .filter_map(|rest| {
                Some((rest.get(..6)?, rest.strip_prefix(&rest[..6])?.strip_prefix("; color: #")?.get(..6)?))
            })
            .collect();
        assert_eq!(pairs.len(), 10, "five shades, light and dark");
        for (ground, text) in pairs {
            let (one, other) = (luminance(ground), luminance(text));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.1}");
        }
    }

    /// Relative luminance as WCAG 2 defines it.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    }
}

//! Progress through a run: a live view where a terminal is watched, a line a launch elsewhere. On standard error.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use console::{Style, Term};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use listenrain_results::Cell;

use crate::cell::Tick;
use crate::load::CellConfig;
use crate::streams::say;
use crate::units::{brief, or_none, whole};

/// A launch takes so much more than its warm-up and its window: to start, to connect, to end.
const AROUND: Duration = Duration::from_millis(100);
/// How many ticks the curve shows.
const TICKS: usize = 40;
const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Every line fits 60 columns, but for a long name of a cell.
const TEMPLATE: &str = "{bar:24} {msg}";

/// Progress through a number of launches. Dropped, it leaves nothing behind on a terminal.
#[derive(Debug)]
pub(crate) struct View {
    place: Place,
    began: Instant,
    /// What all launches should take together.
    expected: Duration,
    launches: usize,
    over: usize,
    /// Which launch of its cell is under way, and of how many.
    launch: (usize, usize),
    label: String,
    last: Option<Tick>,
    history: VecDeque<f64>,
}

/// Where it is shown.
#[derive(Debug)]
enum Place {
    Nowhere,
    Lines,
    Bar(ProgressBar),
}

impl View {
    /// Of launches of these cells that follow one another, each cell's `each` times; of nothing where it is to be `quiet`.
    pub(crate) fn of(cells: &[CellConfig], each: usize, quiet: bool) -> Self {
        let is_plain = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let place = match Term::stderr().is_term() && !is_plain {
            _ if quiet => Place::Nowhere,
            true => bar(ProgressDrawTarget::stderr()),
            false => Place::Lines,
        };
        let one = |cell: &CellConfig| cell.warmup + cell.duration + AROUND;
        Self::at(place, cells.len() * each, cells.iter().map(one).sum::<Duration>() * each as u32)
    }

    fn at(place: Place, launches: usize, expected: Duration) -> Self {
        let (label, history) = (String::new(), VecDeque::with_capacity(TICKS));
        let began = Instant::now();
        Self { place, began, expected, launches, over: 0, launch: (0, 1), label, last: None, history }
    }

    /// Whether ticks are shown.
    pub(crate) fn is_watched(&self) -> bool {
        matches!(self.place, Place::Bar(_))
    }

    /// `cell` is measured next, by launch number `launch`, from 0, of its `of`.
    pub(crate) fn begins(&mut self, cell: &CellConfig, launch: usize, of: usize) {
        (self.label, self.launch, self.last) = (cell.label(), (launch, of), None);
        self.history.clear();
        self.draw();
    }

    /// The launch under way says how it is.
    pub(crate) fn tick(&mut self, tick: &Tick) {
        if !tick.is_warm_up {
            if self.history.len() == TICKS {
                self.history.pop_front();
            }
            self.history.push_back(tick.tps);
        }
        self.last = Some(*tick);
        self.draw();
    }

    /// The launch is over.
    pub(crate) fn ended(&mut self, config: &CellConfig, cell: &Cell) {
        (self.over, self.last) = (self.over + 1, None);
        if let Place::Lines = self.place {
            say(self.line(config, cell));
        }
        self.draw();
    }

    fn line(&self, config: &CellConfig, cell: &Cell) -> String {
        let failed = cell.what_failed().map_or_else(String::new, |what| format!(", FAILED: {what}"));
        let (over, all) = (self.over, self.all());
        format!("{over}/{all}  {}: {} tps{failed}", config.label(), brief(cell.tps))
    }

    /// All launches; of a run that goes on until it is exact enough, those known of.
    fn all(&self) -> usize {
        self.launches.max(self.over)
    }

    /// How much of the run is over, from 0 to 1, the launch under way by its planned time.
    fn share(&self) -> f64 {
        let all = self.all().max(1) as f64;
        let planned = self.expected.as_secs_f64() / all;
        let at = self.last.map_or(0.0, |tick| tick.at_s);
        let under_way = if planned > 0.0 { (at / planned).clamp(0.0, 1.0) } else { 0.0 };
        ((self.over as f64 + under_way) / all).clamp(0.0, 1.0)
    }

    /// Time to go, when the run has taken `gone` so far: as planned before a launch is over, and at their pace then.
    fn to_go(&self, gone: Duration) -> Duration {
        match self.share() {
            share if self.over > 0 && share > 0.0 => gone.mul_f64(1.0 / share - 1.0),
            _ => self.expected.saturating_sub(gone),
        }
    }

    fn draw(&self) {
        let Place::Bar(bar) = &self.place else { return };
        bar.set_position((self.share() * 1000.0) as u64);
        bar.set_message(self.text(self.began.elapsed(), console::colors_enabled_stderr()));
    }

    /// Where the run is, and the figures of the last second.
    fn text(&self, gone: Duration, has_colours: bool) -> String {
        let whole_s = |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs()));
        let (launch, of) = self.launch;
        let launch = if of > 1 { format!(", launch {}/{of}", launch + 1) } else { String::new() };
        let (all, to_go) = (self.all(), self.to_go(gone));
        let mut text = format!(
            "{}/{all}{launch}\n{}\n{} gone, {} to go",
            (self.over + 1).min(all),
            self.label,
            whole_s(gone),
            whole_s(to_go)
        );
        let Some(tick) = &self.last else { return text };
        let us = |value| or_none(value, brief);
        let cpu = or_none(tick.client_cpu_percent, whole);
        let cpu = match tick.server_cpu_percent {
            Some(server) => format!("client {cpu}, server {}", whole(server)),
            None => cpu,
        };
        let lost = |what: &str, count: u64| {
            let style = Style::new().red().bold().force_styling(has_colours);
            let text = format!("{what} {count}");
            if count > 0 { style.apply_to(text).to_string() } else { text }
        };
        let warm_up = if tick.is_warm_up { "  warming up" } else { "" };
        text += &format!("\ntps      {:>11}  {}{warm_up}", whole(tick.tps), self.curve());
        text += &format!(
            "\nlast s   p50 {} µs   p99 {} µs   max {} µs",
            us(tick.p50_us),
            us(tick.p99_us),
            us(tick.max_us)
        );
        text + &format!(
            "\ncpu %    {cpu}   {}   {}",
            lost("dropped", tick.dropped),
            lost("errors", tick.errors)
        )
    }

    /// Throughput over the last ticks, from 0 to the highest of them.
    fn curve(&self) -> String {
        let top = self.history.iter().fold(0.0, |top: f64, tps| top.max(*tps));
        let step = |tps: &f64| if top > 0.0 { (tps / top * 7.0).round().clamp(0.0, 7.0) as usize } else { 0 };
        self.history.iter().map(|tps| STEPS[step(tps)]).collect()
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Place::Bar(bar) = &self.place {
            bar.finish_and_clear();
        }
    }
}

fn bar(target: ProgressDrawTarget) -> Place {
    let style = ProgressStyle::with_template(TEMPLATE).map(|style| style.progress_chars("██░"));
    let bar = ProgressBar::with_draw_target(Some(1000), target);
    Place::Bar(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    fn view(terminal: &InMemoryTerm, launches: usize) -> View {
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        View::at(bar(target), launches, Duration::from_secs(60))
    }

    fn tick(tps: f64) -> Tick {
        Tick {
            at_s: 1.0,
            tps,
            p50_us: Some(12.3),
            p99_us: Some(45.6),
            max_us: Some(1234.0),
            client_cpu_percent: Some(98.0),
            server_cpu_percent: Some(76.0),
            dropped: 2,
            errors: 0,
            is_warm_up: false,
        }
    }

    fn config() -> CellConfig {
        CellConfig { parallel: 16, ..CellConfig::default() }
    }

    #[test]
    fn the_view_has_every_figure_however_narrow_and_is_gone_in_the_end() {
        for width in [120, 60] {
            let terminal = InMemoryTerm::new(24, width);
            let mut view = view(&terminal, 24);
            view.begins(&config(), 1, 5);
            for tps in [0.0, 60_000.0, 123_456.0] {
                view.tick(&tick(tps));
            }
            let shown = terminal.contents();
            let rows: Vec<_> = shown.lines().collect();
            assert!(rows[0].ends_with(" 1/24, launch 2/5"), "{shown}");
            assert_eq!(rows[1], "tcp listenrain 16 x 4KiB on current");
            assert!(rows[2].ends_with(" to go"), "{shown}");
            assert_eq!(
                rows[3..],
                [
                    "tps          123,456  ▁▄█",
                    "last s   p50 12.3 µs   p99 45.6 µs   max 1,234 µs",
                    "cpu %    client 98, server 76   dropped 2   errors 0",
                ]
            );
            view.tick(&Tick { is_warm_up: true, ..tick(1.0) });
            assert!(terminal.contents().lines().nth(3).unwrap().ends_with("warming up"));
            drop(view);
            assert_eq!(terminal.contents(), "", "{width} columns");
        }
    }

    #[test]
    fn time_to_go_is_as_planned_first_and_by_the_pace_after() {
        let mut view = View::at(Place::Nowhere, 4, Duration::from_secs(40));
        let seconds = Duration::from_secs;
        assert_eq!((view.share(), view.to_go(seconds(4))), (0.0, seconds(36)));
        view.ended(&config(), &Cell::default());
        // One launch took 15 s: three more do.
        assert_eq!((view.share(), view.to_go(seconds(15))), (0.25, seconds(45)));
        view.tick(&Tick { at_s: 5.0, ..Tick::default() });
        assert_eq!(view.share(), 0.375);
        view.tick(&Tick { at_s: 500.0, ..Tick::default() });
        assert_eq!(view.share(), 0.5);
        (0..9).for_each(|_| view.ended(&config(), &Cell::default()));
        assert_eq!((view.share(), view.to_go(seconds(500))), (1.0, seconds(0)));
    }

    #[test]
    fn the_curve_keeps_the_last_ticks_and_red_is_what_was_lost_where_there_are_colours() {
        let mut view = View::at(Place::Nowhere, 1, Duration::from_secs(1));
        (0..100).for_each(|_| view.tick(&tick(1.0)));
        assert_eq!(view.curve(), "█".repeat(TICKS));
        let red = "\u{1b}[31m";
        assert!(view.text(Duration::ZERO, true).contains(red));
        assert!(!view.text(Duration::ZERO, false).contains('\u{1b}'));
        view.tick(&Tick { dropped: 0, ..tick(1.0) });
        assert!(!view.text(Duration::ZERO, true).contains(red));
    }
}

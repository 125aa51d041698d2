//! What the live view says: where the run is, and the figures of the last second.

use std::collections::VecDeque;
use std::time::Duration;

use console::Style;

use super::columns::{brief, or_none, whole};
use crate::config::CellConfig;
use crate::tick::Tick;

/// How many ticks the curve shows.
const TICKS: usize = 60;
/// Fewer columns than that, and what is less important is left out.
const WIDE: usize = 77;
const BAR: usize = 24;
const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The state of a run.
#[derive(Debug)]
pub(super) struct Block {
    launches: usize,
    over: usize,
    expected: Duration,
    label: String,
    launch: (usize, usize),
    last: Option<Tick>,
    history: VecDeque<f64>,
    has_colors: bool,
}

impl Block {
    pub(super) fn new(launches: usize, expected: Duration, has_colors: bool) -> Self {
        let (label, history) = (String::new(), VecDeque::with_capacity(TICKS));
        Self { launches, over: 0, expected, label, launch: (0, 1), last: None, history, has_colors }
    }

    pub(super) fn begins(&mut self, config: &CellConfig, launch: usize, of: usize) {
        (self.label, self.launch, self.last) = (config.label(), (launch, of), None);
        self.history.clear();
    }

    pub(super) fn tick(&mut self, tick: &Tick) {
        if !tick.is_warm_up {
            if self.history.len() == TICKS {
                self.history.pop_front();
            }
            self.history.push_back(tick.tps);
        }
        self.last = Some(*tick);
    }

    pub(super) fn ended(&mut self) {
        self.over += 1;
        self.last = None;
    }

    /// Launches that are over, and all of them: of a run that goes on until it is exact enough, those known of.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.over, self.launches.max(self.over))
    }

    /// Time to go, when the run has taken `gone` so far: at the pace of the launches that are over, or as planned
    /// before there are any.
    fn to_go(&self, gone: Duration) -> Duration {
        let (over, launches) = self.count();
        let current = self.last.map_or(0.0, |tick| tick.at_s.max(0.0));
        if over == 0 {
            return self.expected.saturating_sub(gone);
        }
        let finished = (gone.as_secs_f64() - current).max(0.0);
        let left = finished / over as f64 * (launches - over) as f64 - current;
        Duration::try_from_secs_f64(left.max(0.0)).unwrap_or_default()
    }

    /// How much of the run is over, from 0 to 1, the launch under way by its planned time.
    fn share(&self) -> f64 {
        let (over, launches) = self.count();
        let planned = self.expected.as_secs_f64() / launches.max(1) as f64;
        let at = self.last.map_or(0.0, |tick| tick.at_s);
        let under_way = if planned > 0.0 { (at / planned).clamp(0.0, 1.0) } else { 0.0 };
        ((over as f64 + under_way) / launches.max(1) as f64).clamp(0.0, 1.0)
    }

    /// The lines for a terminal of `width` columns, when the run has taken `gone` so far.
    pub(super) fn lines(&self, width: usize, gone: Duration) -> Vec<String> {
        let mut lines = if width < WIDE { self.narrow_head(gone) } else { vec![self.wide_head(gone)] };
        if let Some(tick) = &self.last {
            lines.extend(if width < WIDE { self.narrow(tick, width) } else { self.wide(tick, width) });
        }
        lines
    }

    fn place(&self) -> String {
        let (over, launches) = self.count();
        let (launch, of) = self.launch;
        let launch = if of > 1 { format!(", launch {}/{of}", launch + 1) } else { String::new() };
        format!("{}/{launches}{launch}", (over + 1).min(launches))
    }

    fn time(&self, gone: Duration) -> String {
        let whole =
            |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs())).to_string();
        format!("{} gone, {} to go", whole(gone), whole(self.to_go(gone)))
    }

    fn wide_head(&self, gone: Duration) -> String {
        let full = (self.share() * BAR as f64) as usize;
        let bar = "█".repeat(full) + &"░".repeat(BAR - full);
        format!(
            "{bar} {}  {}  {}",
            self.place(),
            self.time(gone),
            self.style(Style::new().bold(), &self.label)
        )
    }

    fn narrow_head(&self, gone: Duration) -> Vec<String> {
        vec![format!("{}  {}", self.place(), self.time(gone)), self.style(Style::new().bold(), &self.label)]
    }

    fn wide(&self, tick: &Tick, width: usize) -> Vec<String> {
        let us = |value| or_none(value, brief);
        let tps = format!("  tps      {:>11}", whole(tick.tps));
        let warm_up =
            if tick.is_warm_up { self.style(Style::new().yellow(), "  warming up") } else { String::new() };
        let room = width.saturating_sub(tps.len() + 2 + 12);
        let cpu = format!("  cpu %    {}", self.cpu(tick));
        vec![
            format!("{tps}  {}{warm_up}", self.curve(room)),
            format!(
                "  last s   p50 {} µs   p99 {} µs   max {} µs",
                us(tick.p50_us),
                us(tick.p99_us),
                us(tick.max_us)
            ),
            format!("{cpu}   {}", self.losses(tick)),
        ]
    }

    fn narrow(&self, tick: &Tick, width: usize) -> Vec<String> {
        let us = |value| or_none(value, brief);
        let warm_up = if tick.is_warm_up { "warming up, " } else { "" };
        let tps = format!("{warm_up}{} tps", whole(tick.tps));
        let room = width.saturating_sub(tps.len() + 2);
        vec![
            format!("{tps}  {}", self.curve(room)),
            format!("µs: p50 {}  p99 {}  max {}", us(tick.p50_us), us(tick.p99_us), us(tick.max_us)),
            format!("cpu %: {}", self.cpu(tick)),
            self.losses(tick),
        ]
    }

    fn cpu(&self, tick: &Tick) -> String {
        let client = or_none(tick.client_cpu_percent, whole);
        match tick.server_cpu_percent {
            Some(server) => format!("client {client}, server {}", whole(server)),
            None => client,
        }
    }

    fn losses(&self, tick: &Tick) -> String {
        let count = |what: &str, count: u64| {
            let text = format!("{what} {count}");
            if count > 0 { self.style(Style::new().red().bold(), &text) } else { text }
        };
        format!("{}   {}", count("dropped", tick.dropped), count("errors", tick.errors))
    }

    /// Throughput over the last ticks, from 0 to the highest of them.
    fn curve(&self, room: usize) -> String {
        let shown = self.history.len().min(room);
        let ticks = self.history.iter().skip(self.history.len() - shown);
        let top = ticks.clone().fold(0.0, |top: f64, tps| top.max(*tps));
        let step = |tps: &f64| if top > 0.0 { (tps / top * 7.0).round().clamp(0.0, 7.0) as usize } else { 0 };
        ticks.map(|tps| STEPS[step(tps)]).collect()
    }

    fn style(&self, style: Style, text: &str) -> String {
        if self.has_colors { style.force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn time_to_go_is_as_planned_first_and_by_the_pace_after() {
        let mut block = Block::new(4, seconds(40), false);
        assert_eq!(block.to_go(seconds(4)), seconds(36));
        block.ended();
        // One launch took 15 s: three more do.
        assert_eq!(block.to_go(seconds(15)), seconds(45));
        block.tick(&Tick { at_s: 5.0, ..Tick::default() });
        assert_eq!(block.to_go(seconds(20)), seconds(40));
        block.tick(&Tick { at_s: 500.0, ..Tick::default() });
        assert_eq!(block.to_go(seconds(515)), seconds(0));
    }

    #[test]
    fn the_bar_counts_the_launch_under_way_by_its_planned_time() {
        let mut block = Block::new(4, seconds(40), false);
        assert_eq!(block.share(), 0.0);
        block.tick(&Tick { at_s: 5.0, ..Tick::default() });
        assert_eq!(block.share(), 0.125);
        block.tick(&Tick { at_s: 500.0, ..Tick::default() });
        assert_eq!(block.share(), 0.25);
        (0..9).for_each(|_| block.ended());
        assert_eq!((block.share(), block.count()), (1.0, (9, 9)));
        assert_eq!(Block::new(0, seconds(0), false).share(), 0.0);
    }

    #[test]
    fn the_curve_begins_at_nought_and_keeps_the_last_ticks() {
        let mut block = Block::new(1, seconds(1), false);
        assert_eq!(block.curve(60), "");
        for tps in [0.0, 50.0, 100.0] {
            block.tick(&Tick { tps, ..Tick::default() });
        }
        assert_eq!(block.curve(60), "▁▅█");
        assert_eq!(block.curve(2), "▅█");
        for _ in 0..100 {
            block.tick(&Tick::default());
        }
        assert_eq!(block.curve(99), "▁".repeat(60));
    }

    #[test]
    fn red_is_what_was_lost_and_only_where_there_are_colours() {
        let lost = Tick { dropped: 3, ..Tick::default() };
        let red = "\u{1b}[31m";
        assert!(Block::new(1, seconds(1), true).losses(&lost).contains(red));
        assert!(!Block::new(1, seconds(1), true).losses(&Tick::default()).contains(red));
        assert_eq!(Block::new(1, seconds(1), false).losses(&lost), "dropped 3   errors 0");
    }
}

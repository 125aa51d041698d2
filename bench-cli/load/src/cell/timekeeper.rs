//! Begin, windows and end of the timed window, kept by a thread of its own: no timer burdens the runtime that is measured.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::protocol::{FromChild, send};
use super::ticks::Ticks;
use super::window::Windows;
use crate::drive::Phases;
use crate::load::CellConfig;
use crate::meter::Tally;
use crate::meter::usage::{Snapshot, peak_resident_mib};

/// Switches a meter's phases at their time.
pub(super) struct Timekeeper {
    stop: Sender<()>,
    thread: JoinHandle<Vec<Windows>>,
}

impl Timekeeper {
    /// Begins the warm-up now. `begins` is told of the beginning of the timed window, `over` of its end.
    pub(super) fn start(
        phases: Arc<Phases>,
        config: &CellConfig,
        wants_ticks: bool,
        begins: impl FnOnce(Instant) + Send + 'static,
        over: oneshot::Sender<()>,
    ) -> Self {
        let (stop, stopped) = mpsc::channel();
        let schedule = Schedule {
            warmup: config.warmup,
            parts: parts(config),
            marks: 0,
            shown: wants_ticks.then(Ticks::default),
            phases,
            stopped,
        };
        let thread = thread::spawn(move || {
            let windows = schedule.keep(begins);
            // Nothing waits for it any more when the load ended early.
            let _ = over.send(());
            windows
        });
        Self { stop, thread }
    }

    /// Ends the window now, if it has not ended yet.
    pub(super) fn stopper(&self) -> Sender<()> {
        self.stop.clone()
    }

    /// The windows of each phase that was begun, the last cut short now if it has not ended yet.
    pub(super) fn stop(self) -> Vec<Windows> {
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_default()
    }
}

/// A phase: how long it is, and how many windows it is cut into.
type Part = (Duration, u32);

/// One for each phase of a scenario, else one.
pub fn parts(config: &CellConfig) -> Vec<Part> {
    let phases = (0..config.phases()).map(|index| config.phase(index));
    phases.map(|phase| (phase.duration, phase.windows())).collect()
}

struct Schedule {
    phases: Arc<Phases>,
    warmup: Duration,
    parts: Vec<Part>,
    /// FromChild so far, over all phases.
    marks: usize,
    /// Where there is a live view.
    shown: Option<Ticks>,
    stopped: Receiver<()>,
}

impl Schedule {
    fn keep(mut self, begins: impl FnOnce(Instant)) -> Vec<Windows> {
        let began = Instant::now();
        if let Some(shown) = &self.shown {
            shown.warm_up();
        }
        if !self.goes_on_until(began + self.warmup) {
            self.phases.end(Instant::now());
            return vec![Windows::default()];
        }
        let mut start = Instant::now();
        begins(start);
        let mut all: Vec<Windows> = Vec::new();
        let mut first = self.mark();
        self.phases.begin(0, start);
        for index in 0..self.parts.len() {
            let (windows, goes_on) = self.time(index, start, began, first);
            // A phase begins with the mark that the one before ended with.
            first = windows.marks.last().copied().unwrap_or(first);
            all.push(windows);
            if !goes_on {
                break;
            }
            start += self.parts[index].0;
        }
        all
    }

    /// One phase, and whether it has come to its end.
    fn time(&mut self, index: usize, start: Instant, began: Instant, first: Snapshot) -> (Windows, bool) {
        let (duration, count) = self.parts[index];
        let mut windows = Windows::default();
        windows.marks.push(first);
        let (mut window, mut spare) = (Tally::default(), Tally::default());
        let mut goes_on = true;
        for number in 1..=count {
            // A part of the whole each time, so that nothing is rounded twice.
            goes_on = self.goes_on_until(start + duration * number / count);
            if !goes_on {
                self.phases.end(Instant::now());
            } else if number == count {
                self.phases.begin(index + 1, Instant::now());
            }
            windows.marks.push(self.mark());
            let meter = self.phases.meter(index);
            meter.take(&mut window, &mut spare);
            windows.push(&window);
            if let Some(shown) = &mut self.shown {
                shown.add(&window, &windows.marks, began, meter.errors().count());
            }
            window.clear();
            if !goes_on {
                break;
            }
        }
        self.shown = self.shown.as_ref().map(|_| Ticks::default());
        windows.peak_mib = peak_resident_mib();
        (windows, goes_on)
    }

    fn goes_on_until(&self, instant: Instant) -> bool {
        let wait = instant.saturating_duration_since(Instant::now());
        self.stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout)
    }

    fn mark(&mut self) -> Snapshot {
        send(&FromChild::Marked(self.marks));
        self.marks += 1;
        Snapshot::now()
    }
}

//! Begin, windows and end of the timed window, kept by a thread of its own: no timer burdens the runtime that is measured.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::shown::Shown;
use super::window::Windows;
use super::words::{Said, say};
use crate::config::CellConfig;
use crate::meter::usage::{Snapshot, peak_resident_mib};
use crate::meter::{Meter, Phase, Tally};

/// Switches a meter's phases at their time.
pub(super) struct Timekeeper {
    stop: Sender<()>,
    thread: JoinHandle<Windows>,
}

impl Timekeeper {
    /// Begins the warm-up now. `begins` is told of the beginning of the timed window, `over` of its end.
    pub(super) fn start(
        meter: Arc<Meter>,
        config: &CellConfig,
        wants_ticks: bool,
        begins: impl FnOnce(Instant) + Send + 'static,
        over: oneshot::Sender<()>,
    ) -> Self {
        let (stop, stopped) = mpsc::channel();
        let course = Course {
            warmup: config.warmup,
            duration: config.duration,
            windows: config.windows(),
            shown: wants_ticks.then(Shown::default),
            meter,
            stopped,
        };
        let thread = thread::spawn(move || {
            let windows = course.keep(begins);
            // Nobody waits for it any more when the load ended early.
            let _ = over.send(());
            windows
        });
        Self { stop, thread }
    }

    /// Ends the window now, if it has not ended yet: for whoever cannot wait.
    pub(super) fn stopper(&self) -> Sender<()> {
        self.stop.clone()
    }

    /// The windows, the last cut short now if it has not ended yet.
    pub(super) fn stop(self) -> Windows {
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_default()
    }
}

struct Course {
    meter: Arc<Meter>,
    warmup: Duration,
    duration: Duration,
    windows: u32,
    /// For whom nobody watches, there is none.
    shown: Option<Shown>,
    stopped: Receiver<()>,
}

impl Course {
    fn keep(mut self, begins: impl FnOnce(Instant)) -> Windows {
        let mut windows = Windows::default();
        let began = Instant::now();
        if let Some(shown) = &self.shown {
            shown.warm_up();
        }
        if !self.goes_on_until(began + self.warmup) {
            self.meter.enter(Phase::Over, Instant::now());
            return windows;
        }
        let start = Instant::now();
        begins(start);
        mark(&mut windows);
        self.meter.enter(Phase::Timed, start);
        let (mut window, mut spare) = (Tally::default(), Tally::default());
        for number in 1..=self.windows {
            // A part of the whole each time, so that nothing is rounded twice.
            let goes_on = self.goes_on_until(start + self.duration * number / self.windows);
            if number == self.windows || !goes_on {
                self.meter.enter(Phase::Over, Instant::now());
            }
            mark(&mut windows);
            self.meter.take(&mut window, &mut spare);
            windows.push(&window);
            if let Some(shown) = &mut self.shown {
                shown.add(&window, &windows.marks, began, self.meter.errors().count());
            }
            window.clear();
            if !goes_on {
                break;
            }
        }
        windows.peak_mib = peak_resident_mib();
        windows
    }

    fn goes_on_until(&self, instant: Instant) -> bool {
        let wait = instant.saturating_duration_since(Instant::now());
        self.stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout)
    }
}

fn mark(windows: &mut Windows) {
    say(&Said::Marked(windows.marks.len()));
    windows.marks.push(Snapshot::now());
}

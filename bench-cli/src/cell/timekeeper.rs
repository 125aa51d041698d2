//! Begin and end of the window, kept by a thread of its own: no timer burdens the runtime that is measured.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::meter::{Meter, Phase, cpu};

/// Switches a meter's phases at their time.
pub(super) struct Timekeeper {
    stop: Sender<()>,
    thread: JoinHandle<Window>,
}

/// What passed between begin and end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    pub(super) elapsed: Duration,
    cpu: Option<Duration>,
}

impl Window {
    pub(super) fn cpu_percent(&self) -> Option<f64> {
        self.cpu.map(|used| cpu::percent(used, self.elapsed))
    }
}

impl Timekeeper {
    pub(super) fn start(
        meter: Arc<Meter>,
        warmup: Duration,
        duration: Duration,
        over: oneshot::Sender<()>,
    ) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let window = keep(&meter, warmup, duration, &stopped);
            // Nobody waits for it any more when the load ended early.
            let _ = over.send(());
            window
        });
        Self { stop, thread }
    }

    /// The window, cut short now if it has not ended yet.
    pub(super) fn stop(self) -> Window {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

fn keep(meter: &Meter, warmup: Duration, duration: Duration, stopped: &Receiver<()>) -> Window {
    let goes_on = |time| stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    if !goes_on(warmup) {
        meter.enter(Phase::Over, Instant::now());
        return Window::default();
    }
    let (began, cpu_before) = (Instant::now(), cpu::process_time());
    meter.enter(Phase::Timed, began);
    goes_on(duration);
    meter.enter(Phase::Over, Instant::now());
    let elapsed = began.elapsed();
    let cpu = cpu::process_time().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    Window { elapsed, cpu }
}

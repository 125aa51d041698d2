//! Signals that ask for an end: Ctrl-C, the signal by which an engine ends a job, and that of a terminal that is gone. Where a
//! command measures or serves, the first ends what is under way with what it has; the second ends this process, whatever it
//! waits for, and so does the first of any other command.
//!
//! They are heard by a thread of their own. A process 1 gets none that it does not listen to, so every command listens.

use std::process::exit;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::watch;

/// The exit code of a process that was interrupted.
pub(crate) const INTERRUPTED: u8 = 130;
/// A hang-up that comes so soon after another signal is of the same event: a shell passes on the one that it got itself, and
/// a service manager may send one after its first signal.
const SAME_EVENT: Duration = Duration::from_secs(1);

/// How many signals have come.
static COUNT: LazyLock<watch::Sender<u32>> = LazyLock::new(|| watch::channel(0).0);
/// How many hang-ups have come that ask for no end.
static HANG_UPS: LazyLock<watch::Sender<u32>> = LazyLock::new(|| watch::channel(0).0);
/// Whether a hang-up asks for something else than an end.
static ENDS_BY_HANG_UP: AtomicBool = AtomicBool::new(true);
/// As many end the process at once.
static ENOUGH: AtomicU32 = AtomicU32::new(1);

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Asked,
    #[cfg_attr(not(unix), allow(dead_code, reason = "there is no such signal"))]
    HungUp,
}

/// Listens to signals from now on, until the process ends: once, before anything else is done. Where a signal cannot be heard
/// the system's own way stays, which is to end the process.
pub(crate) fn hear_signals() {
    let (ready, is_ready) = mpsc::channel();
    let hear = move || {
        let Ok(runtime) = Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async {
            let Ok(mut signals) = Signals::listen() else { return };
            let _ = ready.send(());
            let mut last = None;
            loop {
                let heard = signals.next().await;
                if heard == Heard::HungUp && !ENDS_BY_HANG_UP.load(Ordering::SeqCst) {
                    HANG_UPS.send_modify(|count| *count += 1);
                    continue;
                }
                if counts(heard, last, Instant::now()) {
                    last = Some(Instant::now());
                    COUNT.send_modify(|count| *count += 1);
                }
                if *COUNT.borrow() >= ENOUGH.load(Ordering::SeqCst) {
                    exit(INTERRUPTED.into());
                }
            }
        });
    };
    if thread::Builder::new().name("signals".to_owned()).spawn(hear).is_ok() {
        // Ends without a word where there is nothing to hear.
        let _ = is_ready.recv();
    }
}

/// Whether it is one more, and not the echo of the `last`.
fn counts(heard: Heard, last: Option<Instant>, now: Instant) -> bool {
    heard == Heard::Asked || last.is_none_or(|last| now - last >= SAME_EVENT)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hang_up = match is_hang_up_ignored() {
            true => None,
            false => Some(signal(SignalKind::hangup())?),
        };
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, hang_up })
    }

    async fn next(&mut self) -> Heard {
        let hung_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Heard::Asked,
            _ = self.terminate.recv() => Heard::Asked,
            _ = hung_up => Heard::HungUp,
        }
    }
}

/// Whether this process was started to outlive its terminal, as `nohup` does.
fn is_hang_up_ignored() -> bool {
    let ignored = crate::machine::root::Root::system().field("proc/self/status", "SigIgn");
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // Signal 1 is the lowest bit.
    ignored & 1 != 0
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Heard {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Heard::Asked,
            Err(_) => std::future::pending().await,
        }
    }
}

/// How often an end was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(watch::Receiver<u32>);

impl Interrupt {
    /// From now on the first signal is for the caller to obey, and the second ends this process.
    pub(crate) fn listen() -> Self {
        ENOUGH.store(2, Ordering::SeqCst);
        Self(COUNT.subscribe())
    }

    /// From now on a hang-up asks for no end; each is told to what this gives. `None` where none is heard.
    pub(crate) fn hang_ups(&self) -> Option<HangUps> {
        ENDS_BY_HANG_UP.store(false, Ordering::SeqCst);
        (cfg!(unix) && !is_hang_up_ignored()).then(|| HangUps(HANG_UPS.subscribe()))
    }

    /// Ends when an end was asked for.
    pub(crate) async fn once(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|count| *count > 0).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn was_pressed(&self) -> bool {
        *self.0.borrow() > 0
    }
}

/// The hang-ups of a process that they do not end.
#[derive(Debug)]
pub(crate) struct HangUps(watch::Receiver<u32>);

impl HangUps {
    /// Ends with the next one, or with several that came since the last.
    pub(crate) async fn next(&mut self) {
        // Its sender lives as long as the process.
        let _ = self.0.changed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_of_a_hang_up_is_no_second_signal_and_every_other_is_one() {
        // Broken by a count of signals alone: a lost connection sends two, and nothing would be written.
        let first = Instant::now();
        let after = |wait: u64| first + Duration::from_millis(wait);
        assert!(counts(Heard::HungUp, None, first));
        assert!(!counts(Heard::HungUp, Some(first), after(20)));
        assert!(counts(Heard::HungUp, Some(first), after(1_000)));
        assert!(counts(Heard::Asked, Some(first), after(20)));
    }
}

//! One case on one transport, under a watchdog.
//!
//! Each attempt has a thread and a runtime of its own; see `attempt` for what happens there, and `alone` for cases that
//! need a whole process. What hangs is told to stop; a thread that is blocked cannot hear that, and is left behind.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::alone::Alone;
use super::attempt::{self, Attempt, Ending, Watch};
use super::case::Case;
use super::context::Roles;
use super::held::Left;
use super::record::{AGAIN, Record, Verdict};
use super::subject::Make;
use crate::command::this_program;
use crate::faults::Hardship;

/// How trials are run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Decides every random choice. Default: 1.
    pub seed: u64,
    /// How many times smaller bulk transfers and repetitions are than their full sizes. Default: 1. Bounds: from 1.
    pub divisor: usize,
    /// How many times longer than its own limit a case may take before it counts as stuck. Default: 1. Bounds: above 0.
    pub patience: f64,
}

impl Settings {
    /// How long `case` may take; its own limit where patience is no number that makes one.
    pub(super) fn limit(&self, case: &Case) -> Duration {
        let seconds = case.within.as_secs_f64() * self.patience;
        Duration::try_from_secs_f64(seconds).unwrap_or(case.within)
    }

    /// The command by which this program, if it is a tool, runs a trial again.
    pub(crate) fn replay(&self, transport: &str, case: &Case, hardship: Option<Hardship>) -> String {
        let hardship = hardship.map_or("none", Hardship::name);
        let smaller = match self.divisor {
            1 => String::new(),
            divisor => format!(" --smaller {divisor}"),
        };
        format!(
            "{} conformance --transport {transport} --case {} --hardship {hardship} --seed {}{smaller}",
            this_program(),
            case.id,
            self.seed
        )
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 1, divisor: 1, patience: 1.0 }
    }
}

/// One case to be run on one transport.
#[derive(Clone)]
#[non_exhaustive]
pub struct Trial {
    /// The transport's name in reports.
    pub transport: String,
    /// Makes the transport.
    pub make: Make,
    /// What is to hold.
    pub case: &'static Case,
    /// Under which hardship, if any.
    pub hardship: Option<Hardship>,
    /// How.
    pub settings: Settings,
    /// Where cases run that need a process of their own.
    pub alone: Alone,
    /// The command that runs it again, for the reader of a failure.
    pub replay: String,
}

/// Beyond a case's own limit, by the clock on the wall: the case's own may be paused, or its thread busy.
const SLACK: Duration = Duration::from_secs(2);
/// How long a thread has to notice that it is told to stop.
const STOPPING: Duration = Duration::from_millis(500);

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, case, hardship, .. } = self;
        write!(f, "Trial({} on {transport} under {hardship:?})", case.id)
    }
}

impl Trial {
    /// `case` on what `make` makes: without a hardship, with default settings, and skipped when it needs a process of
    /// its own.
    #[must_use]
    pub fn new(transport: &str, make: Make, case: &'static Case) -> Self {
        let settings = Settings::default();
        let replay = settings.replay(transport, case, None);
        let transport = transport.to_owned();
        Self { transport, make, case, hardship: None, settings, alone: Alone::Nowhere, replay }
    }

    /// Runs it, in both roles where that matters, and says what came of it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it tells its thread to stop, or kills its process.
    pub async fn run(&self) -> Record {
        let start = Instant::now();
        if self.case.is_alone && !self.alone.is_here() {
            return self.alone.run(self).await.unwrap_or_else(|why| self.record(start, why, &[], Vec::new()));
        }
        let (mut roles, mut notes) = (Vec::new(), Vec::new());
        let mut ending = Ending::Passed;
        for role in self.roles() {
            roles.push(*role);
            let watch = Arc::new(Watch::default());
            ending = self.attempt(*role, false, &watch).await.0;
            notes = std::mem::take(&mut *watch.notes.lock().unwrap_or_else(PoisonError::into_inner));
            if ending != Ending::Passed {
                break;
            }
        }
        self.record(start, ending, &roles, notes)
    }

    /// Runs it once, as the near end dials; also says what is left when all of it is over.
    pub(crate) async fn run_accounted(&self) -> (Ending, Left) {
        self.attempt(Roles::NearDials, true, &Arc::default()).await
    }

    fn roles(&self) -> &'static [Roles] {
        if self.case.is_swapped { &[Roles::NearDials, Roles::NearAccepts] } else { &[Roles::NearDials] }
    }

    async fn attempt(&self, roles: Roles, accounted: bool, watch: &Arc<Watch>) -> (Ending, Left) {
        let within = self.settings.limit(self.case);
        let attempt = Attempt { trial: self.clone(), roles, within, accounted, watch: watch.clone() };
        let mut running = match attempt::start(attempt) {
            Ok(running) => running,
            Err(error) => return (Ending::Failed(format!("no thread for it: {error}")), Left::default()),
        };
        if let Ok(ended) = timeout(within + SLACK, running.ended()).await {
            return ended;
        }
        // Before it is stopped, which drops what it is about.
        let doing = watch.ledger.describe();
        watch.stop();
        let stuck = match timeout(STOPPING, running.ended()).await {
            Ok(_) => format!("kept its thread busy for {within:?} without getting on: {doing}"),
            Err(_) => format!(
                "blocked its thread for {within:?}; the thread `{}` was left behind: {doing}",
                running.name
            ),
        };
        (Ending::Stuck(stuck), Left::default())
    }

    fn record(&self, start: Instant, ending: Ending, roles: &[Roles], notes: Vec<String>) -> Record {
        let role = roles.last().copied();
        let (verdict, reason) = match ending {
            Ending::Passed => (Verdict::Pass, None),
            Ending::Skipped(why) => (Verdict::Skipped, Some(why)),
            Ending::Failed(why) => (Verdict::Fail, Some(self.explain(&why, role))),
            Ending::Stuck(why) => (Verdict::Timeout, Some(self.explain(&why, role))),
        };
        Record {
            transport: self.transport.clone(),
            hardship: self.hardship.map_or("none", Hardship::name).to_owned(),
            case: self.case.id.to_owned(),
            name: self.case.name.to_owned(),
            verdict,
            reason,
            notes,
            milliseconds: (start.elapsed().as_secs_f64() * 1e6).round() / 1e3,
            roles: roles.iter().map(|role| role.name().to_owned()).collect(),
        }
    }

    fn explain(&self, why: &str, role: Option<Roles>) -> String {
        let role = role.map(|role| format!("{}, ", role.name())).unwrap_or_default();
        format!("{why}{AGAIN}{role}seed {}; again: {}]", self.settings.seed, self.replay)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io;
    use std::task::Poll;
    use std::thread;

    use listenrain_transports::InProcess;

    use super::*;
    use crate::conformance::{Subject, case};
    use crate::faults::{Generators, Halves, Layer, Layered, changed_channels};

    fn subject(layer: impl Layer) -> Subject {
        Subject::from(Layered::new(Arc::new(InProcess::default()), Arc::new(layer))).in_memory()
    }

    /// Case `id` on the sound transport with a layer on top; it counts as stuck after a fifth of a second.
    fn trial<L: Layer>(id: &str, layer: impl Fn() -> L + Send + Sync + 'static) -> Trial {
        let mut trial = Trial::new("layered", Arc::new(move || subject(layer())), case(id).unwrap());
        trial.settings = Settings { seed: 7, patience: 0.01, ..Settings::default() };
        trial.replay = "the command".to_owned();
        trial
    }

    fn sound() -> impl Layer {
        Generators::new(())
    }

    /// Refuses writes that offer more bytes than this.
    fn refuses_more_than(most: usize) -> impl Layer {
        Halves::all(most).write(|most, below, cx, from| {
            if from.len() > *most {
                return Poll::Ready(Err(io::Error::other(format!("more than {most} bytes"))));
            }
            below.poll_write(cx, from)
        })
    }

    async fn reason(trial: Trial, verdict: Verdict) -> String {
        let record = trial.run().await;
        assert_eq!(record.verdict, verdict, "{record:?}");
        record.reason.unwrap()
    }

    #[tokio::test]
    async fn a_hardship_is_upon_the_transport_that_the_case_sees() {
        // Broken by a trial that names its hardship and runs without it.
        let mut trial = trial("B04", || refuses_more_than(64));
        assert!(reason(trial.clone(), Verdict::Fail).await.contains("more than 64 bytes"));
        trial.hardship = Some(Hardship::ShortWrites);
        assert_eq!(trial.run().await.verdict, Verdict::Pass);
    }

    #[tokio::test]
    async fn a_thread_that_is_blocked_is_a_timeout_and_holds_up_nobody() {
        let start = Instant::now();
        let blocks = || {
            Generators::new(()).next(|(), _, below| {
                thread::sleep(Duration::from_secs(5));
                below.next()
            })
        };
        let reason = reason(trial("A01", blocks), Verdict::Timeout).await;
        assert!(reason.contains("the thread `A01 on layered` was left behind"), "{reason}");
        assert!(start.elapsed() < Duration::from_secs(5), "it was waited for");
    }

    #[tokio::test]
    async fn a_transport_that_spins_is_a_timeout_and_its_thread_ends() {
        // The clock of a transport in memory is paused, and never goes on while something is ready.
        let spins = || {
            Generators::new(()).next(|(), _, _| {
                Box::pin(poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }))
            })
        };
        let reason = reason(trial("A01", spins), Verdict::Timeout).await;
        assert!(reason.contains("kept its thread busy"), "{reason}");
        assert!(reason.contains("a dialer of channel://fresh-1 dials"), "{reason}");
    }

    #[tokio::test]
    async fn a_panic_in_a_task_that_nobody_joins_fails_the_case() {
        let panics = || {
            changed_channels(|_, channel| {
                tokio::spawn(async { panic!("nobody joins this task") });
                channel
            })
        };
        let reason = reason(trial("A01", panics), Verdict::Fail).await;
        assert!(reason.starts_with("panicked: nobody joins this task at "), "{reason}");
        assert!(reason.ends_with("[near-dials, seed 7; again: the command]"), "{reason}");
    }

    #[tokio::test]
    async fn a_case_that_needs_a_process_is_skipped_where_there_is_none() {
        let reason = reason(trial("E05", sound), Verdict::Skipped).await;
        assert!(reason.contains("a process of its own"), "{reason}");
    }

    #[test]
    fn a_test_of_the_macro_panics_with_the_reason_the_rule_and_how_to_run_it_again() {
        // Broken by a failure that leaves its reader to look up what was to hold.
        let make = || subject(refuses_more_than(500));
        let test = "crate::broken::b01_basic_io_1mib";
        let check = || crate::conformance::testing::check("broken", test, "b01_basic_io_1mib", "none", make);
        let panic = std::panic::catch_unwind(check).unwrap_err();
        let said = panic.downcast_ref::<String>().unwrap();
        for part in [
            "FAIL: B01 basic_io_1mib: ",
            "more than 500 bytes",
            "cargo test -p listenrain-simulation -- --exact broken::b01_basic_io_1mib",
            "the rule: 1 MiB in pieces of 1 KiB each way",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

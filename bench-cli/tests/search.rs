//! `search` on a load that is made up: its rates and times are known, so the answer is, and the code.
//!
//! It has a `main` since the tool starts this very program again for each cell.

mod harness;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bench_cli::Registry;
use bench_cli::drive::{Load, Serving, Setting, Stack, StackError};
use bench_cli::load::ProtocolChoice;
use bench_cli::meter::{Meter, Phase};
use listenrain::{BoxFuture, Endpoint};
use listenrain_results::{Run, Search};
use tokio::time::{Instant, sleep};

use harness::{is_tool, run, tests, tool};

/// Requests a second of every closed loop.
const PEAK: f64 = 10_000.0;
/// The rate above which `bounded` answers late.
const CAPACITY: f64 = 1_000.0;
const SOON: Duration = Duration::from_millis(1);
const LATE: Duration = Duration::from_millis(50);

/// What is reported of a load that nobody drives.
#[derive(Debug, Clone, Copy)]
enum MadeUp {
    /// Answers come soon up to a rate, and late above it.
    Bounded,
    /// Answers of an open loop come late at every rate.
    Slow,
    /// Of an open loop three requests are answered, soon.
    Scarce,
    /// Requests of an open loop leave late, and are answered soon.
    Lagging,
    /// Nothing but an error.
    Broken,
}

impl Stack for MadeUp {
    fn name(&self) -> &'static str {
        match self {
            Self::Bounded => "bounded",
            Self::Slow => "slow",
            Self::Scarce => "scarce",
            Self::Lagging => "lagging",
            Self::Broken => "broken",
        }
    }

    fn protocols(&self) -> &'static [ProtocolChoice] {
        &[ProtocolChoice::Stream]
    }

    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>> {
        let rate = setting.config.open.as_ref().map(|open| open.rate);
        let load = Reported { how: *self, rate, meter: setting.meter };
        Box::pin(async { Ok(Box::new(load) as Box<dyn Load>) })
    }

    fn serve<'a>(
        &'a self,
        _serving: Serving,
        _ready: Box<dyn FnOnce(&Endpoint) + Send + 'a>,
    ) -> BoxFuture<'a, Result<(), StackError>> {
        Box::pin(std::future::pending())
    }
}

struct Reported {
    how: MadeUp,
    /// Of an open loop.
    rate: Option<f64>,
    meter: Arc<Meter>,
}

impl Load for Reported {
    fn run(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut began = None;
            let mut reported = 0;
            while self.meter.phase() != Phase::Over {
                if self.meter.phase() == Phase::Timed {
                    let now = Instant::now();
                    let elapsed = now - *began.get_or_insert(now);
                    // By the clock, so that a machine that is busy changes no rate.
                    let due = (self.rate.unwrap_or(PEAK) * elapsed.as_secs_f64()) as u64;
                    self.report(due - reported, reported, now);
                    reported = due;
                }
                // It is told of no change of phase, as no load is.
                sleep(Duration::from_micros(500)).await;
            }
        })
    }
}

impl Reported {
    fn report(&self, count: u64, before: u64, now: Instant) {
        let Some(rate) = self.rate else {
            match self.how {
                MadeUp::Broken if count > 0 => self.meter.failed("made up", || "it is broken".to_owned()),
                _ => self.meter.done(count, now - SOON, now),
            }
            return;
        };
        let count =
            if matches!(self.how, MadeUp::Scarce) { count.min(3_u64.saturating_sub(before)) } else { count };
        let is_late =
            matches!(self.how, MadeUp::Slow) || matches!(self.how, MadeUp::Bounded) && rate > CAPACITY;
        let took = if is_late { LATE } else { SOON };
        let lag = if matches!(self.how, MadeUp::Lagging) { LATE } else { Duration::ZERO };
        self.meter.intended(count, now);
        self.meter.done_open(count, now, now + lag, now + lag + took);
    }
}

fn registry() -> Registry {
    let all = [MadeUp::Bounded, MadeUp::Slow, MadeUp::Scarce, MadeUp::Lagging, MadeUp::Broken];
    all.into_iter().fold(Registry::standard(), Registry::with_stack)
}

/// What a search on the stack of this name finds, with its code.
fn search(stack: &str, slo: &str, trials: u32) -> (Option<i32>, Search) {
    let output = tool(&format!(
        "search --stack {stack} --slo {slo} --trials {trials} --duration 300ms --warmup 0s --quiet --json -"
    ));
    let text = String::from_utf8_lossy(&output.stdout);
    let run = Run::from_json(&text, "stdout").unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(run.searches.len(), 1, "{output:?}");
    assert_eq!(run.cells.len(), 1 + run.searches[0].trials.len(), "the closed loop, then each trial");
    (output.status.code(), run.searches[0].clone())
}

fn a_search_ends_with_0_and_the_highest_rate_that_holds() {
    // Broken by a search that stops too early, or whose answer is a rate that missed.
    let (code, search) = search("bounded", "p50<2ms", 40);
    assert_eq!(code, Some(0), "{search:?}");
    let (rate, missed) = (search.highest_rate.unwrap(), search.lowest_missed.unwrap());
    assert!(rate <= CAPACITY && missed > CAPACITY && missed < rate * 1.05, "{search:?}");
    for trial in &search.trials {
        assert_eq!(trial.verdict == "holds", trial.rate <= CAPACITY, "{trial:?}");
    }
}

fn a_search_that_finds_no_rate_ends_with_the_code_of_why() {
    // Broken by a search that takes what misses everywhere for what cannot be told, decides on so few requests that chance
    // does, takes its own lateness for the server's, or goes on from the throughput of what failed. Of `slow`, all but the two
    // trials that would confirm a rate.
    for (stack, slo, trials, code, verdict, tried) in [
        ("slow", "p50<2ms", 6, 4, "missed", Some(4)),
        ("scarce", "p99<2ms", 4, 5, "unclear", None),
        ("lagging", "p50<2ms", 4, 5, "generator-limited", None),
        ("broken", "p50<2ms", 4, 1, "", Some(0)),
    ] {
        let (ended, search) = search(stack, slo, trials);
        assert_eq!((ended, search.highest_rate), (Some(code), None), "{search:?}");
        assert!(search.trials.iter().all(|trial| trial.verdict == verdict), "{search:?}");
        assert!(tried.is_none_or(|tried| search.trials.len() == tried), "{search:?}");
    }
}

fn main() -> ExitCode {
    if is_tool(&["cell", "search"]) {
        return bench_cli::main_with(registry());
    }
    run(tests![
        a_search_ends_with_0_and_the_highest_rate_that_holds,
        a_search_that_finds_no_rate_ends_with_the_code_of_why,
    ])
}

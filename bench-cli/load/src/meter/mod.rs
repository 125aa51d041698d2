//! The meter: completions, their times and errors here; CPU and memory in `usage`.
//!
//! A stack reports to a [`Meter`], which knows whether the warm-up, the timed window or its end is now. A closed loop's
//! request counts when it completes inside the window. An open loop's times count when the request was due inside it,
//! however late it completes: else those that a stall at the end holds up would never be seen. An error counts whenever
//! it happens.

mod shard;
pub mod usage;

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use shard::{Errors, Tally, TallyOf};

use self::shard::{Shard, ns};
use crate::payload::{FULL_ONE_IN, Thoroughness};

/// What requests are counted under that still had no reply when the load was given up.
pub const UNFINISHED: &str = "unfinished";
/// What the end of a bare channel is counted under, once for each of its outstanding requests.
pub const CHANNEL: &str = "channel";
/// What a panic is counted under.
pub const PANIC: &str = "panic";
/// What the end of a load before its time is counted under.
pub const ENDED_EARLY: &str = "ended early";
/// What a cell is counted under of which nothing was measured.
pub const NOT_MEASURED: &str = "not measured";

/// The kinds of errors after which a load was not the one that was asked for, so that its figures hold for nothing.
pub const LOAD_FAILED: [&str; 5] = [UNFINISHED, CHANNEL, PANIC, ENDED_EARLY, NOT_MEASURED];

/// What is going on now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Requests run and are checked byte for byte; their times are not kept.
    WarmUp,
    /// Requests are counted and timed.
    Timed,
    /// No request begins any more; those that are outstanding come to their end.
    Over,
}

/// What a stack reports to.
///
/// Its clock is tokio's, which is the system's unless a simulation has stopped it.
#[derive(Debug)]
pub struct Meter {
    phase: AtomicU8,
    made: Instant,
    /// Begin and end of the timed window, nanoseconds after the meter was made; never, until they have come.
    timed_from: AtomicU64,
    timed_until: AtomicU64,
    /// One a worker thread and not one a caller: a histogram is 216 KiB, and 1,000 of them would be the memory column.
    shards: Box<[Mutex<Shard>]>,
}

impl Meter {
    /// A meter for `threads` threads that report to it, in its warm-up.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let shards = (0..threads.max(1)).map(|_| Mutex::default()).collect();
        let never = || AtomicU64::new(u64::MAX);
        Self {
            phase: AtomicU8::new(Phase::WarmUp as u8),
            made: Instant::now(),
            timed_from: never(),
            timed_until: never(),
            shards,
        }
    }

    /// What is going on now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::WarmUp,
            1 => Phase::Timed,
            _ => Phase::Over,
        }
    }

    /// When the timed window ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<Instant> {
        // Acquire: the time is stored before the phase.
        let is_over = self.phase.load(Ordering::Acquire) == Phase::Over as u8;
        is_over.then(|| self.made + Duration::from_nanos(self.timed_until.load(Ordering::Relaxed)))
    }

    /// The phase changes at `now`.
    pub fn enter(&self, phase: Phase, now: Instant) {
        let at = self.since_made(now);
        match phase {
            Phase::WarmUp => {}
            Phase::Timed => self.timed_from.store(at, Ordering::Relaxed),
            Phase::Over => self.timed_until.store(at, Ordering::Relaxed),
        }
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// How closely the reply to `request` is to be looked at now.
    #[must_use]
    pub fn thoroughness(&self, request: u64) -> Thoroughness {
        if request.is_multiple_of(FULL_ONE_IN) || self.phase() == Phase::WarmUp {
            Thoroughness::Full
        } else {
            Thoroughness::Stamps
        }
    }

    /// `count` requests of a closed loop that were sent at `sent` are done and well at `now`.
    pub fn done(&self, count: u64, sent: Instant, now: Instant) {
        if self.phase() == Phase::Timed {
            let mut shard = self.shard();
            shard.tally.requests += count;
            shard.tally.service.record(ns(now.saturating_duration_since(sent)), count);
        }
    }

    /// `count` requests of an open loop that were due at `intended` and left at `sent` are done and well at `now`.
    ///
    /// `intended` comes from the schedule, never from a clock: the generator's own lateness is part of the response
    /// time.
    pub fn done_open(&self, count: u64, intended: Instant, sent: Instant, now: Instant) {
        let is_timed = self.phase() == Phase::Timed;
        let is_due = self.is_timed(intended);
        if !is_timed && !is_due {
            return;
        }
        let mut shard = self.shard();
        if is_timed {
            shard.tally.requests += count;
        }
        if is_due {
            shard.tally.service.record(ns(now.saturating_duration_since(sent)), count);
            let open = shard.tally.open();
            open.response.record(ns(now.saturating_duration_since(intended)), count);
            open.send_lag.record(ns(sent.saturating_duration_since(intended)), count);
        }
    }

    /// `count` requests of an open loop were due at `intended`.
    pub fn intended(&self, count: u64, intended: Instant) {
        if self.is_timed(intended) {
            self.shard().tally.open().intended += count;
        }
    }

    /// `count` of them were not sent, since as many as may be were outstanding.
    pub fn dropped(&self, count: u64, intended: Instant) {
        if self.is_timed(intended) {
            self.shard().tally.open().dropped += count;
        }
    }

    /// A request that wants no reply was handed over now. It has no time.
    pub fn one_way(&self) {
        if self.phase() == Phase::Timed {
            self.shard().tally.one_ways += 1;
        }
    }

    /// A caller of a closed loop has waited for so long between a reply and its next request.
    pub fn paused(&self, pause: Duration) {
        if self.phase() == Phase::Timed {
            self.shard().tally.paused += pause;
        }
    }

    /// Something went wrong: `kind` is what it is counted under, `message` says it in full.
    pub fn failed(&self, kind: &str, message: impl FnOnce() -> String) {
        self.failures(kind, 1, message);
    }

    /// `count` requests went wrong in the same way; none is no error.
    pub fn failures(&self, kind: &str, count: u64, message: impl FnOnce() -> String) {
        if count > 0 {
            self.shard().failed(kind, count, message);
        }
    }

    /// `count` requests had no reply `after` the end of the load, and are not waited for any more.
    pub fn unfinished(&self, count: u64, after: Duration) {
        let after = humantime::format_duration(after);
        self.failures(UNFINISHED, count, || format!("requests without a reply {after} after the window"));
    }

    /// Adds to `total` what was reported since the last time. `spare` is empty before and after: it takes the place of
    /// what a thread has filled, so that no thread waits while histograms are added up.
    pub fn take(&self, total: &mut Tally, spare: &mut Tally) {
        for shard in &self.shards {
            std::mem::swap(&mut shard.lock().unwrap_or_else(PoisonError::into_inner).tally, spare);
            total.add(spare);
            spare.clear();
        }
    }

    /// Everything that went wrong so far.
    pub fn errors(&self) -> Errors {
        let mut errors = Errors::default();
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).add_errors(&mut errors);
        }
        errors
    }

    fn since_made(&self, instant: Instant) -> u64 {
        ns(instant.saturating_duration_since(self.made))
    }

    /// Whether `instant` lies in the timed window, as far as it has come.
    fn is_timed(&self, instant: Instant) -> bool {
        let at = self.since_made(instant);
        at >= self.timed_from.load(Ordering::Relaxed) && at < self.timed_until.load(Ordering::Relaxed)
    }

    /// This thread's shard; threads beyond those planned for share.
    fn shard(&self) -> MutexGuard<'_, Shard> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! { static INDEX: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed)) }
        let index = INDEX.get() % self.shards.len();
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(count: u64) -> Duration {
        Duration::from_micros(count)
    }

    fn total(meter: &Meter) -> Tally {
        let mut tally = Tally::default();
        meter.take(&mut tally, &mut Tally::default());
        tally
    }

    #[test]
    fn the_warm_up_counts_for_nothing_but_its_errors() {
        let meter = Meter::new(2);
        let began = Instant::now();
        meter.done(5, began, began + us(1));
        meter.failed("timeout", || "no reply".to_owned());
        meter.enter(Phase::Timed, began);
        meter.done(3, began, began + us(2));
        meter.enter(Phase::Over, began + us(9));
        meter.done(9, began, began);
        assert_eq!((total(&meter).requests, meter.errors().count()), (3, 1));
        assert_eq!(total(&meter).requests, 0, "taken once");
    }

    #[test]
    fn the_warm_up_and_one_in_64_are_checked_byte_for_byte() {
        let meter = Meter::new(1);
        assert_eq!(meter.thoroughness(3), Thoroughness::Full);
        meter.enter(Phase::Timed, Instant::now());
        let full = (0..640).filter(|request| meter.thoroughness(*request) == Thoroughness::Full).count();
        assert_eq!(full, 10);
    }

    #[test]
    fn an_open_loops_times_count_from_when_a_request_was_due() {
        // Defects 1 and 2 of other tools: a clock that is read when the request leaves hides the generator's lateness.
        let meter = Meter::new(1);
        let start = Instant::now();
        meter.enter(Phase::Timed, start);
        meter.intended(1, start);
        meter.done_open(1, start, start + us(400), start + us(500));
        let tally = total(&meter);
        let open = tally.open.unwrap();
        assert_eq!(open.response.times().max, 500.0);
        assert_eq!(open.send_lag.times().max, 400.0);
        assert_eq!(tally.service.times().max, 100.0);
        assert_eq!((tally.requests, open.intended, open.dropped), (1, 1, 0));
    }

    #[test]
    fn a_request_that_was_due_in_the_window_counts_however_late_it_completes() {
        let meter = Meter::new(1);
        let start = Instant::now();
        meter.enter(Phase::Timed, start + us(100));
        meter.done_open(1, start + us(50), start + us(50), start + us(150));
        meter.enter(Phase::Over, start + us(1000));
        meter.done_open(1, start + us(900), start + us(900), start + us(900_000));
        meter.done_open(1, start + us(1001), start + us(1001), start + us(1002));
        let tally = total(&meter);
        assert_eq!(tally.requests, 1, "only the first completed inside the window");
        let open = tally.open.unwrap();
        assert_eq!(
            (open.response.count(), open.response.times().max),
            (1, 899_100.0),
            "only the second was due in it"
        );
    }
}

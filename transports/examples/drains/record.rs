//! The record of requests: what handlers ran, and what callers were told.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use listenrain::{CallError, Outcome};

/// The requests of one run.
#[derive(Debug, Default)]
pub(crate) struct Record {
    next: AtomicU64,
    /// How often the handlers have run each request.
    ran: Mutex<HashMap<u64, u32>>,
    /// What was told of each since the last look.
    told: Mutex<Vec<(u64, Told)>>,
}

/// What a caller was told.
#[derive(Debug, Clone)]
enum Told {
    Reply,
    /// It never ran.
    Never,
    /// It may have run.
    Maybe(CallError),
    /// Something that was never sent.
    Garbled,
}

/// What a run has come to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) replies: u64,
    pub(crate) never: u64,
    pub(crate) maybe: u64,
    /// Requests that servers had taken and not answered when they began to drain, and those that they refused then.
    pub(crate) taken: u64,
    pub(crate) refused: u64,
    pub(crate) faults: Vec<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Record {
    /// A request with a number of its own; one in eight is larger than what is copied.
    pub(crate) fn request(&self) -> (u64, Bytes) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut bytes = number.to_be_bytes().to_vec();
        bytes.resize(if number.is_multiple_of(8) { 3000 } else { 64 }, number as u8);
        (number, bytes.into())
    }

    /// A handler has got `message`; gives its number.
    pub(crate) fn ran(&self, message: &Bytes) -> u64 {
        let number = message.first_chunk().map_or(u64::MAX, |number| u64::from_be_bytes(*number));
        *lock(&self.ran).entry(number).or_default() += 1;
        number
    }

    pub(crate) fn told(&self, number: u64, request: &Bytes, outcome: &Outcome<Bytes>) {
        let told = match outcome {
            Ok(reply) if reply == request => Told::Reply,
            Ok(_) => Told::Garbled,
            Err(error) if error.never_executed() => Told::Never,
            Err(error) => Told::Maybe(error.clone()),
        };
        lock(&self.told).push((number, told));
    }

    /// Judges what callers were told since the last look.
    pub(crate) fn judge(&self, verdict: &mut Verdict) {
        let told = std::mem::take(&mut *lock(&self.told));
        let ran = lock(&self.ran);
        for (number, told) in told {
            let ran = ran.get(&number).copied().unwrap_or(0);
            match &told {
                Told::Reply => verdict.replies += 1,
                Told::Never => verdict.never += 1,
                Told::Maybe(_) => verdict.maybe += 1,
                Told::Garbled => {}
            }
            let is_right = matches!((&told, ran), (Told::Reply, 1) | (Told::Never, 0));
            if !is_right {
                verdict.faults.push(format!("request {number} ran {ran} times, and its caller heard {told}"));
            }
        }
    }

    /// Requests that no caller was told of, and those that nobody asked for.
    pub(crate) fn judge_rest(&self, verdict: &mut Verdict) {
        self.judge(verdict);
        let (asked, ran) = (self.next.load(Ordering::Relaxed), lock(&self.ran));
        let ended = verdict.replies + verdict.never + verdict.maybe;
        if ended != asked {
            verdict.faults.push(format!("{asked} calls were made, and {ended} have ended"));
        }
        // Those that were told that they never ran are looked at again: they must not have run since.
        let executed: u64 = ran.values().map(|times| u64::from(*times)).sum();
        if executed > verdict.replies + verdict.maybe || ran.keys().any(|number| *number >= asked) {
            verdict.faults.push(format!("{executed} requests ran, and {} were answered", verdict.replies));
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply => f.write_str("its reply"),
            Self::Never => f.write_str("never"),
            Self::Maybe(error) => write!(f, "maybe: {error:?}"),
            Self::Garbled => f.write_str("somebody else's reply"),
        }
    }
}

impl Verdict {
    /// Whether every call was answered or certainly never ran, and drains met calls on their way at all.
    pub(crate) fn holds(&self) -> bool {
        self.faults.is_empty() && self.maybe == 0 && self.replies > 0 && self.taken > 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replies, never, maybe, taken, refused, faults } = self;
        write!(
            f,
            "{replies} calls answered, {never} told never, {maybe} told maybe, {} wrong; ",
            faults.len()
        )?;
        write!(f, "{taken} were taken when drains began, {refused} refused during them")
    }
}

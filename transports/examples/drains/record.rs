//! The record of requests: what handlers ran, and what callers were told.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use listenrain::Outcome;

/// The requests of one run.
#[derive(Debug, Default)]
pub(crate) struct Record {
    next: AtomicU64,
    /// How often the handlers have run each request.
    ran: Mutex<HashMap<u64, u32>>,
    /// What the caller of each was told, and in which words.
    told: Mutex<Vec<(u64, Told, String)>>,
}

/// What a caller was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Reply,
    /// It never ran.
    Never,
    /// It may have run.
    Maybe,
    /// Something that was never sent.
    Garbled,
}

/// What a run has come to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) replies: usize,
    pub(crate) never: usize,
    pub(crate) maybe: usize,
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
        let (told, words) = match outcome {
            Ok(reply) if reply == request => (Told::Reply, "its reply".to_owned()),
            Ok(_) => (Told::Garbled, "somebody else's reply".to_owned()),
            Err(error) if error.never_executed() => (Told::Never, "never".to_owned()),
            Err(error) => (Told::Maybe, format!("maybe: {error:?}")),
        };
        lock(&self.told).push((number, told, words));
    }

    /// Judges what callers were told, once all calls have ended. What never ran must not have run since.
    pub(crate) fn judge(&self, verdict: &mut Verdict) {
        let (asked, ran, told) = (self.next.load(Ordering::Relaxed), lock(&self.ran), lock(&self.told));
        let count = |what| told.iter().filter(|(_, told, _)| *told == what).count();
        (verdict.replies, verdict.never, verdict.maybe) =
            (count(Told::Reply), count(Told::Never), count(Told::Maybe));
        for (number, told, words) in told.iter() {
            let ran = ran.get(number).copied().unwrap_or(0);
            if !matches!((told, ran), (Told::Reply, 1) | (Told::Never, 0)) {
                verdict
                    .faults
                    .push(format!("request {number} ran {ran} times, and its caller heard {words}"));
            }
        }
        if told.len() as u64 != asked || ran.keys().any(|number| *number >= asked) {
            let (ended, ran) = (told.len(), ran.len());
            verdict.faults.push(format!("{asked} calls were made, {ended} have ended, {ran} requests ran"));
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

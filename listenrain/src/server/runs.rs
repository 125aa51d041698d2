//! The requests of one channel that were not answered at once: they can be cancelled, and have deadlines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::run::{Ending, Run};
use crate::sync::{Mutex, lock};

/// Runs that are not over, by number, by the id of their request, and by their deadlines.
#[derive(Default)]
pub(super) struct Runs {
    inner: Mutex<Inner>,
    /// How many of them have deadlines.
    with_deadlines: AtomicUsize,
}

#[derive(Default)]
struct Inner {
    last: u64,
    runs: BTreeMap<u64, Arc<Run>>,
    by_id: BTreeSet<(u64, u64)>,
    by_deadline: BTreeSet<(Instant, u64)>,
    /// The channel is over.
    is_closed: bool,
    /// Set for good once everything is cut off.
    is_cut_off: bool,
}

impl Runs {
    /// Takes in a run; gives its number, or `None` once everything is cut off.
    pub(super) fn enter(&self, run: &Arc<Run>) -> Option<u64> {
        let mut inner = lock(&self.inner);
        if inner.is_cut_off {
            return None;
        }
        inner.last += 1;
        let number = inner.last;
        inner.by_id.insert((run.asked.id, number));
        if let Some(ends_at) = run.asked.ends_at {
            inner.by_deadline.insert((ends_at, number));
            self.with_deadlines.fetch_add(1, Ordering::AcqRel);
        }
        inner.runs.insert(number, Arc::clone(run));
        Some(number)
    }

    /// A run is over; whether it was the last one of a channel that is.
    pub(super) fn leave(&self, number: u64) -> bool {
        let mut inner = lock(&self.inner);
        let Some(run) = inner.runs.remove(&number) else { return false };
        inner.by_id.remove(&(run.asked.id, number));
        if let Some(ends_at) = run.asked.ends_at {
            inner.by_deadline.remove(&(ends_at, number));
            self.with_deadlines.fetch_sub(1, Ordering::AcqRel);
        }
        let is_last = inner.is_closed && inner.runs.is_empty();
        drop(inner);
        is_last
    }

    /// The peer takes a request back: the oldest of that id. Whether there was one.
    pub(super) fn cancel(&self, id: u64) -> bool {
        let inner = lock(&self.inner);
        let found = inner.by_id.range((id, 0)..=(id, u64::MAX)).next();
        let run = found.and_then(|(_, number)| inner.runs.get(number).cloned());
        drop(inner);
        run.inspect(|run| run.end(Ending::Cancelled)).is_some()
    }

    pub(super) fn cancel_all(&self) {
        let mut inner = lock(&self.inner);
        inner.is_cut_off = true;
        let runs: Vec<_> = inner.runs.values().cloned().collect();
        drop(inner);
        runs.iter().for_each(|run| run.end(Ending::Cancelled));
    }

    /// When the next deadline passes.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.with_deadlines.load(Ordering::Acquire) == 0 {
            return None;
        }
        lock(&self.inner).by_deadline.first().map(|(deadline, _)| *deadline)
    }

    /// Ends the runs whose deadlines `now` has reached.
    pub(super) fn expire(&self, now: Instant) {
        loop {
            let mut inner = lock(&self.inner);
            let due = inner.by_deadline.first().copied().filter(|(deadline, _)| *deadline <= now);
            let Some((deadline, number)) = due else { return };
            inner.by_deadline.remove(&(deadline, number));
            let run = inner.runs.get(&number).cloned();
            drop(inner);
            if let Some(run) = run {
                run.end(Ending::Expired);
            }
        }
    }

    /// The channel is over; whether runs are left.
    pub(super) fn close(&self) -> bool {
        let mut inner = lock(&self.inner);
        inner.is_closed = true;
        !inner.runs.is_empty()
    }
}

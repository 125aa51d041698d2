//! The requests of one channel that were not answered at once: they can be cancelled, and have deadlines.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::line::{InLine, Line};
use super::run::{Ending, Run};
use crate::sync::{Mutex, lock};

impl InLine for Arc<Run> {
    fn id(&self) -> u64 {
        self.asked.id
    }

    fn ends_at(&self) -> Option<Instant> {
        self.asked.ends_at
    }
}

/// Runs that are not over.
#[derive(Default)]
pub(super) struct Runs {
    inner: Mutex<Inner>,
    /// How many of them have deadlines.
    with_deadlines: AtomicUsize,
}

#[derive(Default)]
struct Inner {
    runs: Line<Arc<Run>>,
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
        self.with_deadlines.fetch_add(usize::from(run.asked.ends_at.is_some()), Ordering::AcqRel);
        Some(inner.runs.push(Arc::clone(run)))
    }

    /// A run is over; whether it was the last one of a channel that is.
    pub(super) fn leave(&self, number: u64) -> bool {
        let mut inner = lock(&self.inner);
        let Some(run) = inner.runs.remove(number) else { return false };
        self.with_deadlines.fetch_sub(usize::from(run.asked.ends_at.is_some()), Ordering::AcqRel);
        let is_last = inner.is_closed && inner.runs.is_empty();
        drop(inner);
        is_last
    }

    /// The peer takes a request back: the oldest of that id. Whether there was one.
    pub(super) fn cancel(&self, id: u64) -> bool {
        let run = lock(&self.inner).runs.oldest_of(id).cloned();
        run.inspect(|run| run.end(Ending::Cancelled)).is_some()
    }

    pub(super) fn cancel_all(&self) {
        let mut inner = lock(&self.inner);
        inner.is_cut_off = true;
        let runs: Vec<_> = inner.runs.all().cloned().collect();
        drop(inner);
        runs.iter().for_each(|run| run.end(Ending::Cancelled));
    }

    /// When the next deadline passes.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.with_deadlines.load(Ordering::Acquire) == 0 {
            return None;
        }
        lock(&self.inner).runs.next_deadline()
    }

    /// Ends the runs whose deadlines `now` has reached.
    pub(super) fn expire(&self, now: Instant) {
        while let Some(run) = self.due(now) {
            run.end(Ending::Expired);
        }
    }

    fn due(&self, now: Instant) -> Option<Arc<Run>> {
        lock(&self.inner).runs.look_at_due(now).cloned()
    }

    /// The channel is over; whether runs are left.
    pub(super) fn close(&self) -> bool {
        let mut inner = lock(&self.inner);
        inner.is_closed = true;
        !inner.runs.is_empty()
    }
}

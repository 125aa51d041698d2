//! Signals to a link from its connection or server: finish, write out, stop, tick.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::primitives::outbox::Outbox;
use crate::primitives::traffic::Queue;
use crate::queued::{GuardedQueue, NewQueue, QueueFault, Queued};

/// What a link is to write, how it is to end, and what it is to look at.
#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) outbox: Outbox<Queued>,
    fault: Arc<QueueFault>,
    wish: AtomicU8,
    ticks: AtomicU32,
    /// What had come and was written when the link last came to rest; tells whether it has rested since.
    activity: AtomicU64,
    rest: AtomicU8,
}

/// The link has nothing to give back, or no task looks after it.
const UNWATCHED: u8 = 0;
/// A task looks from time to time whether it rests.
const WATCHED: u8 = 1;
/// It is to give back what it does not need.
const SHRINK: u8 = 2;

/// What is wanted of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    Open,
    Finish,
    WriteOut,
    Stop,
}

impl Queue for Signal {
    type Packet = Queued;

    fn outbox(&self) -> &Outbox<Queued> {
        &self.outbox
    }
}

impl Signal {
    pub(crate) fn new(new_queue: &Arc<NewQueue>) -> Self {
        let (queue, fault) = GuardedQueue::new(new_queue);
        Self {
            outbox: Outbox::new(Box::new(queue)),
            fault,
            wish: AtomicU8::new(0),
            ticks: AtomicU32::new(0),
            activity: AtomicU64::new(0),
            rest: AtomicU8::new(UNWATCHED),
        }
    }

    /// Answers what was asked, writes what is queued, then ends in an orderly way.
    pub(crate) fn finish(&self) {
        self.want(Wish::Finish);
    }

    /// Writes what is queued, waits for no answer, then ends in an orderly way.
    pub(crate) fn write_out(&self) {
        self.want(Wish::WriteOut);
    }

    /// Ends now.
    pub(crate) fn stop(&self) {
        self.want(Wish::Stop);
    }

    fn want(&self, wish: Wish) {
        self.wish.fetch_max(wish as u8, Ordering::AcqRel);
        self.outbox.nudge();
    }

    pub(crate) fn is_finishing(&self) -> bool {
        self.wish() != Wish::Open
    }

    #[inline]
    pub(super) fn wish(&self) -> Wish {
        const ALL: [Wish; 4] = [Wish::Open, Wish::Finish, Wish::WriteOut, Wish::Stop];
        ALL[usize::from(self.wish.load(Ordering::Acquire)) % ALL.len()]
    }

    /// One interval of the health check has passed.
    pub(crate) fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        self.outbox.nudge();
    }

    #[inline]
    pub(super) fn ticks(&self) -> u32 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// The link comes to rest with `activity` behind it; whether a task has to look after it from now on.
    pub(super) fn rests(&self, activity: u64) -> bool {
        if self.activity.load(Ordering::Relaxed) == activity {
            return false;
        }
        self.activity.store(activity, Ordering::Relaxed);
        self.rest.load(Ordering::Relaxed) == UNWATCHED
            && self.rest.compare_exchange(UNWATCHED, WATCHED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// What is behind a link that has been active since it had `before` behind it. One that has not is told to shrink.
    pub(super) fn still_busy(&self, before: u64) -> Option<u64> {
        let activity = self.activity.load(Ordering::Relaxed);
        if activity != before {
            return Some(activity);
        }
        self.rest.store(SHRINK, Ordering::Release);
        self.outbox.nudge();
        None
    }

    #[inline]
    pub(super) fn is_to_shrink(&self) -> bool {
        self.rest.load(Ordering::Acquire) == SHRINK
            && self.rest.compare_exchange(SHRINK, UNWATCHED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// What the queue has panicked with.
    #[inline]
    pub(super) fn queue_fault(&self) -> Option<String> {
        if self.fault.is_there() { self.fault.look() } else { None }
    }

    /// As [`queue_fault`](Self::queue_fault), once.
    pub(crate) fn take_queue_fault(&self) -> Option<String> {
        self.fault.take()
    }
}

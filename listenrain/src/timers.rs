//! `Timers`: the deadlines of a connection, on a small heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::guard::{Foreign, guard};
use crate::primitives::deadlines::Order;
use crate::primitives::in_flight::CallId;

/// What stands for a time beyond all that the clock can say.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

/// When `within` will have passed.
pub(crate) fn deadline_in(within: Duration) -> Instant {
    later(Instant::now(), within)
}

/// When `within` will have passed since `now`.
pub(crate) fn later(now: Instant, within: Duration) -> Instant {
    now.checked_add(within).unwrap_or_else(|| now + FAR)
}

/// The deadlines of one connection's calls. There is one wake-up for all of them.
///
/// The library asks [`next`](Self::next) when to wake and ends what [`expired`](Self::expired) gives; a call that was
/// answered meanwhile is not ended twice, whatever the timers say.
///
/// # Contract
///
/// 1. An added call that was not removed is given by `expired` once `now` has reached its deadline, or a little later
///    where the policy is coarse, never earlier.
/// 2. `next` is not later than the time at which `expired` would give the next call.
/// 3. A removed call is never given.
#[doc(alias = "timer")]
pub trait Timers: Send + fmt::Debug + 'static {
    /// Watches `call` until `deadline`.
    fn add(&mut self, call: CallId, deadline: Instant);

    /// Stops watching `call`.
    fn remove(&mut self, call: CallId);

    /// When to ask for expired calls next.
    fn next(&self) -> Option<Instant>;

    /// Removes one call whose deadline `now` has reached, and gives it.
    fn expired(&mut self, now: Instant) -> Option<CallId>;

    /// How many calls are watched.
    fn len(&self) -> usize;

    /// Whether none is watched.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Makes the timers of one connection.
pub(crate) type NewTimers = dyn Fn() -> Box<dyn Timers> + Send + Sync;

/// The one place where timers are called. Those that panic are replaced by a heap for good, and [`TimersFault`] tells that it
/// is to be filled again.
#[derive(Debug)]
pub(crate) struct GuardedTimers {
    timers: Foreign<Box<dyn Timers>>,
    fault: Arc<TimersFault>,
}

/// Tells that timers have panicked, once.
#[derive(Debug, Default)]
pub(crate) struct TimersFault(AtomicBool);

impl TimersFault {
    pub(crate) fn take(&self) -> bool {
        self.0.load(Ordering::Acquire) && self.0.swap(false, Ordering::AcqRel)
    }
}

impl GuardedTimers {
    pub(crate) fn new(new: &NewTimers) -> (Self, Arc<TimersFault>) {
        let timers = guard(new).unwrap_or_else(|_| Box::new(HeapTimers::default()));
        let fault = Arc::<TimersFault>::default();
        (Self { timers: Foreign::new(timers), fault: Arc::clone(&fault) }, fault)
    }

    fn run<T>(&mut self, mut run: impl FnMut(&mut dyn Timers) -> T) -> T {
        guard(|| run(&mut **self.timers)).unwrap_or_else(|panic| {
            tracing::error!(panic, "timers panicked, and are replaced");
            self.timers = Foreign::new(Box::new(HeapTimers::default()));
            self.fault.0.store(true, Ordering::Release);
            run(&mut **self.timers)
        })
    }
}

impl Order for GuardedTimers {
    type Time = Instant;

    fn add(&mut self, call: CallId, deadline: Instant) {
        self.run(|timers| timers.add(call, deadline));
    }

    fn remove(&mut self, call: CallId) {
        self.run(|timers| timers.remove(call));
    }

    fn next(&mut self) -> Option<Instant> {
        self.run(|timers| timers.next())
    }

    fn expired(&mut self, now: Instant) -> Option<CallId> {
        self.run(|timers| timers.expired(now))
    }
}

/// The default: a binary heap. A removed call is forgotten at once, and its entry when there are more such than others.
#[derive(Debug, Default)]
pub struct HeapTimers {
    heap: BinaryHeap<Reverse<(Instant, CallId)>>,
    /// The generation and deadline of the call of each slot, while it is watched.
    watched: Vec<Option<(u32, Instant)>>,
    len: usize,
}

/// As many entries of removed calls may always stand in the heap.
const MOST_STALE: usize = 32;

impl HeapTimers {
    fn is_watched(watched: &[Option<(u32, Instant)>], (deadline, call): &(Instant, CallId)) -> bool {
        watched[call.slot as usize] == Some((call.generation, *deadline))
    }

    fn sweep(&mut self) {
        if self.len == 0 {
            self.heap.clear();
        } else if self.heap.len() > 2 * self.len + MOST_STALE {
            self.heap.retain(|Reverse(entry)| Self::is_watched(&self.watched, entry));
        }
    }
}

impl Timers for HeapTimers {
    fn add(&mut self, call: CallId, deadline: Instant) {
        let slot = call.slot as usize;
        if self.watched.len() <= slot {
            self.watched.resize(slot + 1, None);
        }
        let before = self.watched[slot].replace((call.generation, deadline));
        if before != Some((call.generation, deadline)) {
            self.heap.push(Reverse((deadline, call)));
        }
        self.len += usize::from(before.is_none());
        self.sweep();
    }

    fn remove(&mut self, call: CallId) {
        let Some(watched) = self.watched.get_mut(call.slot as usize) else { return };
        if watched.take_if(|(generation, _)| *generation == call.generation).is_some() {
            self.len -= 1;
            self.sweep();
        }
    }

    /// It may be that of a removed call, unless [`expired`](Timers::expired) has just given `None`.
    fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((deadline, _))| *deadline)
    }

    fn expired(&mut self, now: Instant) -> Option<CallId> {
        while let Some(Reverse(entry)) = self.heap.peek().copied() {
            let is_watched = Self::is_watched(&self.watched, &entry);
            if is_watched && entry.0 > now {
                break;
            }
            self.heap.pop();
            if is_watched {
                self.remove(entry.1);
                return Some(entry.1);
            }
        }
        None
    }

    fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn calls_expire_in_the_order_of_their_deadlines_and_removed_ones_never(
            steps in proptest::collection::vec((0u32..32, 0u64..1000, 0u8..4), 1..400)
        ) {
            let start = Instant::now();
            let mut timers = HeapTimers::default();
            let mut model = BTreeMap::new();
            for (slot, millis, what) in steps {
                let call = CallId { slot, generation: 1 };
                if what == 0 {
                    timers.remove(call);
                    model.remove(&slot);
                } else {
                    timers.add(call, start + Duration::from_millis(millis));
                    model.insert(slot, millis);
                }
                prop_assert_eq!(timers.len(), model.len());
                let next = model.values().min().map(|millis| start + Duration::from_millis(*millis));
                prop_assert_eq!(timers.next().is_some(), next.is_some());
                prop_assert!(timers.next() <= next, "{:?} {:?}", timers.next(), next);
                prop_assert!(timers.heap.len() <= 2 * model.len() + MOST_STALE);
                // As the library does: it asks what has expired, and then when to look again.
                prop_assert_eq!(timers.expired(start - Duration::from_millis(1)), None);
                prop_assert_eq!(timers.next(), next);
            }
            let mut last = 0;
            while let Some(call) = timers.expired(start + Duration::from_secs(2)) {
                let millis = model.remove(&call.slot);
                prop_assert!(millis.is_some_and(|millis| millis >= last));
                last = millis.unwrap_or(last);
            }
            prop_assert!(model.is_empty() && timers.is_empty());
        }
    }

    #[test]
    fn an_older_generation_does_not_remove_the_next_users_deadline() {
        let mut timers = HeapTimers::default();
        timers.add(CallId { slot: 3, generation: 2 }, Instant::now());
        timers.remove(CallId { slot: 3, generation: 1 });
        assert_eq!(timers.len(), 1);
    }
}

//! `Timers`: the deadlines of a connection, on a small heap.

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
    let now = Instant::now();
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

/// The default: a binary min-heap that knows where each call stands, so that an answered call leaves nothing behind.
#[derive(Debug, Default)]
pub struct HeapTimers {
    heap: Vec<(Instant, CallId)>,
    /// Where in the heap the call of each slot stands.
    places: Vec<Option<u32>>,
}

impl HeapTimers {
    fn set(&mut self, at: usize, entry: (Instant, CallId)) {
        self.heap[at] = entry;
        self.places[entry.1.slot as usize] = Some(at as u32);
    }

    fn rise(&mut self, mut at: usize) {
        let entry = self.heap[at];
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.heap[parent].0 <= entry.0 {
                break;
            }
            self.set(at, self.heap[parent]);
            at = parent;
        }
        self.set(at, entry);
    }

    fn sink(&mut self, mut at: usize) {
        let entry = self.heap[at];
        loop {
            let left = 2 * at + 1;
            let Some(mut child) = (left < self.heap.len()).then_some(left) else {
                break;
            };
            if self.heap.get(left + 1).is_some_and(|right| right.0 < self.heap[left].0) {
                child = left + 1;
            }
            if entry.0 <= self.heap[child].0 {
                break;
            }
            self.set(at, self.heap[child]);
            at = child;
        }
        self.set(at, entry);
    }

    fn remove_at(&mut self, at: usize) {
        let (_, removed) = self.heap.swap_remove(at);
        self.places[removed.slot as usize] = None;
        if at < self.heap.len() {
            let moved = self.heap[at].1;
            self.sink(at);
            // If it did not sink, it may have to rise.
            if self.places[moved.slot as usize] == Some(at as u32) {
                self.rise(at);
            }
        }
    }
}

impl Timers for HeapTimers {
    fn add(&mut self, call: CallId, deadline: Instant) {
        let slot = call.slot as usize;
        if self.places.len() <= slot {
            self.places.resize(slot + 1, None);
        }
        if let Some(at) = self.places[slot] {
            self.remove_at(at as usize);
        }
        self.heap.push((deadline, call));
        self.rise(self.heap.len() - 1);
    }

    fn remove(&mut self, call: CallId) {
        if let Some(Some(at)) = self.places.get(call.slot as usize).copied()
            && self.heap[at as usize].1 == call
        {
            self.remove_at(at as usize);
        }
    }

    fn next(&self) -> Option<Instant> {
        self.heap.first().map(|(deadline, _)| *deadline)
    }

    fn expired(&mut self, now: Instant) -> Option<CallId> {
        let (deadline, call) = *self.heap.first()?;
        if deadline > now {
            return None;
        }
        self.remove_at(0);
        Some(call)
    }

    fn len(&self) -> usize {
        self.heap.len()
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
            steps in proptest::collection::vec((0u32..32, 0u64..1000, 0u8..4), 1..200)
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

//! Timers with a coarse policy: deadlines in buckets, each rounded up, so that many calls share one wake-up.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use listenrain::{CallId, Timers};
use tokio::time::Instant;

use crate::used::Used;

#[derive(Debug)]
pub(crate) struct Coarse {
    start: Instant,
    buckets: BTreeMap<u32, Vec<CallId>>,
    places: HashMap<CallId, u32>,
    used: Used,
}

const GRAIN: Duration = Duration::from_millis(8);

impl Coarse {
    pub(crate) fn new(used: &Used) -> Self {
        Self { start: Instant::now(), buckets: BTreeMap::new(), places: HashMap::new(), used: used.clone() }
    }

    /// Never earlier than the deadline, at most one grain later.
    fn bucket(&self, deadline: Instant) -> u32 {
        let grains = deadline.saturating_duration_since(self.start).as_nanos().div_ceil(GRAIN.as_nanos());
        u32::try_from(grains).unwrap_or(u32::MAX)
    }
}

impl Timers for Coarse {
    fn add(&mut self, call: CallId, deadline: Instant) {
        self.used.note("deadlines added");
        self.remove(call);
        let bucket = self.bucket(deadline);
        self.places.insert(call, bucket);
        self.buckets.entry(bucket).or_default().push(call);
    }

    fn remove(&mut self, call: CallId) {
        let Some(bucket) = self.places.remove(&call) else {
            return;
        };
        if let Some(calls) = self.buckets.get_mut(&bucket) {
            calls.retain(|other| *other != call);
            if calls.is_empty() {
                self.buckets.remove(&bucket);
            }
        }
    }

    fn next(&self) -> Option<Instant> {
        let (bucket, _) = self.buckets.first_key_value()?;
        Some(self.start + GRAIN * *bucket)
    }

    fn expired(&mut self, now: Instant) -> Option<CallId> {
        if self.next()? > now {
            return None;
        }
        let call = *self.buckets.first_key_value()?.1.first()?;
        self.remove(call);
        self.used.note("deadlines expired");
        Some(call)
    }

    fn len(&self) -> usize {
        self.places.len()
    }
}

#[test]
fn a_call_expires_at_its_deadline_or_up_to_a_grain_later_and_never_once_removed() {
    let mut timers = Coarse::new(&Used::default());
    let calls = [1, 2, 3].map(CallId::from_bits);
    let deadline = timers.start + GRAIN / 2;
    calls.iter().for_each(|call| timers.add(*call, deadline));
    timers.remove(calls[1]);
    assert_eq!(timers.expired(deadline), None);
    let due = timers.next().unwrap();
    assert!(due >= deadline && due <= deadline + GRAIN);
    assert_eq!([(); 3].map(|()| timers.expired(due)), [Some(calls[0]), Some(calls[2]), None]);
    assert!(timers.is_empty() && timers.next().is_none());
}

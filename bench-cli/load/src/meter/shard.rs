//! A thread's shard of the meter.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::histogram::{Distribution, Packed};

/// Completions and their times since the last cut, and errors since the beginning.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub tally: Tally,
    error_kinds: BTreeMap<String, u64>,
    samples: Vec<String>,
}

/// What completed in some part of the timed window.
pub type Tally = TallyOf<Distribution>;

/// A tally whose times are held in a `T`.
#[derive(Debug, Clone, Default)]
pub struct TallyOf<T> {
    /// Requests that completed inside the window.
    pub requests: u64,
    /// One-way requests that were handed over inside the window.
    pub one_ways: u64,
    /// Time that callers spent between a reply and their next request, all callers together.
    pub paused: Duration,
    /// From sent to done.
    pub service: T,
    /// Of an open loop only; two histograms more.
    pub open: Option<Box<Open<T>>>,
}

/// What only an open loop can say.
#[derive(Debug, Clone, Default)]
pub struct Open<T> {
    /// From intended to done.
    pub response: T,
    /// From intended to sent.
    pub send_lag: T,
    /// Requests that were due.
    pub intended: u64,
    /// Those that were not sent, since too many were outstanding.
    pub dropped: u64,
}

impl Tally {
    pub(super) fn open(&mut self) -> &mut Open<Distribution> {
        self.open.get_or_insert_default()
    }

    /// What a user would see: response times of an open loop, service times of a closed one.
    pub fn seen(&self) -> &Distribution {
        self.open.as_ref().map_or(&self.service, |open| &open.response)
    }

    /// The same with its times packed.
    pub fn pack(&self) -> TallyOf<Packed> {
        let open = self.open.as_ref().map(|open| {
            let (response, send_lag) = (open.response.pack(), open.send_lag.pack());
            Box::new(Open { response, send_lag, intended: open.intended, dropped: open.dropped })
        });
        let Self { requests, one_ways, paused, service, .. } = self;
        TallyOf { requests: *requests, one_ways: *one_ways, paused: *paused, service: service.pack(), open }
    }

    /// Adds all that `other` has counted.
    pub fn add(&mut self, other: &Self) {
        self.add_with(other, Distribution::add);
    }

    /// Adds what [`pack`](Self::pack) has packed.
    pub fn add_packed(&mut self, other: &TallyOf<Packed>) {
        self.add_with(other, Distribution::add_packed);
    }

    fn add_with<T>(&mut self, other: &TallyOf<T>, add: fn(&mut Distribution, &T)) {
        self.requests += other.requests;
        self.one_ways += other.one_ways;
        self.paused += other.paused;
        add(&mut self.service, &other.service);
        if let Some(theirs) = &other.open {
            let ours = self.open();
            add(&mut ours.response, &theirs.response);
            add(&mut ours.send_lag, &theirs.send_lag);
            ours.intended += theirs.intended;
            ours.dropped += theirs.dropped;
        }
    }

    /// Empties it without giving its memory back.
    pub fn clear(&mut self) {
        (self.requests, self.one_ways, self.paused) = (0, 0, Duration::ZERO);
        self.service.clear();
        if let Some(open) = &mut self.open {
            open.response.clear();
            open.send_lag.clear();
            (open.intended, open.dropped) = (0, 0);
        }
    }
}

impl Shard {
    /// Errors kept in words; the rest are only counted.
    const SAMPLES: usize = 5;

    pub(super) fn failed(&mut self, kind: &str, count: u64, message: impl FnOnce() -> String) {
        if let Some(known) = self.error_kinds.get_mut(kind) {
            *known += count;
        } else {
            self.error_kinds.insert(kind.to_owned(), count);
        }
        if self.samples.len() < Self::SAMPLES {
            self.samples.push(message());
        }
    }

    pub(super) fn add_errors(&self, errors: &mut Errors) {
        for (kind, count) in &self.error_kinds {
            *errors.kinds.entry(kind.clone()).or_default() += count;
        }
        let room = Self::SAMPLES.saturating_sub(errors.samples.len());
        errors.samples.extend(self.samples.iter().take(room).cloned());
    }
}

/// Everything that went wrong, warm-up included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errors {
    /// How often, by kind.
    pub kinds: BTreeMap<String, u64>,
    /// The first few, in words.
    pub samples: Vec<String>,
}

impl Errors {
    /// How often altogether.
    pub fn count(&self) -> u64 {
        self.kinds.values().sum()
    }
}

/// Whole nanoseconds; beyond 584 years it is that.
pub(super) fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up_to_the_whole() {
        let (mut whole, mut parts) = (Tally::default(), [Tally::default(), Tally::default()]);
        for ns in 1..2000u64 {
            for tally in [&mut whole, &mut parts[usize::from(ns % 3 == 0)]] {
                tally.requests += 1;
                tally.service.record(ns * ns, 1);
                tally.open().response.record(ns * ns + 7, 1);
                tally.open().intended += 1;
            }
        }
        let [mut one, two] = parts;
        one.add(&two);
        assert_eq!(one.service.times(), whole.service.times());
        assert_eq!(one.open().response.times(), whole.open().response.times());
        assert_eq!((one.requests, one.open().intended), (1999, 1999));
    }

    #[test]
    fn only_the_first_few_errors_are_kept_in_words() {
        let mut shard = Shard::default();
        (0..100).for_each(|n| shard.failed("lost", 1, || format!("number {n}")));
        let mut errors = Errors::default();
        shard.add_errors(&mut errors);
        assert_eq!((errors.count(), errors.samples.len()), (100, Shard::SAMPLES));
    }
}

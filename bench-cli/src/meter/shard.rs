//! One thread's share of what was reported.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use listenrain_results::ServiceUs;

/// Completions, service times and errors.
#[derive(Debug)]
pub struct Shard {
    /// Nanoseconds.
    service: Histogram<u64>,
    requests: u64,
    sum_ns: u128,
    /// Kept beside the histogram, whose own maximum is the top of a bucket.
    max_ns: u64,
    error_kinds: BTreeMap<String, u64>,
    samples: Vec<String>,
}

impl Shard {
    const LOWEST_NS: u64 = 1;
    const HIGHEST_NS: u64 = 60_000_000_000;
    const DIGITS: u8 = 3;
    /// Errors kept in words; the rest are only counted.
    const SAMPLES: usize = 5;

    pub(super) fn done(&mut self, count: u64, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // Beyond the highest it counts as the highest; the exact maximum is kept beside.
        self.service.saturating_record_n(ns, count);
        self.requests += count;
        self.sum_ns += u128::from(ns) * u128::from(count);
        self.max_ns = self.max_ns.max(ns);
    }

    pub(super) fn failed(&mut self, kind: &str, message: impl FnOnce() -> String) {
        if let Some(count) = self.error_kinds.get_mut(kind) {
            *count += 1;
        } else {
            self.error_kinds.insert(kind.to_owned(), 1);
        }
        if self.samples.len() < Self::SAMPLES {
            self.samples.push(message());
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        // Same bounds everywhere, so this adds bucket by bucket and cannot fail.
        let _ = self.service.add(&other.service);
        self.requests += other.requests;
        self.sum_ns += other.sum_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
        for (kind, count) in &other.error_kinds {
            *self.error_kinds.entry(kind.clone()).or_default() += count;
        }
        let room = Self::SAMPLES - self.samples.len();
        self.samples.extend(other.samples.iter().take(room).cloned());
    }

    /// Requests that completed inside the window.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Errors of every kind.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.error_kinds.values().sum()
    }

    pub(crate) fn error_kinds(&self) -> &BTreeMap<String, u64> {
        &self.error_kinds
    }

    pub(crate) fn samples(&self) -> &[String] {
        &self.samples
    }

    /// The service times, µs.
    #[must_use]
    pub fn service_us(&self) -> ServiceUs {
        let us = |ns: u64| ns as f64 / 1e3;
        let at = |quantile| us(self.service.value_at_quantile(quantile).min(self.max_ns));
        let mean = if self.requests == 0 { 0.0 } else { self.sum_ns as f64 / self.requests as f64 / 1e3 };
        ServiceUs { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: us(self.max_ns), mean }
    }
}

impl Default for Shard {
    fn default() -> Self {
        let service = Histogram::new_with_bounds(Self::LOWEST_NS, Self::HIGHEST_NS, Self::DIGITS);
        Self {
            service: service.expect("the bounds are constants that fit"),
            requests: 0,
            sum_ns: 0,
            max_ns: 0,
            error_kinds: BTreeMap::new(),
            samples: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_percentile_exceeds_the_exact_maximum() {
        let mut shard = Shard::default();
        shard.done(999, Duration::from_nanos(1_000));
        shard.done(1, Duration::from_nanos(123_456_789));
        let us = shard.service_us();
        assert_eq!(us.max, 123_456.789);
        assert!(us.p50 >= 1.0 && us.p50 < 1.01 && us.p999 <= us.max);
        assert!((us.mean - (999.0 + 123_456.789) / 1000.0).abs() < 0.01);
    }

    #[test]
    fn shards_add_up_to_the_whole() {
        let (mut whole, mut one, mut two) = (Shard::default(), Shard::default(), Shard::default());
        for ns in 1..2000 {
            let took = Duration::from_nanos(ns * ns);
            whole.done(1, took);
            if ns % 3 == 0 { one.done(1, took) } else { two.done(1, took) }
        }
        two.failed("lost", || "words".to_owned());
        one.add(&two);
        assert_eq!(one.service_us(), whole.service_us());
        assert_eq!((one.requests(), one.errors(), one.samples()), (1999, 1, &["words".to_owned()][..]));
    }

    #[test]
    fn an_empty_shard_has_no_times_but_numbers() {
        assert_eq!(Shard::default().service_us(), ServiceUs::default());
    }
}

//! Histograms of times, with the same bounds everywhere, and their text form in run files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer};
use listenrain_results::Times;

/// Lowest time that is told from none, nanoseconds.
const LOWEST_NS: u64 = 1;
/// Longer times count as this in the histogram; the exact maximum is kept beside it.
const HIGHEST_NS: u64 = 60_000_000_000;
const DIGITS: u8 = 3;

/// Smallest sample that supports a percentile: so many that, were the true share beyond it any larger, not to have seen
/// more would be a matter of 1 in 100. ln(0.01) / ln(quantile), rounded up.
///
/// The rule is that of MLPerf LoadGen's early stopping.
fn least_sample(quantile: f64) -> u64 {
    (0.01_f64.ln() / quantile.ln()).ceil() as u64
}

/// An empty histogram, 216 KiB. All have these bounds, so that any two add up count by count.
pub fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS).expect("the bounds are constants that fit")
}

/// Times with what a histogram cannot keep exactly.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// Nanoseconds.
    pub counts: Histogram<u64>,
    min_ns: u64,
    max_ns: u64,
    sum_ns: u128,
}

/// A distribution in a few KiB.
#[derive(Debug, Clone)]
pub struct Packed {
    /// HdrHistogram V2.
    counts: Vec<u8>,
    min_ns: u64,
    max_ns: u64,
    sum_ns: u128,
}

#[cfg(test)]
impl Packed {
    /// Memory of its counts.
    pub fn bytes(&self) -> usize {
        self.counts.capacity()
    }
}

impl Default for Distribution {
    fn default() -> Self {
        Self { counts: empty(), min_ns: u64::MAX, max_ns: 0, sum_ns: 0 }
    }
}

impl Distribution {
    /// Counts a time of `ns` nanoseconds, `count` times. One beyond the largest counts as the largest.
    pub fn record(&mut self, ns: u64, count: u64) {
        self.counts.saturating_record_n(ns, count);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
        self.sum_ns += u128::from(ns) * u128::from(count);
    }

    /// Adds all that `other` has counted.
    pub fn add(&mut self, other: &Self) {
        // Same bounds everywhere, so this adds bucket by bucket and cannot fail.
        let _ = self.counts.add(&other.counts);
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.sum_ns += other.sum_ns;
    }

    /// The same in a few kilobytes.
    pub fn pack(&self) -> Packed {
        let mut counts = Vec::new();
        // Into memory, and every count fits: this cannot fail.
        let _ = V2Serializer::new().serialize(&self.counts, &mut counts);
        Packed { counts, min_ns: self.min_ns, max_ns: self.max_ns, sum_ns: self.sum_ns }
    }

    /// Adds what [`pack`](Self::pack) has packed.
    pub fn add_packed(&mut self, packed: &Packed) {
        // What was written above reads back, with the same bounds.
        if let Ok(counts) = Deserializer::new().deserialize::<u64, _>(&mut packed.counts.as_slice()) {
            let Packed { min_ns, max_ns, sum_ns, .. } = *packed;
            self.add(&Self { counts, min_ns, max_ns, sum_ns });
        }
    }

    /// What `times` and a histogram's `text` were made of. The sum comes from the mean, to one part in 10^15.
    ///
    /// # Errors
    ///
    /// As [`from_text`], and when both do not have the same count.
    pub fn restore(times: &Times, text: &str) -> Result<Self, String> {
        let counts = from_text(text)?;
        if counts.len() != times.count {
            return Err(format!("a histogram of {} times beside figures of {}", counts.len(), times.count));
        }
        if times.count == 0 {
            return Ok(Self::default());
        }
        let ns = |us: f64| (us * 1e3).round() as u64;
        let sum_ns = (times.mean * 1e3 * times.count as f64).round() as u128;
        Ok(Self { counts, min_ns: ns(times.min), max_ns: ns(times.max), sum_ns })
    }

    /// Empties it without giving its memory back.
    pub fn clear(&mut self) {
        self.counts.reset();
        (self.min_ns, self.max_ns, self.sum_ns) = (u64::MAX, 0, 0);
    }

    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.counts.len()
    }

    /// The figures, µs; a percentile that so few cannot support is absent.
    pub fn times(&self) -> Times {
        let count = self.count();
        if count == 0 {
            return Times::default();
        }
        let us = |ns: u64| ns as f64 / 1e3;
        let at = |quantile| (count >= least_sample(quantile)).then(|| self.quantile_us(quantile));
        Times {
            count,
            min: us(self.min_ns),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: us(self.max_ns),
            mean: self.sum_ns as f64 / count as f64 / 1e3,
        }
    }

    /// That quantile however small the sample, µs: for what is only looked at.
    pub fn quantile_us(&self, quantile: f64) -> f64 {
        // A bucket's top may lie beyond the longest that was seen.
        self.counts.value_at_quantile(quantile).min(self.max_ns) as f64 / 1e3
    }
}

/// `counts` as HdrHistogram V2 with deflate, base64.
pub fn to_text(counts: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    // Into memory, and every count fits: this cannot fail.
    let _ = V2DeflateSerializer::new().serialize(counts, &mut bytes);
    STANDARD.encode(bytes)
}

/// What [`to_text`] wrote.
///
/// # Errors
///
/// A text that says what is wrong: not base64, not a histogram, or one of other bounds, which would not add up exactly.
pub fn from_text(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD.decode(text).map_err(|error| format!("a histogram that is not base64: {error}"))?;
    let read: Histogram<u64> = Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .map_err(|error| format!("not an HdrHistogram V2: {error}"))?;
    let bounds = (read.low(), read.high(), read.sigfig());
    if bounds != (LOWEST_NS, HIGHEST_NS, DIGITS) {
        let (low, high, digits) = bounds;
        return Err(format!(
            "a histogram from {low} to {high} at {digits} digits, where {LOWEST_NS} to {HIGHEST_NS} ns at {DIGITS} is \
             wanted: they would not add up exactly"
        ));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_percentile_needs_the_sample_that_supports_it() {
        assert_eq!([0.5, 0.9, 0.99, 0.999, 0.9999].map(least_sample), [7, 44, 459, 4_603, 46_050]);
        let mut times = Distribution::default();
        times.record(1_000, 458);
        assert_eq!((times.times().p90, times.times().p99), (Some(1.0), None));
        times.record(1_000, 1);
        assert_eq!((times.times().p99, times.times().p999), (Some(1.0), None));
        assert_eq!(times.times().max, 1.0);
    }

    #[test]
    fn no_percentile_exceeds_the_exact_maximum() {
        let mut times = Distribution::default();
        times.record(1_000, 4_999);
        times.record(123_456_789, 1);
        let us = times.times();
        assert_eq!((us.max, us.min, us.count), (123_456.789, 1.0, 5_000));
        assert!(us.p50.is_some_and(|p50| (1.0..1.01).contains(&p50)) && us.p999.unwrap() <= us.max);
        assert!((us.mean - (4_999.0 + 123_456.789) / 5_000.0).abs() < 0.01);
    }

    #[test]
    fn what_is_no_histogram_of_ours_is_refused() {
        assert!(from_text("?").unwrap_err().contains("base64"));
        assert!(from_text("aGVsbG8=").unwrap_err().contains("HdrHistogram"));
        let other: Histogram<u64> = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
        assert!(from_text(&to_text(&other)).unwrap_err().contains("exactly"));
    }

    proptest! {
        #[test]
        fn parts_add_up_to_exactly_the_whole_and_read_back_as_written(
            ns in prop::collection::vec((0u64..100_000_000_000, 0usize..4), 0..200),
        ) {
            let (mut whole, mut parts) = (Distribution::default(), [(); 4].map(|()| Distribution::default()));
            for (ns, part) in &ns {
                whole.record(*ns, 1);
                parts[*part].record(*ns, 1);
            }
            let mut sum = Distribution::default();
            for part in &parts {
                sum.add(part);
            }
            prop_assert_eq!(&sum.counts, &whole.counts);
            prop_assert_eq!(sum.times(), whole.times());
            let text = to_text(&whole.counts);
            prop_assert_eq!(&from_text(&text).unwrap(), &whole.counts);
            let restored = Distribution::restore(&whole.times(), &text).unwrap();
            prop_assert_eq!(&restored.counts, &whole.counts);
            prop_assert_eq!((restored.min_ns, restored.max_ns), (whole.min_ns, whole.max_ns));
            prop_assert!(restored.sum_ns.abs_diff(whole.sum_ns) <= 1 + whole.sum_ns / 1_000_000_000_000);
        }
    }
}

//! Share of requests beyond a limit, and what it proves: the same for `check` and for `search`.

use listenrain_results::{Cell, Times};

use super::goals::Limit;
use crate::histogram;
use crate::metrics::{Kind, Metric};
use crate::stats::{LEVEL, share};

/// Requests beyond a limit on response times: `bad` of `all`, lost ones among them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Late {
    pub(crate) bad: u64,
    pub(crate) all: u64,
    /// 0 where none may be.
    pub(crate) allowed: f64,
}

/// What follows from a [`Late`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ruling {
    Holds,
    Missed,
    /// So few requests say neither.
    Unclear,
}

impl Late {
    pub(crate) fn share(&self) -> f64 {
        self.bad as f64 / self.all.max(1) as f64
    }

    /// The true share by its exact binomial bounds, each with 95 %.
    pub(crate) fn bounds(&self) -> (f64, f64) {
        (share::at_least(self.bad, self.all, LEVEL), share::at_most(self.bad, self.all, LEVEL))
    }

    pub(crate) fn ruling(&self) -> Ruling {
        let (low, high) = self.bounds();
        if self.allowed == 0.0 {
            // Of the longest there is nothing to estimate: it was within or it was not.
            if self.bad == 0 { Ruling::Holds } else { Ruling::Missed }
        } else if high <= self.allowed {
            Ruling::Holds
        } else if low > self.allowed {
            Ruling::Missed
        } else {
            Ruling::Unclear
        }
    }

    /// For the reader of a verdict on `limit`.
    pub(crate) fn text(&self, limit: &Limit) -> String {
        let share = self.share() * 100.0;
        format!("{}: {} of {} requests, {share:.4} %, are beyond it", limit.text, self.bad, self.all)
    }
}

/// Counts what of `cell` was beyond a limit on errors, on the longest time or on a percentile.
///
/// # Errors
///
/// A text for the user: no request was answered, or there is no histogram to count in.
pub(crate) fn late(cell: &Cell, limit: &Limit) -> Result<Late, String> {
    if cell.requests == 0 {
        return Err(match cell.error_samples.first() {
            Some(said) => format!("not measured: {said}"),
            None => "no request was answered".to_owned(),
        });
    }
    let lost = cell.lost();
    let (beyond, answered, allowed) = match limit.metric {
        Metric::Errors => (0, cell.requests, limit.value),
        Metric::Max => (longer(cell, limit.value), cell.requests, 0.0),
        metric => {
            let (over, answered) = over(cell, limit.value)?;
            (over, answered, 1.0 - metric.quantile().unwrap_or(1.0))
        }
    };
    Ok(Late { bad: beyond + lost, all: answered + lost, allowed })
}

/// The histogram that a user's times are in.
pub(super) fn histogram(cell: &Cell) -> Option<&str> {
    Kind::seen(cell).text(cell)
}

/// How many took as long as the limit or longer. The longest of each launch is kept exactly and needs no histogram.
fn longer(cell: &Cell, limit_us: f64) -> u64 {
    let max = |response: Option<&Times>, service: &Times| response.unwrap_or(service).max;
    let launches = cell.launches.iter().map(|launch| max(launch.response_us.as_ref(), &launch.service_us));
    let beyond = launches.filter(|max| *max >= limit_us).count() as u64;
    let is_beyond = beyond > 0 || max(cell.response_us.as_ref(), &cell.service_us) >= limit_us;
    match is_beyond {
        true => over(cell, limit_us).map_or(0, |(over, _)| over).max(beyond).max(1),
        false => 0,
    }
}

/// How many times were longer than `limit_us`, of how many.
fn over(cell: &Cell, limit_us: f64) -> Result<(u64, u64), String> {
    let counts = histogram::from_text(histogram(cell).ok_or("it has no histogram of its times")?)?;
    let limit_ns = (limit_us * 1e3) as u64;
    let over = counts.iter_recorded().filter(|value| value.value_iterated_to() > limit_ns);
    Ok((over.map(|value| value.count_at_value()).sum(), counts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::{Distribution, to_text};
    use crate::judge::goals::limits;
    use listenrain_results::{Launch, OpenLoop};

    fn cell(requests: u64, slow: u64, dropped: u64) -> Cell {
        let mut times = Distribution::default();
        times.record(100_000, requests - slow);
        if slow > 0 {
            times.record(5_000_000, slow);
        }
        let open_loop = Some(OpenLoop { dropped, ..OpenLoop::default() });
        let mut cell = Cell { requests, open_loop, response_us: Some(times.times()), ..Cell::default() };
        cell.histograms.response = Some(to_text(&times.counts));
        cell
    }

    fn counted(cell: &Cell, text: &str) -> (u64, u64, Ruling) {
        let late = late(cell, &limits(text, &Metric::ALL).unwrap()[0]).unwrap();
        (late.bad, late.all, late.ruling())
    }

    #[test]
    fn what_is_slow_or_lost_is_beyond_a_percentiles_limit() {
        assert_eq!(counted(&cell(10_000, 50, 0), "p99<2ms"), (50, 10_000, Ruling::Holds));
        assert_eq!(counted(&cell(10_000, 50, 200), "p99<2ms"), (250, 10_200, Ruling::Missed));
        assert_eq!(counted(&cell(10_000, 100, 0), "p99<2ms"), (100, 10_000, Ruling::Unclear));
        // 0.99^298 > 0.05 >= 0.99^299: so many it takes to say p99 with 95 %.
        assert_eq!(counted(&cell(298, 0, 0), "p99<2ms").2, Ruling::Unclear);
        assert_eq!(counted(&cell(299, 0, 0), "p99<2ms").2, Ruling::Holds);
    }

    #[test]
    fn one_beyond_the_longest_that_is_allowed_is_a_miss() {
        assert_eq!(counted(&cell(10_000, 0, 0), "max<2ms"), (0, 10_000, Ruling::Holds));
        assert_eq!(counted(&cell(10_000, 1, 0), "max<2ms"), (1, 10_000, Ruling::Missed));
        assert_eq!(counted(&cell(10_000, 0, 1), "max<2ms").2, Ruling::Missed);
        let response_us = Some(Times { max: 9e3, ..Times::default() });
        let slow = Launch { response_us, ..Launch::default() };
        let mut one = cell(10_000, 0, 0);
        one.launches = vec![Launch::default(), slow];
        assert_eq!(counted(&one, "max<2ms"), (1, 10_000, Ruling::Missed));
    }

    #[test]
    fn what_was_dropped_counts_as_an_error() {
        assert_eq!(counted(&cell(9_500, 0, 500), "errors<4%"), (500, 10_000, Ruling::Missed));
        assert_eq!(counted(&cell(9_500, 0, 500), "errors<6%").2, Ruling::Holds);
    }
}

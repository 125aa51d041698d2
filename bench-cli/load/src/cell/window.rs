//! The windows of the timed window: each is kept small until it is known how many at the beginning are cut off.

use listenrain_results::{Histograms, Steadiness};

use super::protocol::{Measured, WindowFigures};
use crate::histogram::{Packed, to_text};
use crate::meter::usage::Snapshot;
use crate::meter::{Meter, Tally, TallyOf};
use crate::stats;

/// What is kept of each window, and the marks between them.
#[derive(Debug, Default)]
pub struct Windows {
    kept: Vec<Kept>,
    /// What had been used when each window began, and when the last one ended.
    pub marks: Vec<Snapshot>,
    /// At the last mark: what is used to add up the figures is no part of them.
    pub(super) peak_mib: Option<f64>,
}

/// A histogram is 216 KiB, a packed one a few: 200 windows must not be the memory column.
#[derive(Debug)]
struct Kept {
    figures: WindowFigures,
    tally: TallyOf<Packed>,
}

impl Windows {
    /// One window is over.
    pub fn push(&mut self, tally: &Tally) {
        let seen = tally.seen();
        let figures = WindowFigures {
            requests: tally.requests,
            p50_us: seen.quantile_us(0.5),
            p99_us: seen.quantile_us(0.99),
            max_us: seen.quantile_us(1.0),
        };
        self.kept.push(Kept { figures, tally: tally.pack() });
    }

    /// Cuts off what had not come to rest, unless `is_worker`, and adds up the rest with `late`: what was due inside the
    /// window and completed after it.
    pub fn measured(self, late: Tally, meter: &Meter, is_worker: bool) -> Measured {
        let (cut, steadiness) = self.steadiness(is_worker);
        let mut total = late;
        for kept in &self.kept[cut..] {
            total.add_packed(&kept.tally);
        }
        let errors = meter.errors();
        let mut measured = Measured {
            windows: self.kept.iter().map(|kept| kept.figures).collect(),
            cut,
            steadiness,
            requests: total.requests,
            one_ways: total.one_ways,
            paused: total.paused,
            service: total.service.times(),
            histograms: Histograms { service: Some(to_text(&total.service.counts)), ..Histograms::default() },
            error_kinds: errors.kinds,
            error_samples: errors.samples,
            marks: self.marks,
            peak_mib: self.peak_mib,
            ..Measured::default()
        };
        if let Some(open) = total.open {
            (measured.response, measured.send_lag) =
                (Some(open.response.times()), Some(open.send_lag.times()));
            (measured.intended, measured.dropped) = (open.intended, open.dropped);
            measured.histograms.response = Some(to_text(&open.response.counts));
            measured.histograms.send_lag = Some(to_text(&open.send_lag.counts));
            measured.count_unanswered(open.response.count());
        }
        measured
    }

    fn steadiness(&self, is_worker: bool) -> (usize, Steadiness) {
        let lengths = self.marks.windows(2).map(|pair| pair[1].at.saturating_sub(pair[0].at).as_secs_f64());
        let tps: Vec<f64> = self
            .kept
            .iter()
            .zip(lengths)
            .map(|(kept, length)| kept.figures.requests as f64 / length)
            .collect();
        let p50: Vec<f64> = self.kept.iter().map(|kept| kept.figures.p50_us).collect();
        // Workers must leave out the same windows, and an open loop's longest times must all be seen: neither cuts any.
        let is_open = self.kept.iter().any(|kept| kept.tally.open.is_some());
        let (cut, steady, why) = stats::steadiness(&tps, &p50, !is_worker && !is_open);
        let cut_s = match (self.marks.first(), self.marks.get(cut)) {
            (Some(first), Some(mark)) => mark.at.saturating_sub(first.at).as_secs_f64(),
            _ => 0.0,
        };
        (cut, Steadiness { steady, cut_s, why })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::CellConfig;

    fn windows(requests: &[u64]) -> Windows {
        let mut windows = Windows::default();
        for (index, requests) in requests.iter().enumerate() {
            windows
                .marks
                .push(Snapshot { at: Duration::from_millis(index as u64 * 100), ..Snapshot::default() });
            let mut tally = Tally { requests: *requests, ..Tally::default() };
            tally.service.record(1_000_000 / requests.max(&1), *requests);
            windows.push(&tally);
        }
        let end = requests.len() as u64 * 100;
        windows.marks.push(Snapshot { at: Duration::from_millis(end), ..Snapshot::default() });
        windows
    }

    #[test]
    fn what_had_not_come_to_rest_is_in_no_figure() {
        // Defect 18 of other tools: figures that include the warm-up. Everything is cut at the same mark.
        let mut load = vec![100, 300, 500, 800];
        load.extend(
            [1_000, 1_001, 999, 1_002, 998, 1_000, 1_001, 999, 1_000, 1_000, 1_001, 999, 1_000].repeat(2),
        );
        let measured = windows(&load).measured(Tally::default(), &Meter::new(1), false);
        assert!((3..=5).contains(&measured.cut), "{}", measured.cut);
        let kept: u64 = load[measured.cut..].iter().sum();
        assert_eq!((measured.requests, measured.service.count), (kept, kept));
        assert!((measured.steadiness.cut_s - measured.cut as f64 * 0.1).abs() < 1e-9);
        assert_eq!(measured.steadiness.steady, Some(true), "{}", measured.steadiness.why);
        assert_eq!(measured.windows.len(), load.len(), "what is cut is still to be seen");
    }

    #[test]
    fn neither_a_worker_nor_an_open_loop_cuts_anything_off() {
        let load = [vec![10, 100, 500], vec![1_000; 20]].concat();
        let worker = windows(&load).measured(Tally::default(), &Meter::new(1), true);
        assert_eq!((worker.cut, worker.requests), (0, load.iter().sum()));
        let mut windows = windows(&load);
        let mut open = Tally::default();
        open.open.get_or_insert_default().intended = 1;
        windows.kept.iter_mut().for_each(|kept| kept.tally.open = open.pack().open);
        let measured = windows.measured(Tally::default(), &Meter::new(1), false);
        assert_eq!((measured.cut, measured.intended), (0, 23));
    }

    #[test]
    fn what_completes_after_the_window_is_in_its_times() {
        let mut late = Tally::default();
        late.open.get_or_insert_default().response.record(5_000_000_000, 1);
        let measured = windows(&[10; 12]).measured(late, &Meter::new(1), false);
        assert_eq!(measured.response.unwrap().max, 5_000_000.0);
    }

    #[test]
    fn defect_8_what_is_kept_of_a_window_does_not_grow_with_its_requests() {
        let busy = |requests: u64| {
            let mut tally = Tally { requests, ..Tally::default() };
            // Times as far apart as an echo's are: 10 µs to 10 ms.
            (0..requests).for_each(|at| tally.service.record(10_000 * (1 + at % 1_000), 1));
            let mut windows = Windows::default();
            windows.push(&tally);
            windows.kept[0].tally.service.bytes()
        };
        let (few, many) = (busy(10_000), busy(1_000_000));
        assert!(many <= 2 * few, "{few} bytes for 10,000 requests, {many} for 1,000,000");
        // All windows together, of which there are no more however long it lasts.
        let longest = CellConfig { duration: Duration::from_secs(24 * 3600), ..CellConfig::default() };
        assert_eq!(longest.windows(), 200);
        let packed_mib = (many * 200) as f64 / f64::from(1 << 20);
        assert!(packed_mib < 4.0, "{packed_mib} MiB");
    }

    #[test]
    fn requests_that_were_never_answered_are_an_error_each() {
        let meter = Meter::new(1);
        meter.failed(crate::meter::UNFINISHED, || "no reply".to_owned());
        meter.failed("timeout", || "no reply".to_owned());
        let mut late = Tally::default();
        let open = late.open.get_or_insert_default();
        (open.intended, open.dropped) = (100, 7);
        open.response.record(1_000, 60);
        let measured = windows(&[]).measured(late, &meter, false);
        assert_eq!(measured.error_kinds["unfinished"], 100 - 7 - 60 - 1);
    }
}

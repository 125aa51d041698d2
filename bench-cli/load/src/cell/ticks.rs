//! Ticks for a live view: the last second, once a second; or a window at a time where windows are longer.

use std::time::Duration;

use tokio::time::Instant;

use super::protocol::{FromChild, send};
use crate::cell::Tick;
use crate::meter::Tally;
use crate::meter::usage::Snapshot;

const EVERY: Duration = Duration::from_secs(1);

/// What has come in since the last tick.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    news: Tally,
    /// The mark of the last tick.
    since: usize,
    dropped: u64,
}

impl Ticks {
    pub(super) fn warm_up(&self) {
        send(&FromChild::Tick(Tick { is_warm_up: true, ..Tick::default() }));
    }

    /// Adds a window that is over. The last of `marks` is its end; `errors` counts those since the timed part began.
    pub(super) fn add(&mut self, window: &Tally, marks: &[Snapshot], began: Instant, errors: u64) {
        self.news.add(window);
        let (Some(before), Some(now)) = (marks.get(self.since), marks.last()) else { return };
        let elapsed = now.at.saturating_sub(before.at);
        if elapsed < EVERY {
            return;
        }
        let seen = self.news.seen();
        self.dropped += self.news.open.as_ref().map_or(0, |open| open.dropped);
        let quantile = |quantile| (seen.count() > 0).then(|| seen.quantile_us(quantile));
        send(&FromChild::Tick(Tick {
            at_s: began.elapsed().as_secs_f64(),
            is_warm_up: false,
            tps: self.news.requests as f64 / elapsed.as_secs_f64(),
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            max_us: quantile(1.0),
            client_cpu_percent: Some(now.cpu_percent_since(before)),
            dropped: self.dropped,
            errors,
            ..Tick::default()
        }));
        self.news.clear();
        self.since = marks.len() - 1;
    }
}

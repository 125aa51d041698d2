//! The phases of a load, one after the other, each with a meter of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::meter::{Meter, Phase};

/// Which phase it is, and what each reports to. A load without a scenario is one phase.
///
/// The first is under way from the beginning, and in its warm-up until it begins; each other begins where
/// the one before ends.
#[derive(Debug)]
pub struct Phases {
    meters: Vec<Arc<Meter>>,
    /// The phase under way; as many as there are when all are over.
    now: watch::Sender<usize>,
    /// How long after the end what was outstanding was given up, once it was.
    given_up: watch::Sender<Option<Duration>>,
}

impl Phases {
    /// `count` phases, at least one, of which the first reports to `first`; the others' meters are for `threads` threads.
    #[must_use]
    pub fn new(first: Arc<Meter>, count: usize, threads: usize) -> Arc<Self> {
        let others = (1..count).map(|_| Arc::new(Meter::new(threads)));
        let meters = [first].into_iter().chain(others).collect();
        Arc::new(Self { meters, now: watch::Sender::new(0), given_up: watch::Sender::new(None) })
    }

    /// What phase number `index` reports to; the last one's where there is no such phase.
    #[must_use]
    pub fn meter(&self, index: usize) -> &Arc<Meter> {
        self.meters.get(index).unwrap_or_else(|| self.last())
    }

    /// What the last phase reports to.
    #[must_use]
    pub fn last(&self) -> &Arc<Meter> {
        // There is at least one.
        &self.meters[self.meters.len() - 1]
    }

    /// The one before is over at `now`, and phase number `index` is timed from then on, if there is such.
    pub fn begin(&self, index: usize, now: Instant) {
        if let Some(before) = index.checked_sub(1).and_then(|before| self.meters.get(before)) {
            before.enter(Phase::Over, now);
        }
        if let Some(meter) = self.meters.get(index) {
            meter.enter(Phase::Timed, now);
        }
        self.now.send_replace(index);
    }

    /// All are over at `now`, those that never began as well.
    pub fn end(&self, now: Instant) {
        for meter in self.meters.iter().filter(|meter| meter.phase() != Phase::Over) {
            meter.enter(Phase::Over, now);
        }
        self.now.send_replace(self.meters.len());
    }

    /// What is outstanding so long `after` the end is not waited for any more.
    pub fn give_up(&self, after: Duration) {
        self.given_up.send_replace(Some(after));
    }

    /// Ready once what is outstanding is not waited for any more; how long after the end that is.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn given_up(&self) -> Duration {
        // The sender is this.
        self.given_up
            .subscribe()
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|after| *after)
            .unwrap_or_default()
    }

    /// Ready when phase number `index` is under way or over; whether there is anything left of it.
    pub async fn reached(&self, index: usize) -> bool {
        // The sender is this.
        let _ = self.now.subscribe().wait_for(|now| *now >= index).await;
        self.meter(index).phase() != Phase::Over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_phase_begins_where_the_one_before_ends() {
        let phases = Phases::new(Arc::new(Meter::new(1)), 2, 1);
        let of = |index: usize| phases.meter(index).phase();
        assert_eq!((of(0), of(1)), (Phase::WarmUp, Phase::WarmUp));
        assert!(phases.reached(0).await);
        phases.begin(0, Instant::now());
        assert_eq!((of(0), of(1)), (Phase::Timed, Phase::WarmUp));
        let now = Instant::now();
        phases.begin(1, now);
        assert_eq!((of(0), of(1), phases.meter(0).ended()), (Phase::Over, Phase::Timed, Some(now)));
        assert!(phases.reached(1).await && !phases.reached(0).await);
        phases.begin(2, Instant::now());
        assert_eq!(of(1), Phase::Over);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_began_is_over_with_the_rest() {
        let phases = Phases::new(Arc::new(Meter::new(1)), 3, 1);
        phases.begin(0, Instant::now());
        phases.end(Instant::now());
        assert!(!phases.reached(2).await, "nobody waits for it for ever");
    }
}

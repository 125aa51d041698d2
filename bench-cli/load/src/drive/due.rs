//! Due requests of an open loop, and the wait for them.

use tokio::time::Instant;

use super::pacer::{Alarm, Pacer};
use super::schedule::Schedule;
use crate::load::OpenConfig;
use crate::meter::Meter;

/// The requests of one loop, as they come due.
///
/// Each is given once, with the time at which it was meant to go: the start and the schedule say that, and no clock
/// does. A loop that looks late gets all that it missed. After the end of the timed window it gets what was due before
/// that, so that no request of the window is forgotten.
#[derive(Debug)]
pub(super) struct Due {
    schedule: Schedule,
    alarm: Alarm,
    start: Instant,
    /// What is given out now was due by then.
    until: Instant,
}

impl Due {
    /// From now on, in `loops` parts that make the rate together. The pacer must live as long as they.
    pub(super) fn start(open: &OpenConfig, loops: u64) -> (Pacer, Vec<Self>) {
        let start = Instant::now();
        let schedules: Vec<_> = (0..loops).map(|index| Schedule::part(open, index, loops)).collect();
        let (pacer, alarms) = Pacer::start(open.pacer, schedules.clone(), start);
        let each = |(schedule, alarm)| Self { schedule, alarm, start, until: start };
        (pacer, schedules.into_iter().zip(alarms).map(each).collect())
    }

    /// Looks at the clock; whether the loop goes on after what is due now.
    pub(super) fn look(&mut self, meter: &Meter) -> bool {
        let ended = meter.ended();
        self.until = ended.unwrap_or_else(Instant::now);
        ended.is_none()
    }

    /// The next request that was due when the clock was looked at; it is the meter's from now on.
    pub(super) fn take(&mut self, meter: &Meter) -> Option<Instant> {
        let due = self.schedule.take(self.until.saturating_duration_since(self.start))?;
        let intended = self.start + due;
        meter.intended(1, intended);
        Some(intended)
    }

    /// Waits until the next is due, or somewhat less where that is far.
    pub(super) async fn wait(&self) {
        // Where the sum is no instant, it is never due.
        let due = self.start.checked_add(self.schedule.next());
        self.alarm.wait(due.unwrap_or_else(|| Instant::now() + Pacer::FAR)).await;
    }
}

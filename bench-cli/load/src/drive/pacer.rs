//! Pacers: they wake an open loop when a request is due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::schedule::Schedule;
use crate::load::PacerChoice;

/// Longest sleep: a loop looks this often whether its time is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What is due within this after a wake-up waits for the next one, so that a high rate does not become one wake-up a
/// request.
const WAKE_EVERY: Duration = Duration::from_micros(10);

/// The clocks of some loops. Dropped, it ends the thread, if there is one.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The clock of one loop.
#[derive(Debug)]
pub(super) enum Alarm {
    /// The runtime's timers.
    Tick,
    /// Rung by the thread.
    Thread(Arc<Notify>),
}

impl Pacer {
    /// Farther than a loop ever sleeps.
    pub(super) const FAR: Duration = Duration::from_secs(3600);

    /// A pacer for loops whose `schedules` count from `start`, and each loop's alarm.
    ///
    /// A thread knows nothing of a clock that a simulation has stopped: only ticks make sense there. Where no thread can
    /// be had there are ticks as well.
    pub(super) fn start(choice: PacerChoice, schedules: Vec<Schedule>, start: Instant) -> (Self, Vec<Alarm>) {
        let ticks = |count| (0..count).map(|_| Alarm::Tick).collect();
        let count = schedules.len();
        if choice == PacerChoice::Tick {
            return (Self::default(), ticks(count));
        }
        let bells: Vec<Arc<Notify>> = schedules.iter().map(|_| Arc::default()).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let ringing = (bells.clone(), Arc::clone(&stop));
        let thread = thread::Builder::new()
            .name("pacer".to_owned())
            .spawn(move || ring(schedules, &ringing.0, &ringing.1, start.into_std()));
        match thread {
            Ok(thread) => {
                (Self { stop, thread: Some(thread) }, bells.into_iter().map(Alarm::Thread).collect())
            }
            Err(_) => (Self::default(), ticks(count)),
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It panics nowhere; if it did, it would have ended all the same.
            let _ = thread.join();
        }
    }
}

impl Alarm {
    /// Waits until `due`, or somewhat less where that is far: ask again what is due.
    pub(super) async fn wait(&self, due: Instant) {
        let now = Instant::now();
        if due <= now {
            return;
        }
        let look = now + LOOK_EVERY;
        match self {
            Self::Thread(bell) if due < look => bell.notified().await,
            _ => sleep_until(due.min(look)).await,
        }
    }
}

/// Rings each schedule's bell whenever something of it is due, until it is stopped.
fn ring(mut schedules: Vec<Schedule>, bells: &[Arc<Notify>], stop: &AtomicBool, start: std::time::Instant) {
    // The kernel may otherwise be late by 50 microseconds, to wake several sleepers at once.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_timerslack(1);
    let mut due: BinaryHeap<_> =
        schedules.iter().enumerate().map(|(index, schedule)| Reverse((schedule.next(), index))).collect();
    while let Some(&Reverse((next, _))) = due.peek() {
        let now = start.elapsed();
        if next > now {
            thread::park_timeout((next - now).max(WAKE_EVERY));
        }
        if stop.load(Ordering::Acquire) {
            return;
        }
        let now = start.elapsed();
        while let Some(&Reverse((next, index))) = due.peek()
            && next <= now
        {
            due.pop();
            // What is due by now is one ring, however much.
            while schedules[index].take(now).is_some() {}
            bells[index].notify_one();
            due.push(Reverse((schedules[index].next(), index)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Arrivals, OpenConfig};

    fn schedule(rate: f64) -> Schedule {
        let open = OpenConfig {
            rate,
            arrivals: Arrivals::Fixed,
            max_in_flight: 1,
            pacer: PacerChoice::Thread,
            seed: 0,
        };
        Schedule::part(&open, 0, 1)
    }

    #[tokio::test]
    async fn the_thread_rings_for_each_loop_and_ends_with_the_pacer_however_far_the_next_time_is() {
        let start = Instant::now();
        let (pacer, alarms) =
            Pacer::start(PacerChoice::Thread, vec![schedule(2000.0), schedule(1e-6)], start);
        let Alarm::Thread(bell) = &alarms[0] else { panic!("{alarms:?}") };
        let stop = Arc::downgrade(&pacer.stop);
        for _ in 0..20 {
            bell.notified().await;
        }
        assert!(start.elapsed() >= Duration::from_micros(19 * 500));
        drop(pacer);
        assert!(stop.upgrade().is_none(), "the thread has let go of what it was given");
    }

    #[tokio::test(start_paused = true)]
    async fn a_tick_wakes_at_its_time_and_looks_up_in_between() {
        let start = Instant::now();
        Alarm::Tick.wait(start + Duration::from_millis(7)).await;
        assert_eq!(start.elapsed(), Duration::from_millis(7));
        Alarm::Tick.wait(start + Duration::from_secs(100)).await;
        assert_eq!(start.elapsed(), Duration::from_millis(27));
        Alarm::Tick.wait(start).await;
        assert_eq!(start.elapsed(), Duration::from_millis(27));
    }
}

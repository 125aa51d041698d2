//! The closed loop: each caller calls, waits, checks, and calls again. What it measures is service time.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{AFTER_FAILURE, Call, Phase};
use crate::load::Think;
use crate::meter;

/// Runs `parallel` callers, spread over the clients, until the phase is over and every call has ended.
pub(super) async fn run<C: Call>(phase: Arc<Phase<C>>, parallel: u64, think: Option<Think>) {
    let mut callers = JoinSet::new();
    for (number, client) in phase.clients.iter().cycle().take(parallel as usize).enumerate() {
        callers.spawn(caller(Arc::clone(&phase), Arc::clone(client), number, think));
    }
    phase.end(callers).await;
}

async fn caller<C: Call>(phase: Arc<Phase<C>>, client: Arc<C>, number: usize, think: Option<Think>) {
    let mut random = phase.random(&format!("caller {number}"));
    let meter = &*phase.meter;
    let mut failures = 0;
    while meter.phase() != meter::Phase::Over && phase.patience.is_none_or(|most| failures < most) {
        let _place = match &phase.places {
            // Never closed, so this cannot fail.
            Some(places) => places.acquire().await.ok(),
            None => None,
        };
        if meter.phase() == meter::Phase::Over {
            return;
        }
        let (requests, is_one_way) = &phase.kinds[phase.draw(&mut random)];
        let is_well = if *is_one_way {
            requests.one_way(&*client).await
        } else {
            let timed = requests.call(&*client).await;
            timed.inspect(|(sent, done)| meter.done(1, *sent, *done)).is_some()
        };
        failures = if is_well { 0 } else { failures + 1 };
        if !is_well && phase.patience.is_none() {
            phase.pause(AFTER_FAILURE).await;
        } else if let Some(think) = think.filter(|_| is_well) {
            let began = Instant::now();
            phase.pause(think.draw(&mut random)).await;
            meter.paused(began.elapsed());
        } else if !is_well || *is_one_way {
            // A call that ends at once must not starve the others.
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use bytes::Bytes;

    use super::super::{Failure, GIVE_UP_AFTER, run};
    use super::*;
    use crate::drive::Phases;
    use crate::load::CellConfig;
    use crate::meter::{Meter, Phase, Tally};

    /// An echo that answers after a few turns of the runtime, and ends the phase with its call number `last`.
    struct Echo {
        meter: Arc<Meter>,
        calls: AtomicU64,
        last: u64,
        inside: AtomicUsize,
        most_inside: AtomicUsize,
        answer: fn(Bytes) -> Result<Bytes, Failure>,
    }

    impl Call for Echo {
        async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
            let inside = self.inside.fetch_add(1, Ordering::Relaxed) + 1;
            self.most_inside.fetch_max(inside, Ordering::Relaxed);
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            if self.calls.fetch_add(1, Ordering::Relaxed) + 1 == self.last {
                self.meter.enter(Phase::Over, Instant::now());
            }
            self.inside.fetch_sub(1, Ordering::Relaxed);
            (self.answer)(payload)
        }
    }

    async fn drive(
        parallel: u64,
        window: usize,
        last: u64,
        answer: fn(Bytes) -> Result<Bytes, Failure>,
    ) -> Arc<Echo> {
        let config = CellConfig {
            transport: "test".to_owned(),
            stack: "test".to_owned(),
            parallel,
            payload: 8192,
            window,
            ..CellConfig::default()
        };
        let meter = Arc::new(Meter::new(1));
        meter.enter(Phase::Timed, Instant::now());
        let echo = Arc::new(Echo {
            meter: Arc::clone(&meter),
            calls: AtomicU64::new(0),
            last,
            inside: AtomicUsize::new(0),
            most_inside: AtomicUsize::new(0),
            answer,
        });
        run(vec![Arc::clone(&echo)], &config, &Phases::new(meter, 1, 1)).await;
        echo
    }

    fn total(echo: &Echo) -> Tally {
        let mut total = Tally::default();
        echo.meter.take(&mut total, &mut Tally::default());
        total
    }

    #[tokio::test]
    async fn callers_keep_exactly_the_planned_requests_outstanding() {
        let echo = drive(10, 1 << 20, 1000, Ok).await;
        assert_eq!(echo.most_inside.load(Ordering::Relaxed), 10);
        assert_eq!(echo.meter.errors().count(), 0);
        assert!(total(&echo).requests >= 980);
    }

    #[tokio::test]
    async fn the_byte_window_holds_callers_back() {
        let echo = drive(1000, 4 * 8192, 1000, Ok).await;
        assert_eq!(echo.most_inside.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn a_reply_that_was_tampered_with_is_an_error_and_no_request() {
        let echo = drive(2, 1 << 20, 10, |reply| Ok(reply.slice(1..))).await;
        let errors = echo.meter.errors();
        assert_eq!((total(&echo).requests, errors.count()), (0, echo.calls.load(Ordering::Relaxed)));
        assert!(errors.kinds.contains_key("wrong length"));
    }

    #[tokio::test]
    async fn a_server_that_only_fails_ends_the_loop_by_itself() {
        let failure = |_| Err(Failure { kind: "refused", message: "no".to_owned() });
        let echo = drive(3, 1 << 20, u64::MAX, failure).await;
        assert_eq!(echo.meter.errors().count(), 3 * GIVE_UP_AFTER);
    }
}

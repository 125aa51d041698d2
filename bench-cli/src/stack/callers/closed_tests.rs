use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::time::Instant;

use super::*;
use crate::meter::Tally;
use crate::stack::callers::{Failure, run};

/// Answers after a few turns of the runtime, and ends the phase after so many calls.
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
    run(vec![Arc::clone(&echo)], &config, meter).await;
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
    assert_eq!(echo.meter.errors().count(), 3 * u64::from(GIVE_UP_AFTER));
}

//! The open loop: calls go when they are due, whatever has become of those before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::{Call, GIVE_UP_AFTER, Requests};
use crate::config::{CellConfig, OpenConfig};
use crate::meter::Meter;
use crate::stack::due::Due;

/// Calls as `open` says, one client after the other, until the meter's phase is over and every call has ended.
pub(super) async fn run<C: Call>(
    clients: Vec<Arc<C>>,
    config: &CellConfig,
    open: &OpenConfig,
    meter: Arc<Meter>,
) {
    let (_pacer, due) = Due::start(open, 1);
    let most = config.outstanding() as usize;
    let shared = Arc::new(Shared {
        clients,
        requests: Requests::new(config.payload, meter),
        failures: AtomicU64::new(0),
    });
    for due in due {
        generate(&shared, due, most).await;
    }
}

struct Shared<C> {
    clients: Vec<Arc<C>>,
    requests: Requests,
    /// Calls that failed since one went well.
    failures: AtomicU64,
}

async fn generate<C: Call>(shared: &Arc<Shared<C>>, mut due: Due, most: usize) {
    let meter = &*shared.requests.meter;
    // All that were in flight may be lost with one connection, and the next go well.
    let give_up_after = u64::from(GIVE_UP_AFTER).max(2 * most as u64);
    let mut calls = JoinSet::new();
    let mut turn = 0;
    while shared.failures.load(Ordering::Relaxed) < give_up_after {
        let goes_on = due.look(meter);
        while let Some(ended) = calls.try_join_next() {
            shared.note(ended);
        }
        while let Some(intended) = due.take(meter) {
            if calls.len() < most {
                calls.spawn(one_call(Arc::clone(shared), turn, intended));
                turn = (turn + 1) % shared.clients.len();
            } else {
                meter.dropped(1, intended);
            }
        }
        if !goes_on {
            break;
        }
        // First of all those that were let go get their turn: there may be so much due that there is no wait.
        tokio::task::yield_now().await;
        due.wait().await;
    }
    while let Some(ended) = calls.join_next().await {
        shared.note(ended);
    }
}

async fn one_call<C: Call>(shared: Arc<Shared<C>>, turn: usize, intended: Instant) {
    match shared.requests.call(&*shared.clients[turn]).await {
        Some((sent, done)) => {
            shared.requests.meter.done_open(1, intended, sent, done);
            shared.failures.store(0, Ordering::Relaxed);
        }
        None => {
            shared.failures.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<C> Shared<C> {
    fn note(&self, ended: Result<(), JoinError>) {
        if let Err(error) = ended {
            self.requests.meter.failed("panic", || format!("a call panicked: {error}"));
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;

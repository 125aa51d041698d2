//! The closed loop: each caller calls, waits, checks, and calls again. What it measures is service time.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Call, GIVE_UP_AFTER, Requests};
use crate::config::CellConfig;
use crate::meter::{Meter, Phase};

/// Runs `config.parallel` callers, spread over `clients`, until the meter's phase is over and every call has ended.
pub(super) async fn run<C: Call>(clients: Vec<Arc<C>>, config: &CellConfig, meter: Arc<Meter>) {
    let shared = Arc::new(Shared {
        places: (config.outstanding() < config.parallel)
            .then(|| Semaphore::new(config.outstanding() as usize)),
        requests: Requests::new(config.payload, meter),
    });
    let mut callers = JoinSet::new();
    for client in clients.into_iter().cycle().take(config.parallel as usize) {
        callers.spawn(caller(client, Arc::clone(&shared)));
    }
    while let Some(ended) = callers.join_next().await {
        if let Err(error) = ended {
            shared.requests.meter.failed("panic", || format!("a caller panicked: {error}"));
        }
    }
}

struct Shared {
    /// One for each request that the byte window holds, where that is fewer than the callers.
    places: Option<Semaphore>,
    requests: Requests,
}

async fn caller<C: Call>(client: Arc<C>, shared: Arc<Shared>) {
    let meter = &*shared.requests.meter;
    let mut failures = 0;
    while meter.phase() != Phase::Over && failures < GIVE_UP_AFTER {
        let _place = match &shared.places {
            // Never closed, so this cannot fail.
            Some(places) => places.acquire().await.ok(),
            None => None,
        };
        if meter.phase() == Phase::Over {
            return;
        }
        if let Some((sent, done)) = shared.requests.call(&*client).await {
            meter.done(1, sent, done);
            failures = 0;
        } else {
            failures += 1;
            // A call that fails at once must not starve the others.
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
#[path = "closed_tests.rs"]
mod tests;

//! The closed loop of callers: each calls, waits, checks, and calls again.
//!
//! A stack that can answer one call gets its whole load from here.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::CellConfig;
use crate::meter::{Meter, Phase};
use crate::stack::payloads::Payloads;
use crate::stamp;

/// Something that answers one call.
pub trait Call: Send + Sync + 'static {
    /// Sends `payload` and waits for the reply to it.
    fn call(&self, payload: Bytes) -> impl Future<Output = Result<Bytes, Failure>> + Send;
}

/// A call that got no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind that it is counted under, such as `timeout`.
    pub kind: &'static str,
    /// The error in full.
    pub message: String,
}

/// A caller that fails this often without one success between gives up, so that a dead server ends its row soon.
const GIVE_UP_AFTER: u32 = 100;

/// Runs `config.parallel` callers, spread over `clients`, until the meter's phase is over and every call has ended.
pub async fn run<C: Call>(clients: Vec<Arc<C>>, config: &CellConfig, meter: Arc<Meter>) {
    let shared = Arc::new(Shared {
        numbers: AtomicU64::new(0),
        payload: config.payload,
        places: (config.outstanding() < config.parallel)
            .then(|| Semaphore::new(config.outstanding() as usize)),
        payloads: Payloads::new(config.payload),
        meter,
    });
    let mut callers = JoinSet::new();
    for client in clients.into_iter().cycle().take(config.parallel as usize) {
        callers.spawn(caller(client, Arc::clone(&shared)));
    }
    while let Some(ended) = callers.join_next().await {
        if let Err(error) = ended {
            shared.meter.failed("panic", || format!("a caller panicked: {error}"));
        }
    }
}

struct Shared {
    numbers: AtomicU64,
    payload: usize,
    /// One for each request that the byte window holds, where that is fewer than the callers.
    places: Option<Semaphore>,
    payloads: Payloads,
    meter: Arc<Meter>,
}

async fn caller<C: Call>(client: Arc<C>, shared: Arc<Shared>) {
    let mut failures = 0;
    while shared.meter.phase() != Phase::Over && failures < GIVE_UP_AFTER {
        let _place = match &shared.places {
            // Never closed, so this cannot fail.
            Some(places) => places.acquire().await.ok(),
            None => None,
        };
        if shared.meter.phase() == Phase::Over {
            return;
        }
        if shared.one_call(&*client).await {
            failures = 0;
        } else {
            failures += 1;
            // A call that fails at once must not starve the others.
            tokio::task::yield_now().await;
        }
    }
}

impl Shared {
    /// Whether one call went well.
    async fn one_call<C: Call>(&self, client: &C) -> bool {
        let request = self.numbers.fetch_add(1, Ordering::Relaxed);
        let payload = self.payloads.of(request);
        let began = Instant::now();
        let reply = client.call(payload).await;
        let now = Instant::now();
        let went_well = match reply {
            Ok(reply) => self.is_right(&reply, request),
            Err(failure) => {
                self.meter.failed(failure.kind, || failure.message);
                false
            }
        };
        if went_well {
            self.meter.done(1, began, now);
        }
        went_well
    }

    fn is_right(&self, reply: &[u8], request: u64) -> bool {
        let checked = stamp::check(reply, self.payload, request, self.meter.thoroughness(request));
        if let Err(mismatch) = checked {
            self.meter.failed(mismatch.kind(), || mismatch.to_string());
        }
        checked.is_ok()
    }
}

#[cfg(test)]
#[path = "callers_tests.rs"]
mod tests;

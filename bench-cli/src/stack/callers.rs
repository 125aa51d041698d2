//! Loops of calls, closed and open: a stack that can answer one call gets its whole load from here.

mod closed;
mod open;
mod phases;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::time::Instant;

use crate::config::CellConfig;
use crate::meter::Meter;
use crate::stack::payloads::Payloads;
use crate::stamp;

pub(super) use phases::play;

/// Something that answers one call.
pub trait Call: Send + Sync + 'static {
    /// Sends `payload` and waits for the reply to it.
    fn call(&self, payload: Bytes) -> impl Future<Output = Result<Bytes, Failure>> + Send;

    /// Hands `payload` over and wants no reply. By default it cannot.
    fn one_way(&self, payload: Bytes) -> impl Future<Output = Result<(), Failure>> + Send {
        drop(payload);
        let message = "messages without a reply are not known here".to_owned();
        std::future::ready(Err(Failure { kind: "refused", message }))
    }
}

/// A call that got no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind that it is counted under, such as `timeout`.
    pub kind: &'static str,
    /// The error in full.
    pub message: String,
}

/// So many failures without one success between mean that the server is dead: its row ends soon.
const GIVE_UP_AFTER: u32 = 100;

/// Runs the loop that `config` says, spread over `clients`, until the meter's phase is over and every call has ended.
///
/// A closed loop is `config.parallel` callers, each of which calls again when its reply has come. An open one calls
/// when the schedule says so, whatever has become of the calls before.
pub async fn run<C: Call>(clients: Vec<Arc<C>>, config: &CellConfig, meter: Arc<Meter>) {
    match &config.open {
        None => closed::run(clients, config, meter).await,
        Some(open) => open::run(clients, config, open, meter).await,
    }
}

/// What all calls of a load share.
struct Requests {
    numbers: AtomicU64,
    payload: usize,
    payloads: Payloads,
    meter: Arc<Meter>,
}

impl Requests {
    fn new(payload: usize, meter: Arc<Meter>) -> Self {
        Self::numbered(payload, meter, 0)
    }

    /// Requests whose numbers count from `first`.
    fn numbered(payload: usize, meter: Arc<Meter>, first: u64) -> Self {
        Self { numbers: AtomicU64::new(first), payload, payloads: Payloads::new(payload), meter }
    }

    /// Makes the next call and checks its reply. When it was sent and done, if it went well; else the meter knows.
    async fn call<C: Call>(&self, client: &C) -> Option<(Instant, Instant)> {
        let request = self.numbers.fetch_add(1, Ordering::Relaxed);
        let payload = self.payloads.of(request);
        let sent = Instant::now();
        let reply = client.call(payload).await;
        let done = Instant::now();
        match reply {
            Ok(reply) => self.is_right(&reply, request).then_some((sent, done)),
            Err(failure) => {
                self.meter.failed(failure.kind, || failure.message);
                None
            }
        }
    }

    /// Hands the next one over, which wants no reply; whether that went well.
    async fn one_way<C: Call>(&self, client: &C) -> bool {
        let request = self.numbers.fetch_add(1, Ordering::Relaxed);
        let handed_over = client.one_way(self.payloads.of(request)).await;
        match handed_over {
            Ok(()) => self.meter.one_way(),
            Err(ref failure) => self.meter.failed(failure.kind, || failure.message.clone()),
        }
        handed_over.is_ok()
    }

    fn is_right(&self, reply: &[u8], request: u64) -> bool {
        let checked = stamp::check(reply, self.payload, request, self.meter.thoroughness(request));
        if let Err(mismatch) = checked {
            self.meter.failed(mismatch.kind(), || mismatch.to_string());
        }
        checked.is_ok()
    }
}

//! The keeper of a connection: one wake-up for all its deadlines, and the health check's ticks.

use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};

use super::Shared;
use crate::counters::count;
use crate::error::CallError;
use crate::primitives::in_flight::CallId;

/// Runs until the connection is closed.
pub(super) async fn run(shared: Arc<Shared>) {
    let interval = shared.options.health.interval;
    let mut tick = Instant::now() + interval;
    let mut sleep = pin!(sleep_until(tick));
    let mut expired = Vec::new();
    poll_fn(|cx| {
        loop {
            let now = Instant::now();
            if now >= tick {
                tick = now + interval;
                shared.signals.iter().for_each(|signal| signal.tick());
            }
            let Some(next) = shared.deadlines.look(now, cx.waker(), &mut expired) else {
                return Poll::Ready(());
            };
            for call in expired.drain(..) {
                shared.time_out(call);
            }
            let wake_at = next.map_or(tick, |next| next.min(tick));
            if sleep.deadline() != wake_at {
                sleep.as_mut().reset(wake_at);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await;
}

impl Shared {
    fn time_out(&self, call: CallId) {
        // In one step: were the packet to leave between looking and ending, nobody would take it back.
        let ended = self.calls.end_with(call, Err(CallError::Timeout), |context| context.at);
        let Some((told, at)) = ended else { return };
        count(&self.counters.timeouts);
        self.retract(call, at);
        told.tell();
        self.note_settled();
    }
}

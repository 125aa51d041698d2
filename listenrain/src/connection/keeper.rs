//! The keeper of a connection: one wake-up for all its deadlines, the health check's ticks, and idle buffers.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::context::InLine;
use crate::counters::count;
use crate::error::CallError;
use crate::primitives::in_flight::CallId;

/// Keeps a connection. What it keeps ends with it, however it ends, also if it never ran: nothing else would wake the waiting
/// callers.
pub(super) struct Keeper(pub(super) Arc<Shared>);

impl Keeper {
    /// Runs until the connection is closed.
    pub(super) async fn run(self) {
        tokio::select! {
            biased;
            () = keep(&self.0) => {}
            () = self.0.idle.watch() => {}
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

async fn keep(shared: &Shared) {
    let interval = shared.options.health.interval;
    let mut tick = Instant::now() + interval;
    let mut sleep = pin!(sleep_until(tick));
    let mut expired = Vec::new();
    poll_fn(|cx| {
        loop {
            let now = Instant::now();
            if now >= tick {
                tick = now + interval;
                shared.traffic.queues.iter().for_each(|signal| signal.tick());
            }
            shared.refill_timers();
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
    pub(super) fn watch_deadline(&self, call: CallId, deadline: Instant) {
        self.deadlines.add(call, deadline);
        self.refill_timers();
    }

    /// Timers that have panicked were replaced by empty ones: enters every call there again.
    fn refill_timers(&self) {
        if self.timers_fault.take() {
            count(&self.counters.panics);
            self.traffic.calls.for_each(|id, context| self.deadlines.add(id, context.deadline));
        }
    }

    /// The deadline of a call has passed, wherever the call stands.
    pub(super) fn time_out(&self, call: CallId) {
        let ended = self.traffic.end_where_it_stands(call, |context| {
            let error = if context.at.epoch.is_some() { CallError::Timeout } else { CallError::Expired };
            (Err(error), context.line.take())
        });
        let Some((told, at, line)) = ended else { return };
        count(&self.counters.timeouts);
        match line {
            // What it was granted meanwhile goes to the next in line.
            Some(InLine::ForPlace(mut place)) => self.places.leave(&mut place),
            Some(InLine::ForMemory(mut place)) => self.memory.leave(&mut place),
            None => self.say_cancelled(call, at),
        }
        if at.epoch.is_none() {
            count(&self.counters.expired);
        }
        told.tell();
        self.note_settled();
    }
}

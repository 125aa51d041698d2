//! The keeper of a connection: one wake-up for all its deadlines, and the health check's ticks.

use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use tokio::time::{Instant, sleep_until};

use super::Shared;
use crate::counters::count;
use crate::error::CallError;
use crate::primitives::in_flight::CallId;
use crate::sync::{Mutex, lock};
use crate::timers::Timers;

/// The deadlines of a connection.
#[derive(Debug)]
pub(super) struct Deadlines {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    timers: Box<dyn Timers>,
    /// What the keeper sleeps until, when it sleeps for a deadline.
    armed: Option<Instant>,
    keeper: Option<Waker>,
    closed: bool,
}

impl Deadlines {
    pub(super) fn new(timers: Box<dyn Timers>) -> Self {
        Self { inner: Mutex::new(Inner { timers, armed: None, keeper: None, closed: false }) }
    }

    pub(super) fn add(&self, call: CallId, deadline: Instant) {
        let mut inner = lock(&self.inner);
        inner.timers.add(call, deadline);
        if inner.armed.is_none_or(|armed| deadline < armed) {
            inner.armed = Some(deadline);
            let keeper = inner.keeper.take();
            drop(inner);
            if let Some(keeper) = keeper {
                keeper.wake();
            }
        }
    }

    pub(super) fn remove(&self, call: CallId) {
        lock(&self.inner).timers.remove(call);
    }

    pub(super) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        let keeper = inner.keeper.take();
        drop(inner);
        if let Some(keeper) = keeper {
            keeper.wake();
        }
    }

    /// Takes the expired calls out; gives when to look again, or `None` once closed.
    fn look(&self, now: Instant, keeper: &Waker, expired: &mut Vec<CallId>) -> Option<Option<Instant>> {
        let mut inner = lock(&self.inner);
        if inner.closed {
            return None;
        }
        expired.extend(std::iter::from_fn(|| inner.timers.expired(now)));
        inner.armed = inner.timers.next();
        inner.keeper = Some(keeper.clone());
        Some(inner.armed)
    }
}

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
                shared.lanes.iter().for_each(|lane| lane.signal.tick());
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
        let ended =
            self.calls.end_with(call, Err(CallError::Timeout), |context| (context.lane, context.epoch));
        let Some((told, (lane, epoch))) = ended else { return };
        count(&self.counters.timeouts);
        self.retract(call, lane, epoch);
        told.tell();
        self.note_settled();
    }
}

//! One connection of a client: its calls, how much of them there may be, and whether there is a channel for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use listenrain::{CallError, Kind, Outcome, Packet, Refusal};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::budget::Budget;
use super::calls::Calls;
use super::flaw::{Faulty, Flaw};
use super::keeper;
use super::source::Source;
use crate::scenario::ClientSetup;
use crate::stack::InUse;

/// What a line is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// It has no channel, and looks for one.
    Recovering,
    /// It has a channel.
    Up,
    /// It has looked in vain for long; it goes on, and calls are refused.
    Down,
    /// It has ended.
    Ended,
}

/// How long after a call has found a line down it closes the queue, in the original's way.
const CLOSES_QUEUE_AFTER: Duration = Duration::from_millis(100);

/// What the callers of one connection and its keeper share.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) faulty: Faulty,
    endpoint: String,
    budget: Budget,
    calls: Mutex<Calls>,
    /// How many calls have not ended.
    open: watch::Sender<usize>,
    /// There is something to write, perhaps.
    queued: Notify,
    /// Something has arrived.
    arrived: Notify,
    pub(super) state: watch::Sender<State>,
    closing: AtomicBool,
    /// It shall end now.
    over: watch::Sender<bool>,
    redial_failed: AtomicBool,
    queue_is_closed: AtomicBool,
}

/// A line, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) line: Arc<Line>,
    keeper: AbortHandle,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Kept {
    /// A line of the channels of `source`.
    pub(super) fn start(setup: &ClientSetup, source: Source, faulty: Faulty) -> Self {
        let line = Arc::new(Line {
            faulty,
            endpoint: source.to_string(),
            budget: Budget::new(setup, faulty),
            calls: Mutex::new(Calls::new(faulty)),
            open: watch::Sender::default(),
            queued: Notify::new(),
            arrived: Notify::new(),
            state: watch::Sender::new(State::Recovering),
            closing: AtomicBool::new(false),
            over: watch::Sender::default(),
            redial_failed: AtomicBool::new(false),
            queue_is_closed: AtomicBool::new(false),
        });
        let keeper = tokio::spawn(keeper::keep(line.clone(), source, setup.down_after)).abort_handle();
        Self { line, keeper }
    }
}

/// For callers.
impl Line {
    /// Calls, and waits for the reply, or for a one-way message to be written, until the deadline.
    pub(super) async fn call(&self, kind: Kind, body: Bytes, within: Duration) -> Outcome<Bytes> {
        let deadline = Instant::now() + within;
        let entered = self.budget.enter(body.len());
        let (permit, deadline) = match self.faulty.has(Flaw::LR10) {
            true => (entered.await?, Instant::now() + within),
            false => (timeout_at(deadline, entered).await.map_err(|_| CallError::Expired)??, deadline),
        };
        self.may_begin()?;
        let (id, outcome) = self.with_calls(|calls| calls.push(kind, body, permit));
        let _waiting = Waiting { line: self, id };
        self.queued.notify_one();
        tokio::select! {
            biased;
            outcome = outcome => outcome.unwrap_or(Err(CallError::Refused(Refusal::Closed))),
            () = self.alarm(deadline) => {
                let is_sent = self.with_calls(|calls| calls.is_sent(id));
                Err(if is_sent { CallError::Timeout } else { CallError::Expired })
            }
        }
    }

    fn may_begin(&self) -> Result<(), CallError> {
        if self.is_closing() {
            return Err(CallError::Refused(Refusal::Draining));
        }
        match *self.state.borrow() {
            State::Recovering | State::Up => Ok(()),
            State::Down => Err(CallError::Refused(self.down())),
            State::Ended => Err(CallError::Refused(Refusal::Closed)),
        }
    }

    /// Rings at `deadline`.
    async fn alarm(&self, deadline: Instant) {
        sleep_until(deadline).await;
        if self.faulty.has(Flaw::LR04) && self.redial_failed.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.faulty.has(Flaw::LooksOnTraffic) {
            self.arrived.notified().await;
        }
    }

    /// A call was refused since the line is down.
    pub(super) fn found_down(self: &Arc<Self>) {
        if self.faulty.has(Flaw::LR05) {
            let line = self.clone();
            tokio::spawn(async move {
                sleep(CLOSES_QUEUE_AFTER).await;
                assert!(!line.queue_is_closed.swap(true, Ordering::Relaxed), "close of closed channel");
            });
        }
    }

    /// Lets no call begin any more, lets those that have end, at most for `within`, and ends.
    pub(super) async fn close(&self, within: Duration) {
        self.closing.store(true, Ordering::Relaxed);
        self.budget.close();
        if self.faulty.has(Flaw::LR09) && *self.state.borrow() != State::Up {
            std::future::pending::<()>().await;
        }
        if self.faulty.has(Flaw::LR11) {
            self.with_calls(Calls::halve_queue);
        }
        let mut open = self.open.subscribe();
        let _ = timeout(within, open.wait_for(|open| *open == 0)).await;
        self.end();
        let _ = self.state.subscribe().wait_for(|state| *state == State::Ended).await;
    }

    pub(super) fn end(&self) {
        self.over.send_replace(true);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    pub(super) fn in_use(&self) -> InUse {
        let (requests, bytes) = self.budget.used();
        let queued = self.with_calls(|calls| calls.queued()) as u64;
        InUse { requests, bytes, queued }
    }
}

/// For the keeper.
impl Line {
    /// Reads or changes the calls.
    pub(super) fn with_calls<R>(&self, with: impl FnOnce(&mut Calls) -> R) -> R {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let result = with(&mut calls);
        self.open.send_replace(calls.len());
        result
    }

    /// The next packet to write.
    pub(super) async fn next_packet(&self) -> Packet {
        loop {
            if let Some(packet) = self.with_calls(Calls::next) {
                return packet;
            }
            self.queued.notified().await;
        }
    }

    /// The reply, or what stands for it, to `id` has arrived.
    pub(super) fn arrives(&self, id: u64, outcome: Outcome<Bytes>) {
        self.with_calls(|calls| calls.end(id, outcome));
        self.arrived.notify_waiters();
    }

    /// A dial has failed, and this many in a row.
    pub(super) fn dial_failed(&self, in_a_row: u32, down_after: u32) {
        self.redial_failed.store(true, Ordering::Relaxed);
        if in_a_row >= down_after {
            self.state.send_replace(State::Down);
            self.with_calls(|calls| calls.refuse(&self.down()));
        }
    }

    /// Ready when it shall end.
    pub(super) async fn over(&self) {
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    pub(super) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// It has ended, and so have its calls.
    pub(super) fn ended(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.budget.close();
        self.with_calls(Calls::close);
        self.state.send_replace(State::Ended);
    }

    fn down(&self) -> Refusal {
        Refusal::Down { endpoint: self.endpoint.clone(), cause: None }
    }
}

/// A caller that waits for the outcome of its call, until this is dropped.
struct Waiting<'a> {
    line: &'a Line,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.line.with_calls(|calls| calls.forget(self.id));
    }
}

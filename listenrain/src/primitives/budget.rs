//! A limit in count and in bytes, with those who wait for room.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::sync::{Arc, Mutex, lock, mutant};

/// How much of something may be in use at once, in count and in bytes.
///
/// Whoever waits is served in order. One that is larger than the whole byte limit is admitted alone, when nothing
/// else is in use, so that it is never stuck.
#[derive(Debug)]
pub(crate) struct Budget {
    state: Mutex<State>,
    max_count: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    count: usize,
    bytes: usize,
    closed: bool,
    waiters: VecDeque<Waiter>,
    /// Wakers of those who only want to know that something was given back, by their tickets.
    watchers: Vec<(u64, Waker)>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    bytes: usize,
    granted: bool,
    waker: Waker,
}

/// Room that is in use; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
}

/// Someone's place in the line. Dropping the wait without [`Budget::leave`] would hold the line up.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<u64>);

/// Why there is no use in waiting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// The budget will never give anything again.
    Closed,
    /// Too many wait already.
    Crowded,
}

/// Most who may wait in line.
const MAX_WAITERS: usize = 65_536;

impl Budget {
    pub(crate) fn new(max_count: usize, max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::default()), max_count, max_bytes })
    }

    /// Takes room at once, or not at all; never overtakes those who wait.
    pub(crate) fn try_acquire(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        let mut state = lock(&self.state);
        if state.closed || !state.waiters.is_empty() || !self.fits(&state, bytes) {
            return None;
        }
        Some(self.take(&mut state, bytes))
    }

    /// Takes room even when there is none, for what is already here and must be accounted for.
    pub(crate) fn force_acquire(self: &Arc<Self>, bytes: usize) -> Permit {
        self.take(&mut lock(&self.state), bytes)
    }

    /// Waits in line for room. `place` remembers where; [`leave`](Self::leave) must follow when the wait is given up.
    pub(crate) fn poll_acquire(
        self: &Arc<Self>,
        place: &mut Place,
        bytes: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Permit, NoRoom>> {
        let mut state = lock(&self.state);
        let Some(ticket) = place.0 else {
            if state.closed {
                return Poll::Ready(Err(NoRoom::Closed));
            }
            if state.waiters.is_empty() && self.fits(&state, bytes) {
                return Poll::Ready(Ok(self.take(&mut state, bytes)));
            }
            if state.waiters.len() >= MAX_WAITERS {
                return Poll::Ready(Err(NoRoom::Crowded));
            }
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            place.0 = Some(ticket);
            state.waiters.push_back(Waiter { ticket, bytes, granted: false, waker: cx.waker().clone() });
            return Poll::Pending;
        };
        let Some(at) = state.waiters.iter().position(|waiter| waiter.ticket == ticket) else {
            // Closing empties the line.
            place.0 = None;
            return Poll::Ready(Err(NoRoom::Closed));
        };
        if state.waiters[at].granted {
            state.waiters.remove(at);
            place.0 = None;
            // Its count and bytes were taken when it was granted.
            return Poll::Ready(Ok(Permit { budget: Arc::clone(self), bytes }));
        }
        state.waiters[at].waker.clone_from(cx.waker());
        Poll::Pending
    }

    /// Gives up a wait; room that was already granted goes to the next in line.
    pub(crate) fn leave(&self, place: &mut Place) {
        let Some(ticket) = place.0.take() else { return };
        let mut state = lock(&self.state);
        let Some(at) = state.waiters.iter().position(|waiter| waiter.ticket == ticket) else {
            return;
        };
        if let Some(waiter) = state.waiters.remove(at)
            && waiter.granted
            && !mutant("budget: a granted waiter leaves with its room")
        {
            state.count -= 1;
            state.bytes -= waiter.bytes;
        }
        let wakers = self.serve(&mut state);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ready when one more of any size may come; otherwise wakes the watcher when that may have changed. `place` tells
    /// watchers apart.
    pub(crate) fn poll_room(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.count < self.max_count && state.bytes < self.max_bytes {
            return Poll::Ready(());
        }
        state.watch(place, cx);
        Poll::Pending
    }

    /// Ready when nothing is in use; otherwise wakes the watcher when that may have changed.
    pub(crate) fn poll_idle(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.count == 0 {
            return Poll::Ready(());
        }
        state.watch(place, cx);
        Poll::Pending
    }

    /// Ends every wait with [`NoRoom::Closed`]; room in use stays accounted for.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let (count, bytes) = state
            .waiters
            .iter()
            .filter(|waiter| waiter.granted)
            .fold((0, 0), |(count, bytes), waiter| (count + 1, bytes + waiter.bytes));
        if !mutant("budget: close forgets granted room") {
            state.count -= count;
            state.bytes -= bytes;
        }
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        waiters.into_iter().for_each(|waiter| waiter.waker.wake());
    }

    /// Count and bytes in use.
    pub(crate) fn in_use(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.count, state.bytes)
    }

    pub(crate) fn limits(&self) -> (usize, usize) {
        (self.max_count, self.max_bytes)
    }

    fn fits(&self, state: &State, bytes: usize) -> bool {
        let alone = state.count == 0;
        let fit =
            state.bytes.saturating_add(bytes) <= self.max_bytes || mutant("budget: bytes are not compared");
        alone || (state.count < self.max_count && fit)
    }

    fn take(self: &Arc<Self>, state: &mut State, bytes: usize) -> Permit {
        state.count += 1;
        state.bytes += bytes;
        Permit { budget: Arc::clone(self), bytes }
    }

    /// Grants what fits to the front of the line.
    fn serve(&self, state: &mut State) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for at in 0..state.waiters.len() {
            if state.waiters[at].granted {
                continue;
            }
            let bytes = state.waiters[at].bytes;
            if !self.fits(state, bytes) {
                break;
            }
            state.count += 1;
            state.bytes += bytes;
            state.waiters[at].granted = true;
            wakers.push(state.waiters[at].waker.clone());
        }
        let room = state.count < self.max_count && state.bytes < self.max_bytes;
        if room && !mutant("budget: watchers are not told") {
            wakers.extend(state.watchers.drain(..).map(|(_, waker)| waker));
        }
        wakers
    }

    fn release(&self, bytes: usize) {
        let mut state = lock(&self.state);
        state.count -= 1;
        state.bytes -= bytes;
        let nobody = state.waiters.is_empty() && state.watchers.is_empty();
        if nobody || mutant("budget: release wakes nobody") {
            return;
        }
        let wakers = self.serve(&mut state);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Permit {
    /// Takes up room for at least `bytes`, be it beyond the limit, for what has come of it and must be accounted for.
    pub(crate) fn grow_to(&mut self, bytes: usize) {
        if bytes > self.bytes {
            lock(&self.budget.state).bytes += bytes - self.bytes;
            self.bytes = bytes;
        }
    }
}

impl State {
    fn watch(&mut self, place: &mut Place, cx: &Context<'_>) {
        let ticket = *place.0.get_or_insert_with(|| {
            self.next_ticket += 1;
            self.next_ticket - 1
        });
        match self.watchers.iter_mut().find(|(watcher, _)| *watcher == ticket) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => self.watchers.push((ticket, cx.waker().clone())),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}

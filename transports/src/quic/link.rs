//! State shared by the two halves of a channel.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use super::room::Place;

#[derive(Debug, Default)]
pub(super) struct Link {
    state: Mutex<State>,
    /// Bytes that the connection took.
    written: AtomicU64,
    /// What the channel takes up of its dialer's limit.
    _place: Option<Place>,
}

#[derive(Debug, Default)]
struct State {
    aborted: bool,
    reader: Option<Waker>,
    unread: bool,
}

/// How a half leaves its channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    InOrder,
    /// Bytes were left unread, so the peer must not believe that they arrived.
    Unread,
    Aborted,
}

impl Link {
    pub(super) fn new(place: Option<Place>) -> Self {
        Self { _place: place, ..Self::default() }
    }

    /// Whether the channel was aborted; if not, an abort wakes the task of `cx`.
    pub(super) fn is_aborted(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        let old = match &mut state.reader {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            reader => reader.replace(cx.waker().clone()),
        };
        let aborted = state.aborted;
        drop(state);
        // Dropping a waker may run any code.
        drop(old);
        aborted
    }

    pub(super) fn was_aborted(&self) -> bool {
        self.lock().aborted
    }

    pub(super) fn abort(&self) {
        let mut state = self.lock();
        state.aborted = true;
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// The reader is gone; says how.
    pub(super) fn leave_reading(&self, is_unread: bool) -> Left {
        let mut state = self.lock();
        state.unread = is_unread;
        let reader = state.reader.take();
        let left = state.left();
        drop(state);
        drop(reader);
        left
    }

    /// The writer is gone; says how.
    pub(super) fn leave_writing(&self) -> Left {
        self.lock().left()
    }

    pub(super) fn count_written(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn left(&self) -> Left {
        match (self.aborted, self.unread) {
            (true, _) => Left::Aborted,
            (false, true) => Left::Unread,
            (false, false) => Left::InOrder,
        }
    }
}

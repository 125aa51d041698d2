//! State of one request of a server: its handler, which may be polled and ended at once, and its progress.

use std::task::Waker;

use crate::sync::{AtomicU64, Mutex, Ordering, lock, mutant};

/// A handler's future while it is not being polled, its permit, and whether it is to end. A caller that takes the future out
/// has to end it or put it back.
#[derive(Debug)]
pub(crate) struct Handler<F, P> {
    inner: Mutex<Inner<F, P>>,
}

#[derive(Debug)]
struct Inner<F, P> {
    future: Option<F>,
    permit: Option<P>,
    waker: Option<Waker>,
    is_ended: bool,
}

impl<F, P> Handler<F, P> {
    pub(crate) fn new(permit: P) -> Self {
        let inner = Inner { future: None, permit: Some(permit), waker: None, is_ended: false };
        Self { inner: Mutex::new(inner) }
    }

    /// The handler has been called; gives the future back where it has been ended meanwhile.
    pub(crate) fn begin(&self, future: F) -> Option<F> {
        let mut inner = lock(&self.inner);
        if inner.is_ended {
            return Some(future);
        }
        inner.future = Some(future);
        None
    }

    pub(crate) fn take_permit(&self) -> Option<P> {
        lock(&self.inner).permit.take()
    }

    /// The future, to be polled.
    pub(crate) fn take(&self) -> Option<F> {
        lock(&self.inner).future.take()
    }

    /// Puts back a future that is not ready, and whom to wake when it is ended from elsewhere; gives it back where it has been
    /// ended meanwhile.
    pub(crate) fn put_back(&self, future: F, waker: &Waker) -> Option<F> {
        let mut inner = lock(&self.inner);
        if inner.is_ended && !mutant("run: an end that meets a poll is forgotten") {
            return Some(future);
        }
        inner.future = Some(future);
        match &mut inner.waker {
            Some(known) => known.clone_from(waker),
            known => *known = Some(waker.clone()),
        }
        None
    }

    /// Ends the handler: gives its future, unless it is being polled and ends after that, and whom to wake.
    pub(crate) fn end(&self) -> (Option<F>, Option<Waker>) {
        let mut inner = lock(&self.inner);
        inner.is_ended = true;
        (inner.future.take(), inner.waker.take())
    }
}

/// What has happened to a request. It is over once its handler has ended and it is answered, and leaves the table of its
/// channel then, if it was entered there.
#[derive(Debug)]
pub(crate) struct Progress(AtomicU64);

/// What may happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its handler has ended.
    Handled = 1,
    /// It is answered, or will not be.
    Answered = 2,
}

const OVER: u64 = Step::Handled as u64 | Step::Answered as u64;
const ENTERED: u64 = 4;

impl Progress {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Each step is noted once, or more often; whether the request leaves the table by this one.
    pub(crate) fn note(&self, step: Step) -> bool {
        let before = self.0.fetch_or(step as u64, Ordering::AcqRel);
        let is_over_by_this = before & OVER != OVER && (before | step as u64) & OVER == OVER;
        is_over_by_this && before & ENTERED != 0
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.0.load(Ordering::Acquire) & Step::Answered as u64 != 0
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire) & OVER == OVER
    }

    /// It stands in the table; whether it has to leave at once, since it is over.
    pub(crate) fn enter(&self) -> bool {
        let before = self.0.fetch_or(ENTERED, Ordering::AcqRel);
        before & OVER == OVER && !mutant("run: one that ends as it is entered stays")
    }
}

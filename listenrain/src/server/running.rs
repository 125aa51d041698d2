//! Handlers that did not answer at once: they can be cancelled.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::counters::{Counters, count};
use crate::error::panic_text;
use crate::sync::{Mutex, lock};
use crate::transport::BoxFuture;

/// The unfinished handlers of one channel.
#[derive(Debug, Default)]
pub(crate) struct Running {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    handlers: BTreeMap<u64, Unfinished>,
    /// Set for good once the server cuts everything off.
    all_cancelled: bool,
}

#[derive(Debug)]
struct Unfinished {
    request: u64,
    waker: Waker,
    cancelled: bool,
}

impl Running {
    /// The peer takes a request back.
    pub(super) fn cancel(&self, request: u64) {
        let mut inner = lock(&self.inner);
        let found =
            inner.handlers.values_mut().find(|handler| handler.request == request && !handler.cancelled);
        let waker = found.map(|handler| {
            handler.cancelled = true;
            handler.waker.clone()
        });
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn cancel_all(&self) {
        let mut inner = lock(&self.inner);
        inner.all_cancelled = true;
        let wakers: Vec<Waker> = inner.handlers.values().map(|handler| handler.waker.clone()).collect();
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A place for a handler that is not ready; `None` when everything is cut off.
    fn enter(&self, request: u64, cx: &Context<'_>) -> Option<u64> {
        let mut inner = lock(&self.inner);
        if inner.all_cancelled {
            return None;
        }
        inner.next += 1;
        let key = inner.next;
        inner.handlers.insert(key, Unfinished { request, waker: cx.waker().clone(), cancelled: false });
        Some(key)
    }

    fn is_cancelled(&self, key: u64, cx: &Context<'_>) -> bool {
        let mut inner = lock(&self.inner);
        let all = inner.all_cancelled;
        inner.handlers.get_mut(&key).is_none_or(|handler| {
            handler.waker.clone_from(cx.waker());
            handler.cancelled || all
        })
    }

    fn leave(&self, key: u64) {
        lock(&self.inner).handlers.remove(&key);
    }
}

/// One handler's run: caught when it panics, dropped when it is cancelled. A handler that is ready at once is never
/// entered in [`Running`].
pub(super) struct Handling {
    handler: Option<BoxFuture<'static, ()>>,
    request: u64,
    running: Arc<Running>,
    key: Option<u64>,
    counters: Arc<Counters>,
}

impl Handling {
    pub(super) fn new(
        handler: BoxFuture<'static, ()>,
        request: u64,
        running: Arc<Running>,
        counters: &Arc<Counters>,
    ) -> Self {
        Self { handler: Some(handler), request, running, key: None, counters: Arc::clone(counters) }
    }
}

impl Future for Handling {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.key.is_some_and(|key| this.running.is_cancelled(key, cx)) {
            this.handler = None;
            return Poll::Ready(());
        }
        let Some(handler) = &mut this.handler else {
            return Poll::Ready(());
        };
        let polled = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => {
                this.key = this.key.or_else(|| this.running.enter(this.request, cx));
                if this.key.is_some() {
                    return Poll::Pending;
                }
            }
            Ok(Poll::Ready(())) => {}
            Err(panic) => {
                count(&this.counters.panics);
                tracing::error!(panic = panic_text(&*panic), "handler panicked");
            }
        }
        this.handler = None;
        Poll::Ready(())
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.running.leave(key);
        }
    }
}

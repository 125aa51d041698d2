//! Polling by hand, and counting wake-ups.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::Notify;

/// What one single poll says; `None` for pending, which is then never tokio's budget running out.
pub(crate) async fn once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let once = poll_fn(|cx| match poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    });
    tokio::task::unconstrained(once).await
}

/// A waker that counts.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    count: AtomicUsize,
    woken: Notify,
}

impl Wakes {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        self.clone().into()
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// What one poll with this waker says; `None` for pending.
    pub(crate) async fn once<T>(
        self: &Arc<Self>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let waker = self.waker();
        once(|_| poll(&mut Context::from_waker(&waker))).await
    }

    /// Waits until it has been woken at all.
    pub(crate) async fn woken(&self) {
        while self.count() == 0 {
            // Keeps one permit, so a wake-up between the two is not missed.
            self.woken.notified().await;
        }
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.woken.notify_one();
    }
}

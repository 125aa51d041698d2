//! A background task that ends, with what it holds, when its owner is dropped.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::task::AbortHandle;

use crate::locks::lock;

/// Owns a spawned task. Dropping it drops the task's future before the drop returns, and with it what the future holds, such
/// as a listening socket: aborting a task would do so only when the runtime comes to it.
///
/// The future must not drop its own owner.
pub(crate) struct OwnedTask {
    slot: Arc<Mutex<Option<Running>>>,
    task: AbortHandle,
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

impl OwnedTask {
    /// Starts `future` on the current runtime.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self {
        let slot: Arc<Mutex<Option<Running>>> = Arc::new(Mutex::new(Some(Box::pin(future))));
        let shared = slot.clone();
        let task = tokio::spawn(poll_fn(move |cx| poll_once(&shared, cx))).abort_handle();
        Self { slot, task }
    }
}

fn poll_once(slot: &Mutex<Option<Running>>, cx: &mut Context<'_>) -> Poll<()> {
    let mut running = lock(slot);
    let polled = running.as_mut().map_or(Poll::Ready(()), |future| future.as_mut().poll(cx));
    if polled.is_ready() {
        *running = None;
    }
    polled
}

impl Drop for OwnedTask {
    fn drop(&mut self) {
        let running = lock(&self.slot).take();
        drop(running);
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Handle;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_it_holds_is_gone_when_the_drop_returns() {
        let held = Arc::new(());
        let (inside, (begun, begins)) = (held.clone(), oneshot::channel());
        let task = OwnedTask::spawn(async move {
            let _ = begun.send(());
            std::future::pending::<()>().await;
            drop(inside);
        });
        begins.await.unwrap();
        assert_eq!(Arc::strong_count(&held), 2);
        drop(task);
        assert_eq!(Arc::strong_count(&held), 1);
        while Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

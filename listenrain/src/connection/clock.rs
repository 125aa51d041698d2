//! Deadlines of callers, kept also when the tasks behind their calls are gone.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::{Handle, Id};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::guard::guard;

/// A caller's own look at the time.
#[derive(Debug)]
pub(super) enum Clock {
    /// It has not been chosen yet.
    Unset,
    /// The keeper of its connection, which runs on the caller's own runtime: where that stands still, so does the caller.
    Keeper,
    /// The keeper too, of another runtime: the caller is outside of all, or its own has no timers.
    KeeperElsewhere,
    /// A timer of the caller's runtime, which is another one than its connection's.
    Timer(Pin<Box<Sleep>>),
    /// The thread that waits, which wakes itself.
    Thread,
}

impl Clock {
    /// Whether `deadline` has passed and no other task tells the caller so; else it is woken then.
    pub(super) fn is_past(&mut self, deadline: Instant, home: Option<Id>, cx: &mut Context<'_>) -> bool {
        self.set(deadline, home);
        match self {
            Self::Unset | Self::Keeper | Self::KeeperElsewhere => false,
            Self::Timer(timer) => timer.as_mut().poll(cx).is_ready(),
            Self::Thread => Instant::now() >= deadline,
        }
    }

    /// Chooses it by where the caller runs, unless that has been done.
    pub(super) fn set(&mut self, deadline: Instant, home: Option<Id>) {
        if matches!(self, Self::Unset) {
            *self = Self::of_this_runtime(deadline, home);
        }
    }

    /// Whether the caller runs on the connection's own runtime.
    pub(super) fn is_at_home(&self) -> bool {
        matches!(self, Self::Keeper)
    }

    fn of_this_runtime(deadline: Instant, home: Option<Id>) -> Self {
        let here = Handle::try_current().ok().map(|handle| handle.id());
        match here {
            None => Self::KeeperElsewhere,
            here if here == home => Self::Keeper,
            // A runtime may be without timers, and says so by a panic.
            Some(_) => guard(|| sleep_until(deadline))
                .map_or(Self::KeeperElsewhere, |timer| Self::Timer(Box::pin(timer))),
        }
    }
}

/// Runs `future` on this plain thread, which looks again at `deadline`; the future then knows what to do.
pub(crate) fn block_on_until<T>(deadline: Instant, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            std::thread::park();
        } else {
            std::thread::park_timeout(left);
        }
    }
}

struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Whether a call may block this thread.
pub(crate) fn is_inside_runtime() -> bool {
    Handle::try_current().is_ok()
}

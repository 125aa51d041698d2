//! `Executor`: where handlers and callbacks run.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::transport::BoxFuture;

/// Where handlers and callbacks run.
///
/// The library keeps the permits: it never hands over more than [`bound`](Self::bound) jobs that have not ended, so an
/// executor needs no queue of its own. Each executor of a protocol has one bound for all its connections.
///
/// # Contract
///
/// 1. Every job is polled to its end, or dropped; a dropped one is answered for by the library.
/// 2. [`execute`](Self::execute) returns soon.
pub trait Executor: Send + Sync + fmt::Debug + 'static {
    /// Runs `job` to its end.
    fn execute(&self, job: Job);

    /// Most jobs at once. Unit: jobs. At the limit a server stops reading requests (or refuses them), and a `send`
    /// waits until its deadline.
    fn bound(&self) -> usize;

    /// Whether `execute` may run user code before it returns. The reader of replies then hands jobs over from another
    /// task, since it must never run user code. Default: `true`, to be safe.
    fn runs_in_place(&self) -> bool {
        true
    }
}

/// One handler's or callback's run. It catches panics and holds its permit.
pub struct Job(BoxFuture<'static, ()>);

impl Job {
    pub(crate) fn new(future: BoxFuture<'static, ()>) -> Self {
        Self(future)
    }

    /// Polls once without a waker: `Err` gives the job back when it is not done, to be polled elsewhere.
    ///
    /// # Errors
    ///
    /// The job itself, unfinished.
    pub fn run_now(mut self) -> Result<(), Self> {
        match self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(()) => Ok(()),
            Poll::Pending => Err(self),
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

impl Future for Job {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

/// Polls a job once where it stands, and gives it a task of its own only if it is not ready: the default. Right for
/// handlers that mostly answer at once and never block.
#[derive(Debug, Clone, Copy)]
pub struct Inline {
    bound: usize,
}

/// Gives every job a task of its own.
#[derive(Debug, Clone, Copy)]
pub struct Spawned {
    bound: usize,
}

/// Runs every job on a thread of the runtime's blocking pool: for handlers that block.
#[derive(Debug, Clone, Copy)]
pub struct Blocking {
    bound: usize,
}

macro_rules! bounded {
    ($name:ident, $bound:expr) => {
        impl $name {
            /// An executor of at most `bound` jobs at once; at least 1.
            #[must_use]
            pub fn new(bound: usize) -> Self {
                Self { bound: bound.max(1) }
            }
        }

        impl Default for $name {
            #[doc = concat!("At most ", stringify!($bound), " jobs at once.")]
            fn default() -> Self {
                Self::new($bound)
            }
        }
    };
}

bounded!(Inline, 4096);
bounded!(Spawned, 4096);
bounded!(Blocking, 256);

impl Executor for Inline {
    fn execute(&self, job: Job) {
        if let Err(unfinished) = job.run_now() {
            tokio::spawn(unfinished);
        }
    }

    fn bound(&self) -> usize {
        self.bound
    }
}

impl Executor for Spawned {
    fn execute(&self, job: Job) {
        tokio::spawn(job);
    }

    fn bound(&self) -> usize {
        self.bound
    }

    fn runs_in_place(&self) -> bool {
        false
    }
}

impl Executor for Blocking {
    fn execute(&self, job: Job) {
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(job));
    }

    fn bound(&self) -> usize {
        self.bound
    }

    fn runs_in_place(&self) -> bool {
        false
    }
}

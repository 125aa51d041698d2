//! `Executor`: where handlers and callbacks run.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::guard::guard;

/// Where handlers and callbacks run.
///
/// The library keeps the permits: a server, or a connection with its callbacks, never hands over more than
/// [`bound`](Self::bound) jobs that have not ended, so an executor needs no queue of its own. A request that is cancelled, or
/// whose deadline passes, ends wherever its job stands; what is left of the job is done when it is polled again.
///
/// # Contract
///
/// 1. Every job is polled to its end, or dropped; a dropped one is answered for by the library.
/// 2. [`execute`](Self::execute) returns soon. A panic in it costs the job, and nothing else.
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

    /// Whether the library may poll each handler once itself, where its request is read, and hand over only what is not
    /// ready: a handler that answers at once is then no job at all. Default: `false`.
    fn starts_in_place(&self) -> bool {
        false
    }
}

/// One handler's or callback's run. It catches panics; dropped, it ends what is left of the run.
pub struct Job {
    work: Arc<dyn Work>,
    /// It has been polled once already, and was not ready.
    is_begun: bool,
}

/// What a job does.
pub(crate) trait Work: Send + Sync {
    /// Goes on with it; after it is done it stays so.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()>;
    /// It is not polled any more. Does nothing once it is done.
    fn abandon(&self);
}

impl Job {
    pub(crate) fn new(work: Arc<dyn Work>) -> Self {
        Self { work, is_begun: false }
    }

    /// One that was polled once and was not ready.
    pub(crate) fn begun(work: Arc<dyn Work>) -> Self {
        Self { work, is_begun: true }
    }

    /// Polls once without a waker, unless that was done before: `Err` gives the job back when it is not done, to be polled
    /// elsewhere.
    ///
    /// # Errors
    ///
    /// The job itself, unfinished.
    pub fn run_now(self) -> Result<(), Self> {
        if self.is_begun {
            return Err(self);
        }
        match self.work.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(()) => Ok(()),
            Poll::Pending => Err(self),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.work.abandon();
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

impl Future for Job {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.work.poll(cx)
    }
}

/// An executor and what it has said of itself: the one place where it is called.
pub(crate) struct Jobs {
    executor: Arc<dyn Executor>,
    /// Most jobs at once.
    pub(crate) bound: usize,
    pub(crate) runs_in_place: bool,
    pub(crate) starts_in_place: bool,
}

impl Jobs {
    /// An error is what the executor panicked with.
    pub(crate) fn new(executor: Arc<dyn Executor>) -> Result<Self, String> {
        let asked = guard(|| (executor.bound().max(1), executor.runs_in_place(), executor.starts_in_place()));
        let (bound, runs_in_place, starts_in_place) = asked?;
        Ok(Self { executor, bound, runs_in_place, starts_in_place })
    }

    /// An error is what the executor panicked with; the job is dropped then.
    pub(crate) fn execute(&self, job: Job) -> Result<(), String> {
        guard(|| self.executor.execute(job))
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("bound", &self.bound).finish_non_exhaustive()
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

    fn starts_in_place(&self) -> bool {
        true
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

//! Callbacks of calls that have ended, on their way to the executor.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::counters::{Counters, count};
use crate::executor::{Job, Work};
use crate::guard::{drop_guarded, guard};
use crate::log_limit::{LogLimit, limited};
use crate::primitives::handover::Handover;
use crate::protocol::Parts;
use crate::sync::{Mutex, lock};

/// Runs callbacks on the protocol's executor, of one connection at most as many at once as that takes. Those beyond wait here,
/// each with its call's place, so that they are no more than calls may be.
pub(crate) struct Callbacks {
    parts: Arc<Parts>,
    counters: Arc<Counters>,
    waiting: Handover<(Handle, Run)>,
    log_limit: LogLimit,
}

/// Tells one state machine its outcome.
type Run = Box<dyn FnOnce() + Send>;

impl Callbacks {
    pub(super) fn new(parts: &Arc<Parts>, counters: &Arc<Counters>) -> Arc<Self> {
        let (parts, counters) = (Arc::clone(parts), Arc::clone(counters));
        let waiting = Handover::new(parts.callbacks.bound);
        Arc::new(Self { parts, counters, waiting, log_limit: LogLimit::default() })
    }

    /// Has `run` run, in the runtime that it was handed over from, now or when there is room.
    pub(crate) fn run(self: &Arc<Self>, runtime: Handle, run: Run) {
        self.waiting.push((runtime, run), |(runtime, run)| self.execute(&runtime, run));
    }

    /// The reader of replies ends calls, so what may run user code at once is handed to another task.
    fn execute(self: &Arc<Self>, runtime: &Handle, run: Run) {
        let work = Arc::new(Callback { run: Mutex::new(Some(run)), callbacks: Arc::clone(self) });
        let job = Job::new(work);
        let _inside = runtime.enter();
        if self.parts.callbacks.runs_in_place {
            let callbacks = Arc::clone(self);
            runtime.spawn(async move { callbacks.hand_over(job) });
        } else {
            self.hand_over(job);
        }
    }

    fn hand_over(&self, job: Job) {
        if let Err(panic) = self.parts.callbacks.execute(job) {
            self.note_panic("executor of callbacks", &panic);
        }
    }

    /// Counts a panic of the user's `part`, and logs it as often as a peer may cause.
    pub(crate) fn note_panic(&self, part: &str, panic: &str) {
        count(&self.counters.panics);
        limited!(self.log_limit, error, panic, "{part} panicked");
    }

    /// A callback has run: there is room for the next.
    fn ended(self: &Arc<Self>) {
        self.waiting.ended(|(runtime, run)| self.execute(&runtime, run));
    }
}

/// One callback's run.
struct Callback {
    run: Mutex<Option<Run>>,
    callbacks: Arc<Callbacks>,
}

impl Callback {
    fn end(&self, end: impl FnOnce(Run)) {
        let run = lock(&self.run).take();
        if let Some(run) = run {
            end(run);
            self.callbacks.ended();
        }
    }
}

impl Work for Callback {
    fn poll(&self, _: &mut Context<'_>) -> Poll<()> {
        // What it runs of the user's is guarded in there.
        self.end(|run| drop(guard(run)));
        Poll::Ready(())
    }

    fn abandon(&self) {
        self.end(drop_guarded);
    }
}

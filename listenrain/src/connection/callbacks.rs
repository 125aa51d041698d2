//! Callbacks of calls that have ended, on their way to the executor.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::counters::{Counters, count};
use crate::executor::{Job, Work};
use crate::guard::{drop_guarded, guard};
use crate::protocol::Parts;
use crate::sync::{Mutex, lock};

/// Runs callbacks on the protocol's executor, of one connection at most as many at once as that takes. Those beyond wait here,
/// each with its call's place, so that they are no more than calls may be.
pub(crate) struct Callbacks {
    parts: Arc<Parts>,
    counters: Arc<Counters>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    waiting: VecDeque<(Handle, Run)>,
    /// Somebody hands over what waits: an executor that runs or drops a job at once comes back here while it does.
    is_handing_over: bool,
}

/// Tells one state machine its outcome.
type Run = Box<dyn FnOnce() + Send>;

impl Callbacks {
    pub(super) fn new(parts: &Arc<Parts>, counters: &Arc<Counters>) -> Arc<Self> {
        let (parts, counters) = (Arc::clone(parts), Arc::clone(counters));
        Arc::new(Self { parts, counters, state: Mutex::default() })
    }

    /// Has `run` run, in the runtime that it was handed over from, now or when there is room.
    pub(crate) fn run(self: &Arc<Self>, runtime: Handle, run: Run) {
        lock(&self.state).waiting.push_back((runtime, run));
        self.hand_over_some();
    }

    fn hand_over_some(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        if state.is_handing_over {
            return;
        }
        while state.running < self.parts.callbacks.bound
            && let Some((runtime, run)) = state.waiting.pop_front()
        {
            (state.running, state.is_handing_over) = (state.running + 1, true);
            drop(state);
            self.execute(&runtime, run);
            state = lock(&self.state);
            state.is_handing_over = false;
        }
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
            count(&self.counters.panics);
            tracing::error!(panic, "executor of callbacks panicked");
        }
    }

    /// A callback has run: there is room for the next.
    fn ended(self: &Arc<Self>) {
        lock(&self.state).running -= 1;
        self.hand_over_some();
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

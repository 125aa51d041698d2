//! An executor: one thread of its own, which knows nothing of any runtime.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Wake};
use std::thread::{self, Thread};

use listenrain::{Executor, Job};

use super::used::Used;

/// Its thread ends with it.
#[derive(Debug)]
pub(crate) struct OwnThread {
    jobs: SyncSender<Job>,
    used: Used,
    what: &'static str,
}

impl OwnThread {
    const BOUND: usize = 16;

    pub(crate) fn new(what: &'static str, used: &Used) -> Self {
        // The library never has more unfinished jobs out, so that sending never blocks.
        let (jobs, taken) = sync_channel(Self::BOUND);
        thread::spawn(move || taken.into_iter().for_each(run));
        Self { jobs, used: used.clone(), what }
    }
}

impl Executor for OwnThread {
    fn execute(&self, job: Job) {
        self.used.note(self.what);
        // A thread that is gone drops the job, and the library answers for it.
        let _ = self.jobs.send(job);
    }

    fn bound(&self) -> usize {
        Self::BOUND
    }

    fn runs_in_place(&self) -> bool {
        false
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn run(job: Job) {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut cx = Context::from_waker(&waker);
    let mut job = pin!(job);
    while job.as_mut().poll(&mut cx).is_pending() {
        thread::park();
    }
}

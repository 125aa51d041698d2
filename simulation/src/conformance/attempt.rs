//! One attempt at a case: a thread, a runtime, a transport and a context, all fresh and all gone afterwards.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::case::Threads;
use super::context::{Roles, TestContext};
use super::held::{Held, Left};
use super::ledger::Ledger;
use super::trial::Trial;
use crate::panics::Panics;

/// How often tasks that are ready get their turn before their runtime is dropped.
const TURNS: usize = 8;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Passed,
    Skipped(String),
    Failed(String),
    Stuck(String),
}

/// What is run.
pub(crate) struct Attempt {
    pub(crate) trial: Trial,
    pub(crate) roles: Roles,
    pub(crate) within: Duration,
    /// Whether it waits until all of its tasks are gone.
    pub(crate) accounted: bool,
    pub(crate) watch: Arc<Watch>,
}

/// What both an attempt and its watchdog hold.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) ledger: Arc<Ledger>,
    /// What a reader of the record should know, although all is well.
    pub(crate) notes: Arc<Mutex<Vec<String>>>,
    panics: Arc<Panics>,
    stopped: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Watch {
    /// The attempt is to end at its next poll, and is woken for it.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// `future`, or nothing once it was stopped.
    async fn unless_stopped<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        poll_fn(|cx| {
            *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
            if self.stopped.load(Ordering::Acquire) {
                return Poll::Ready(None);
            }
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }
}

/// An attempt on its thread. Dropping it stops the attempt.
pub(crate) struct Running {
    pub(crate) name: String,
    watch: Arc<Watch>,
    told: oneshot::Receiver<(Ending, Left)>,
    thread: Option<JoinHandle<()>>,
}

/// Starts `attempt` on a thread of its own.
pub(crate) fn start(attempt: Attempt) -> io::Result<Running> {
    let (tell, told) = oneshot::channel();
    let watch = attempt.watch.clone();
    let name = format!("{} on {}", attempt.trial.case.id, attempt.trial.transport);
    let thread = thread::Builder::new().name(name.clone()).spawn(move || {
        let ended = attempt.run();
        let _ = tell.send(ended);
    })?;
    Ok(Running { name, watch, told, thread: Some(thread) })
}

impl Running {
    /// Waits for the end; the thread is gone then.
    pub(crate) async fn ended(&mut self) -> (Ending, Left) {
        let told = (&mut self.told).await;
        if let Some(thread) = self.thread.take() {
            // It has said its last word, or panicked.
            let _ = thread.join();
        }
        let silent = || {
            let why = self.watch.panics.describe();
            (
                Ending::Failed(why.unwrap_or_else(|| "its thread ended without a word".to_owned())),
                Left::default(),
            )
        };
        told.unwrap_or_else(|_| silent())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watch.stop();
    }
}

impl Attempt {
    fn run(self) -> (Ending, Left) {
        self.watch.panics.watch_this_thread();
        let runtime = match self.runtime() {
            Ok(runtime) => runtime,
            Err(error) => return (Ending::Failed(format!("no runtime for it: {error}")), Left::default()),
        };
        let (ending, left) = runtime.block_on(self.on_runtime());
        // Threads that a transport has blocked must not hold up the next attempt.
        runtime.shutdown_timeout(Duration::from_secs(1));
        let panicked = self.watch.panics.describe().filter(|_| ending == Ending::Passed);
        (panicked.map_or(ending, Ending::Failed), left)
    }

    fn runtime(&self) -> io::Result<Runtime> {
        let panics = self.watch.panics.clone();
        let mut builder = match self.trial.case.runtime {
            Threads::One | Threads::OneInRealTime => Builder::new_current_thread(),
            Threads::Two => Builder::new_multi_thread(),
        };
        if self.trial.case.runtime == Threads::Two {
            builder.worker_threads(2);
        }
        builder.enable_all().on_thread_start(move || panics.watch_this_thread()).build()
    }

    async fn on_runtime(&self) -> (Ending, Left) {
        let case = self.trial.case;
        let subject = (self.trial.make)();
        if let Some(why) = case.skipped_on(&subject) {
            return (Ending::Skipped(why), Left::default());
        }
        if subject.is_in_memory() && case.runtime == Threads::One {
            tokio::time::pause();
        }
        let before = Held::now();
        let mut context = TestContext::new(subject, self.trial.clone(), self.roles, &self.watch);
        // Kept until its end was looked at: what it is in the middle of is gone with it.
        let mut run = (case.run)(&mut context);
        let ending = match self.watch.unless_stopped(timeout(self.within, &mut run)).await {
            Some(Ok(Ok(()))) => Ending::Passed,
            Some(Ok(Err(failure))) => Ending::Failed(failure.to_string()),
            Some(Err(_)) => {
                Ending::Stuck(format!("not over after {:?}: {}", self.within, self.watch.ledger.describe()))
            }
            None => Ending::Stuck(String::new()),
        };
        drop(run);
        drop(context);
        // Tasks that wait for their turn get it, and may panic in it.
        for _ in 0..TURNS {
            yield_now().await;
        }
        if !self.accounted || ending != Ending::Passed {
            return (ending, Left::default());
        }
        // Only tasks: the rest is the process's, and this runtime still lives.
        let before = before.tasks_only();
        let _ = before.is_back(0).await;
        (ending, Held::now().beyond(&before, 0))
    }
}

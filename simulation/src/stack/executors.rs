//! Executors for scenarios: those of the library, and some that users may write.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use listenrain::{Executor, Inline, Job, Spawned};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::sleep;

use super::Runs;
use crate::panics::Injected;
use crate::random::Random;

/// Runs jobs as a scenario says.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    runs: Runs,
    bound: usize,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    random: Mutex<Random>,
    /// To the task that runs them one by one.
    line: Mutex<Option<UnboundedSender<Job>>>,
}

/// An executor that loses jobs does not run one in this number.
const ONE_IN: usize = 8;

impl Planned {
    pub(super) fn new(runs: Runs, bound: usize, seed: u64) -> Self {
        let shared = Shared { random: Mutex::new(Random::new(seed)), line: Mutex::default() };
        Self { runs, bound: bound.max(1), shared: Arc::new(shared) }
    }

    fn below(&self, end: usize) -> usize {
        self.shared.random.lock().unwrap_or_else(PoisonError::into_inner).below(end)
    }

    fn one_by_one(&self, job: Job) {
        let mut line = self.shared.line.lock().unwrap_or_else(PoisonError::into_inner);
        let line = line.get_or_insert_with(|| {
            let (line, mut jobs) = unbounded_channel::<Job>();
            tokio::spawn(async move {
                while let Some(job) = jobs.recv().await {
                    job.await;
                }
            });
            line
        });
        // Its task ends with this executor.
        let _ = line.send(job);
    }
}

impl Executor for Planned {
    fn execute(&self, job: Job) {
        match self.runs {
            Runs::Default | Runs::Any | Runs::Inline => Inline::new(self.bound).execute(job),
            Runs::OneByOne => self.one_by_one(job),
            Runs::Late => {
                let late = Duration::from_millis(1 + self.below(20) as u64);
                tokio::spawn(async move {
                    sleep(late).await;
                    job.await;
                });
            }
            Runs::Careless if self.below(ONE_IN) == 0 => drop(job),
            Runs::Panicking if self.below(ONE_IN) == 0 => std::panic::panic_any(Injected),
            Runs::Spawned | Runs::Careless | Runs::Panicking => Spawned::new(self.bound).execute(job),
        }
    }

    fn bound(&self) -> usize {
        self.bound
    }
}

//! Many seeds, dealt over scenarios and networks: what they covered, and what failed, down to the smallest plan.
//!
//! [`sweep`] takes a range of seeds and gives a [`Sweep`], which is told what else it needs and then [run](Sweep::run):
//!
//! ```
//! let swept = listenrain_simulation::sweep(0..2).partial().run();
//! assert!(swept.is_good(), "{swept}");
//! ```

mod coverage;
mod deal;
mod failure;
mod run;
mod shrink;
mod summary;
mod swept;
mod workers;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

pub use self::coverage::{Coverage, Covered, Missing};
pub use self::deal::{Cell, Deal};
pub use self::failure::Failure;
pub use self::run::{Ran, run, run_twice};
pub use self::shrink::{Shrunk, Within, shrink};
pub use self::swept::Swept;
use crate::command::this_program;
use crate::network::{self, Network};
use crate::scenario::{self, Scenario};
use crate::stack::{Library, Stack};

/// A sweep of `seeds`: every scenario on every network that it applies to, with the library and its own protocol, until it
/// is told otherwise.
pub fn sweep(seeds: Range<u64>) -> Sweep {
    Sweep {
        seeds,
        networks: network::all(),
        scenarios: scenario::all(),
        stack: Arc::new(Library::native()),
        jobs: thread::available_parallelism().map_or(1, usize::from),
        twice_every: 8,
        is_partial: false,
        replay: format!("{} replay", this_program()),
        watcher: None,
        stop: Stop::default(),
    }
}

/// A batch of runs that is about to be made.
#[derive(Clone)]
#[must_use]
pub struct Sweep {
    seeds: Range<u64>,
    networks: Vec<Arc<dyn Network>>,
    scenarios: Vec<Arc<Scenario>>,
    stack: Arc<dyn Stack>,
    jobs: usize,
    twice_every: u64,
    is_partial: bool,
    replay: String,
    watcher: Option<Watcher>,
    stop: Stop,
}

/// Told of each run when it has ended, in the order in which they end.
type Watcher = Arc<dyn Fn(&Ran) + Send + Sync>;

impl Sweep {
    /// Most [jobs](Self::jobs).
    pub const MOST_JOBS: usize = 256;

    /// Plays on `network` alone. Default: every network of [`network::all`].
    pub fn network(self, network: impl Network) -> Self {
        self.networks([Arc::new(network) as Arc<dyn Network>])
    }

    /// Plays on these networks alone.
    pub fn networks(mut self, networks: impl IntoIterator<Item = Arc<dyn Network>>) -> Self {
        self.networks = networks.into_iter().collect();
        self
    }

    /// Plays `scenario` alone. Default: every scenario of [`scenario::all`].
    pub fn scenario(self, scenario: Scenario) -> Self {
        self.scenarios([Arc::new(scenario)])
    }

    /// Plays these scenarios alone.
    pub fn scenarios(mut self, scenarios: impl IntoIterator<Item = Arc<Scenario>>) -> Self {
        self.scenarios = scenarios.into_iter().collect();
        self
    }

    /// Plays with `stack` as client and servers. Default: the library with its own protocol.
    pub fn stack(self, stack: impl Stack) -> Self {
        self.shared_stack(Arc::new(stack))
    }

    /// As [`stack`](Self::stack), for one that others hold too.
    pub fn shared_stack(mut self, stack: Arc<dyn Stack>) -> Self {
        self.stack = stack;
        self
    }

    /// How many runs are made at the same time, 1 to [`MOST_JOBS`](Self::MOST_JOBS); what is beyond counts as the nearer
    /// of the two. Default: as many as the system says that it can do at once. What is found does not depend on it.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.clamp(1, Self::MOST_JOBS);
        self
    }

    /// One run in so many is made twice, and must give the same trace; each cell has its turn. 0: none. Default: 8.
    /// Where a network is not deterministic nothing is compared.
    pub fn twice_every(mut self, runs: u64) -> Self {
        self.twice_every = runs;
        self
    }

    /// Coverage is reported and not demanded: for batches of a few seeds, which cannot have everything happen.
    pub fn partial(mut self) -> Self {
        self.is_partial = true;
        self
    }

    /// Has `watcher` told of each run when it has ended, on the thread that called [`run`](Self::run).
    pub fn watched_by(mut self, watcher: impl Fn(&Ran) + Send + Sync + 'static) -> Self {
        self.watcher = Some(Arc::new(watcher));
        self
    }

    /// Ends early once `stop` is set, with what was covered until then.
    pub fn until(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// How the seeds are dealt.
    #[must_use]
    pub fn deal(&self) -> Deal {
        Deal::new(&self.scenarios, &self.networks, self.twice_every)
    }

    /// Makes every run, then shrinks the plans of those that failed.
    ///
    /// It returns when all is done: nothing of it runs on, unless a run never ends. Such a run is a failure, and its
    /// thread is left behind.
    ///
    /// # Panics
    ///
    /// When the system gives no thread.
    #[must_use = "a sweep whose result is not looked at has proved nothing"]
    pub fn run(&self) -> Swept {
        workers::sweep(self)
    }
}

impl fmt::Debug for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep")
            .field("seeds", &self.seeds)
            .field("networks", &self.networks)
            .field("stack", &self.stack)
            .finish_non_exhaustive()
    }
}

/// Ends a sweep early. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends it: no run is begun any more.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

//! Resources in use: tasks, file descriptors, bytes.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::failure::{Check, Failure};
use crate::allocations;

/// How long what was let go of may take to go: a peer's goodbye, a task that has to run once more.
const SETTLING: Duration = Duration::from_secs(5);

/// What is held at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    /// Tasks of this runtime.
    pub(crate) tasks: usize,
    /// Open descriptors of the process; `None` where the system does not list them.
    pub(crate) descriptors: Option<usize>,
    /// Bytes of the process; `None` without [`allocations::AllocationCounter`] as its allocator.
    pub(crate) bytes: Option<usize>,
}

impl Held {
    /// Within a runtime.
    pub(crate) fn now() -> Self {
        Self {
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
            descriptors: descriptors(),
            bytes: allocations::live(),
        }
    }

    /// The same, with only the tasks to be looked at.
    pub(crate) fn tasks_only(self) -> Self {
        Self { descriptors: None, bytes: None, ..self }
    }

    /// Waits until no more is held than at the time of `self`; of bytes `slack` more may be, for caches that grew.
    pub(crate) async fn is_back(&self, slack: usize) -> Check {
        let start = Instant::now();
        loop {
            let now = Self::now();
            let left = now.beyond(self, slack);
            if left.is_nothing() {
                return Ok(());
            }
            if start.elapsed() > SETTLING {
                return Err(Failure::new(format!("left behind: {left}")));
            }
            // Nothing tells that a task has ended or a descriptor was closed.
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// What is there now and was not then.
    pub(crate) fn beyond(&self, then: &Self, slack: usize) -> Left {
        let more = |now: Option<usize>, then: Option<usize>| {
            now.zip(then).map_or(0, |(now, then)| now.saturating_sub(then))
        };
        let bytes = more(self.bytes, then.bytes);
        Left {
            tasks: self.tasks.saturating_sub(then.tasks),
            descriptors: more(self.descriptors, then.descriptors),
            bytes: if bytes > slack { bytes } else { 0 },
        }
    }
}

/// What was not given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Left {
    pub(crate) tasks: usize,
    pub(crate) descriptors: usize,
    pub(crate) bytes: usize,
}

impl Left {
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.tasks, "tasks"), (self.descriptors, "file descriptors"), (self.bytes, "bytes")];
        let there = parts.iter().filter(|(count, _)| *count > 0);
        let texts: Vec<_> = there.map(|(count, what)| format!("{count} {what}")).collect();
        f.write_str(&texts.join(", "))
    }
}

#[cfg(target_os = "linux")]
fn descriptors() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

#[cfg(not(target_os = "linux"))]
fn descriptors() -> Option<usize> {
    None
}

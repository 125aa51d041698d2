//! The child's side: one cell, or one end of it, in a process of its own, so that its memory and CPU are that cell's alone.
//!
//! `words` is what parent and child say to each other, `lifeline` how. `client` connects, waits for the word and measures,
//! with a `timekeeper` that cuts the timed window into `window`s; `server` is the other end where that is a process of its
//! own. `shown` feeds a live view.

pub(crate) mod client;
mod lifeline;
mod server;
mod shown;
pub(crate) mod timekeeper;
pub(crate) mod window;
pub(crate) mod words;

use std::process::ExitCode;
use std::time::Duration;

use listenrain::Endpoint;
use tokio::runtime::{Builder, Runtime};

use self::words::{Order, Role, Said, say};
use crate::config::{CellConfig, RuntimeChoice};
use crate::registry::Registry;

/// What is left of a cell then hangs, and ends with its process.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// Does what `order` says and prints what came of it.
pub(crate) fn main(order: &str, registry: &Registry) -> ExitCode {
    let order: Order = match words::order(order) {
        Ok(order) => order,
        Err(why) => {
            say(&Said::Failed(why.clone()));
            eprintln!("error: {why}");
            return ExitCode::from(2);
        }
    };
    let said = match &order.role {
        Role::Server => server::serve(&order, registry).map(Said::Served),
        Role::Whole | Role::Client(_) => client::measure(&order, registry).map(Said::Measured),
    };
    say(&said.unwrap_or_else(Said::Failed));
    ExitCode::SUCCESS
}

/// The runtime of an end, or of both.
pub(crate) fn build(choice: RuntimeChoice) -> std::io::Result<Runtime> {
    match choice {
        RuntimeChoice::Current => Builder::new_current_thread().enable_all().build(),
        RuntimeChoice::Multi(workers) => {
            Builder::new_multi_thread().worker_threads(usize::from(workers)).enable_all().build()
        }
    }
}

fn with_options(endpoint: Endpoint, config: &CellConfig) -> Endpoint {
    config.options.iter().fold(endpoint, |endpoint, (name, value)| endpoint.with_option(name, value))
}

/// Keeps this thread, and those that it will start, to these processors.
fn pinned(cores: &[usize]) -> Result<(), String> {
    if cores.is_empty() {
        return Ok(());
    }
    #[cfg(target_os = "linux")]
    {
        use nix::sched::{CpuSet, sched_setaffinity};
        use nix::unistd::Pid;
        let mut set = CpuSet::new();
        for core in cores {
            set.set(*core).map_err(|_| format!("--pin {core}: there is no such processor"))?;
        }
        sched_setaffinity(Pid::from_raw(0), &set).map_err(|error| {
            format!("--pin {cores:?}: {error}; a process may use only the processors that it was given")
        })
    }
    #[cfg(not(target_os = "linux"))]
    Err("--pin: only Linux keeps a process to processors".to_owned())
}

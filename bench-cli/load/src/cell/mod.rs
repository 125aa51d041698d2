//! The child's side: one cell, or one end of it, in a process of its own, so that its memory and CPU are that cell's alone.
//!
//! `protocol` is spoken with the parent, and `parent_watch` reads it and ends the process with its parent. `client` connects,
//! waits for the parent to say go, and measures, with a `timekeeper` that cuts the timed window into `window`s; `server` is
//! the other end where that is a process of its own. `ticks` feeds a live view.

pub mod client;
mod parent_watch;
pub mod protocol;
mod server;
mod tick;
mod ticks;
pub mod timekeeper;
pub mod window;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use listenrain::Endpoint;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use self::protocol::{CellSpec, FromChild, Role, send};
pub use self::tick::Tick;
use crate::drive::Registry;
use crate::load::{CellConfig, RuntimeChoice};

/// What is left of a cell then hangs, and ends with its process.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// Does what the cell spec `text` says, and sends its parent what came of it.
pub fn main(text: &str, registry: &Registry) -> ExitCode {
    let spec: CellSpec = match protocol::spec(text) {
        Ok(spec) => spec,
        Err(why) => {
            send(&FromChild::Failed(why.clone()));
            // Its parent may have closed it.
            let _ = writeln!(std::io::stderr(), "error: {why}");
            return ExitCode::from(2);
        }
    };
    let result = match &spec.role {
        Role::Server => server::serve(&spec, registry).map(FromChild::Served),
        Role::Whole | Role::Client(_) => client::measure(&spec, registry).map(FromChild::Measured),
    };
    send(&result.unwrap_or_else(FromChild::Failed));
    ExitCode::SUCCESS
}

/// The runtime of an end, or of both.
pub fn build(choice: RuntimeChoice) -> std::io::Result<Runtime> {
    match choice {
        RuntimeChoice::Current => Builder::new_current_thread().enable_all().build(),
        RuntimeChoice::Multi(workers) => {
            Builder::new_multi_thread().worker_threads(usize::from(workers)).enable_all().build()
        }
    }
}

/// Runs `future` on `runtime`, inside a [`LocalSet`], for stacks that cannot leave their thread.
pub fn run<F: Future>(runtime: &Runtime, future: F) -> F::Output {
    LocalSet::new().block_on(runtime, future)
}

/// `endpoint` with the options of the cell's transport.
#[must_use]
pub fn with_options(endpoint: Endpoint, config: &CellConfig) -> Endpoint {
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

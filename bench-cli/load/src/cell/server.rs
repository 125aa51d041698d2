//! The server's side of a cell whose ends are two processes.

use std::sync::{Arc, Mutex, PoisonError};

use listenrain::Endpoint;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::protocol::{CellSpec, FromChild, Served, ToChild, send};
use super::{STOP_WITHIN, build, parent_watch, pinned};
use crate::drive::{Registry, Serving, Stalls};
use crate::meter::usage::{Snapshot, peak_resident_mib};

/// Serves until the parent says that the client is done.
pub(super) fn serve(spec: &CellSpec, registry: &Registry) -> Result<Served, String> {
    let config = &spec.config;
    let transport =
        Arc::clone(registry.transport(&config.transport).ok_or("the transport is not registered")?);
    let stack = registry.stack(&config.stack).ok_or("the stack is not registered")?;
    pinned(&spec.pin)?;
    config.ensure_descriptors(1)?;
    let endpoint = super::with_options(transport.scratch_endpoint(), config);
    let serving = Serving::of(config, transport, endpoint);
    let (marks, finish) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
    hear(spec.parent, &marks, &finish, &serving.stalls);
    let runtime = build(config.runtime).map_err(|error| format!("no runtime: {error}"))?;
    let ready = Box::new(|endpoint: &Endpoint| send(&FromChild::Listening(endpoint.to_string())));
    let ended = super::run(&runtime, async {
        tokio::select! {
            biased;
            () = finish.notified() => Ok(()),
            ended = stack.serve(serving, ready) => ended,
        }
    });
    // Not in the background: the process would end before a listener that lives in files has removed them.
    runtime.shutdown_timeout(STOP_WITHIN);
    ended.map_err(|error| error.to_string())?;
    let marks = std::mem::take(&mut *marks.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Served { marks, peak_mib: peak_resident_mib() })
}

/// What this process has used is read the moment that the parent passes on the client's mark.
fn hear(parent: u32, marks: &Arc<Mutex<Vec<Snapshot>>>, finish: &Arc<Notify>, stalls: &Arc<Stalls>) {
    let (marks, finish, stalls) = (Arc::clone(marks), Arc::clone(finish), Arc::clone(stalls));
    parent_watch::watch(parent, move |message| match message {
        ToChild::Go => {}
        ToChild::Mark(number) => {
            marks.lock().unwrap_or_else(PoisonError::into_inner).push(Snapshot::now());
            if number == 0 {
                stalls.begin(Instant::now());
            }
        }
        ToChild::Finish => finish.notify_one(),
    });
}

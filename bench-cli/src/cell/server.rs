//! The server's side of a cell whose ends are two processes.

use std::sync::{Arc, Mutex, PoisonError};

use listenrain::Endpoint;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::words::{Order, Said, Served, Told, say};
use super::{STOP_WITHIN, build, lifeline, pinned};
use crate::descriptors;
use crate::meter::usage::{Snapshot, peak_resident_mib};
use crate::registry::Registry;
use crate::stack::{Serving, Stalls};

/// Serves until the parent says that the client is done.
pub(super) fn serve(order: &Order, registry: &Registry) -> Result<Served, String> {
    let config = &order.config;
    let transport =
        Arc::clone(registry.transport(&config.transport).ok_or("the transport is not registered")?);
    let stack = registry.stack(&config.stack).ok_or("the stack is not registered")?;
    pinned(&order.pin)?;
    descriptors::ensure(descriptors::needed(config, 1))?;
    let endpoint = super::with_options(transport.scratch_endpoint(), config);
    let serving = Serving::of(config, transport, endpoint);
    let (marks, finish) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
    hear(order.parent, &marks, &finish, &serving.stalls);
    let runtime = build(config.runtime).map_err(|error| format!("no runtime: {error}"))?;
    let ready = Box::new(|endpoint: &Endpoint| say(&Said::Listening(endpoint.to_string())));
    let ended = runtime.block_on(async {
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
    lifeline::hold(parent, move |told| match told {
        Told::Go => {}
        Told::Mark(number) => {
            marks.lock().unwrap_or_else(PoisonError::into_inner).push(Snapshot::now());
            if number == 0 {
                stalls.begin(Instant::now());
            }
        }
        Told::Finish => finish.notify_one(),
    });
}

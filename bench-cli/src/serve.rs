//! A server alone, for a client elsewhere.

use std::sync::Arc;

use listenrain::Endpoint;
use tokio::sync::oneshot;

use crate::cell;
use crate::cli::{MAX_PARALLEL, MAX_WINDOW, ServeArgs, TakePartArgs};
use crate::config::CellConfig;
use crate::exit::Exit;
use crate::plan;
use crate::registry::Registry;
use crate::stack::{Serving, Stalls};
use crate::workers;

/// Serves until interrupted, which is the way to end it and counts as well; or, when it takes part in a run, until that is
/// over.
pub(crate) fn serve(args: &ServeArgs, registry: &Registry) -> Exit {
    let usage = |why: String| {
        eprintln!("error: {why}");
        Exit::Usage
    };
    let endpoint: Endpoint = match args.listen.parse() {
        Ok(endpoint) => endpoint,
        Err(error) => return usage(format!("--listen: {error}")),
    };
    let Some(known) = registry.transport(endpoint.scheme()) else {
        let allowed = registry.schemes().join(", ");
        return usage(format!("--listen {endpoint}: unknown scheme; allowed: {allowed}"));
    };
    let stack = match plan::stack(args.stack.as_deref(), registry) {
        Ok(stack) => stack,
        Err(why) => return usage(why),
    };
    let protocol = match plan::protocol(args.protocol, stack) {
        Ok(protocol) => protocol,
        Err(why) => return usage(why),
    };
    let serving = Serving {
        transport: Arc::clone(known),
        endpoint,
        protocol,
        outstanding: MAX_PARALLEL,
        bytes: MAX_WINDOW as usize,
        stalls: Stalls::of(&CellConfig::default()),
    };
    let (listening, listens) = oneshot::channel();
    let ready = Box::new(|endpoint: &Endpoint| {
        println!("{} ({protocol}) listens at {endpoint}", stack.name());
        let _ = listening.send(());
    });
    let serving = async {
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => Ok(()),
            ended = stack.serve(serving, ready) => ended.map_err(|error| error.to_string()),
            ended = taking_part(&args.take_part, listens) => ended,
        }
    };
    let ended = cell::build(args.runtime).map(|runtime| runtime.block_on(serving));
    let why = match ended {
        Ok(Ok(())) => return Exit::Well,
        Ok(Err(why)) => why,
        Err(error) => error.to_string(),
    };
    eprintln!("error: {why}");
    Exit::RowFailed
}

/// Takes part once this listens: workers come as soon as all are there. Never ends where nobody asked for it.
async fn taking_part(args: &TakePartArgs, listens: oneshot::Receiver<()>) -> Result<(), String> {
    match (&args.rendezvous, listens.await) {
        (Some(address), Ok(())) => {
            workers::take_part(address, args.rendezvous_within).await.map_err(|ended| ended.to_string())
        }
        _ => std::future::pending().await,
    }
}

//! `bench-cli serve`: a server alone, for a client elsewhere.

use std::sync::Arc;

use clap::Args;
use listenrain::Endpoint;
use tokio::sync::oneshot;

use super::exit::{ended, failure};
use super::{Exit, TakePartArgs, selection};
use crate::cell;
use crate::drive::{Registry, Serving, Stalls};
use crate::limits::{MAX_PARALLEL, MAX_WINDOW};
use crate::load::{CellConfig, ProtocolChoice, RuntimeChoice};
use crate::workers;

/// A server alone.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen
    #[arg(long, value_name = "ENDPOINT", default_value = "tcp://127.0.0.1:8899")]
    pub(crate) listen: String,
    /// What answers. Default: the first that is built in
    #[arg(long, value_name = "STACK")]
    pub(crate) stack: Option<String>,
    /// Wire protocol of a stack that has one. Default: the stack's own
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) protocol: Option<ProtocolChoice>,
    /// `current` or `multi:N`
    #[arg(long, value_name = "RUNTIME", default_value = "current")]
    pub(crate) runtime: RuntimeChoice,
    #[command(flatten)]
    pub(crate) take_part: TakePartArgs,
}

/// Serves until interrupted, which is the way to end it and counts as well; or, when it takes part in a run, until that is
/// over.
pub(crate) fn serve(args: &ServeArgs, registry: &Registry) -> Exit {
    ended(served(args, registry))
}

fn served(args: &ServeArgs, registry: &Registry) -> Result<Exit, String> {
    let endpoint: Endpoint = args.listen.parse().map_err(|error| format!("--listen: {error}"))?;
    let unknown = || {
        let allowed = registry.schemes().join(", ");
        format!("--listen {endpoint}: unknown scheme; allowed: {allowed}")
    };
    let known = registry.transport(endpoint.scheme()).ok_or_else(unknown)?;
    let stack = selection::stack(args.stack.as_deref(), registry)?;
    let protocol = selection::protocol(args.protocol, stack)?;
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
    let ended = cell::build(args.runtime).map(|runtime| cell::run(&runtime, serving));
    Ok(match ended.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(()) => Exit::Well,
        Err(why) => failure(&why),
    })
}

/// Takes part once this listens: workers come as soon as all are there. Never ends where that was not asked for.
async fn taking_part(args: &TakePartArgs, listens: oneshot::Receiver<()>) -> Result<(), String> {
    match (&args.rendezvous, listens.await) {
        (Some(address), Ok(())) => {
            workers::take_part(address, args.rendezvous_within).await.map_err(|ended| ended.to_string())
        }
        _ => std::future::pending().await,
    }
}

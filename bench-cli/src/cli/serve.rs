//! `bench-cli serve`: a server alone, for a client elsewhere.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use listenrain::{Endpoint, EndpointError, Transport};
use tokio::sync::oneshot;

use super::exit::{ended, failure, usage};
use super::{Exit, TakePartArgs, selection};
use crate::cell;
use crate::drive::{Registry, Serving, StackError, Stalls};
use crate::limits::{MAX_PARALLEL, MAX_WINDOW};
use crate::load::{CellConfig, ProtocolChoice, RuntimeChoice};
use crate::session::{HangUps, Interrupt};
use crate::streams::{self, say};
use crate::workers;

/// What is left of it then hangs, and ends with its process.
const STOP_WITHIN: Duration = Duration::from_secs(2);

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
    /// Looks at the files of its certificate again when HUP comes, instead of ending; without it, only as often as the
    /// endpoint's option `renew` says
    #[arg(long)]
    pub(crate) reload_on_hup: bool,
    #[command(flatten)]
    pub(crate) take_part: TakePartArgs,
}

/// Serves until interrupted, which is the way to end it and counts as well; or, when it takes part in a run, until that is
/// over.
pub(crate) fn serve(args: &ServeArgs, registry: &Registry) -> Exit {
    ended(served(args, registry))
}

fn served(args: &ServeArgs, registry: &Registry) -> Result<Exit, String> {
    let (endpoint, known) = selection::endpoint("--listen", &args.listen, registry)?;
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
        let said = format!("{} ({protocol}) listens at {endpoint}\n", stack.name());
        // Clients may know where it is without being told.
        if let Err(why) = streams::print(said.as_bytes()) {
            say(format_args!("warning: {why}"));
        }
        let _ = listening.send(());
    });
    let interrupt = Interrupt::listen();
    let hang_ups = match args.reload_on_hup.then(|| interrupt.hang_ups()) {
        Some(None) => {
            return Err("--reload-on-hup: this process hears no HUP; under nohup it is ignored".to_owned());
        }
        hang_ups => hang_ups.flatten(),
    };
    let serving = async {
        tokio::select! {
            biased;
            () = interrupt.once() => Ok(()),
            ended = stack.serve(serving, ready) => ended.map_err(refused),
            ended = taking_part(&args.take_part, listens) => ended.map_err(|why| failure(&why)),
            never = reloading(hang_ups, &**known) => match never {},
        }
    };
    let ended = match cell::build(args.runtime) {
        Ok(runtime) => {
            let ended = cell::run(&runtime, serving);
            // Not in the background: this process would end before a listener that lives in files has removed them.
            runtime.shutdown_timeout(STOP_WITHIN);
            ended
        }
        Err(error) => Err(failure(&error.to_string())),
    };
    Ok(match ended {
        Ok(()) => Exit::Well,
        Err(exit) => exit,
    })
}

/// An endpoint that cannot be is wrong usage; that nothing can listen there is not.
fn refused(error: StackError) -> Exit {
    let invalid = match &error {
        StackError::Endpoint(error) => Some(error),
        StackError::Next { error } => {
            error.source.as_deref().and_then(|source| source.downcast_ref::<EndpointError>())
        }
        _ => None,
    };
    match invalid {
        Some(error) => usage(&format!("--listen: {error}")),
        None => failure(&error.to_string()),
    }
}

/// Has `transport` look at its files whenever HUP comes, where that was asked for.
async fn reloading(hang_ups: Option<HangUps>, transport: &dyn Transport) -> Infallible {
    let Some(mut hang_ups) = hang_ups else { return std::future::pending().await };
    loop {
        hang_ups.next().await;
        transport.reload();
        say(format_args!("HUP: certificates are looked at again"));
    }
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

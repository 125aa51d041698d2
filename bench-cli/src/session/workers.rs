//! A session that is one of several workers': each launch begins when all are ready.

use std::net::SocketAddr;

use listenrain_results::{Cell, Run};
use tokio::time::sleep_until;

use super::{LEAST_WINDOWS, Repeat, Session};
use crate::load::CellConfig;
use crate::machine::secrets::told_without_secrets;
use crate::streams::say;
use crate::workers::{Joined, LaunchPhase, Whole, Worker};

/// Measures this worker's `shares` with the others that meet at `address`; gives the whole at worker 0, and nothing at the
/// others, whose part is `run`.
///
/// # Errors
///
/// Why the run was aborted.
pub(crate) async fn take_part(
    session: &mut Session<'_>,
    worker: Worker,
    address: &str,
    shares: &[CellConfig],
    repeat: &Repeat,
    run: &mut Run,
) -> Result<Option<Whole>, String> {
    run.seed = (repeat.most > 1).then_some(repeat.seed);
    let listens = |at: SocketAddr| say(format_args!("rendezvous at {at}"));
    let interrupt = session.interrupt;
    let mut joined = tokio::select! {
        biased;
        () = interrupt.once() => return Err("interrupted before all were there".to_owned()),
        joined = worker.join(address, listens) => joined.map_err(|ended| ended.to_string())?,
    };
    let with_others = async |session: &mut Session<'_>, index: usize| {
        let launched = launch(session, index, &shares[index], &mut joined).await;
        if interrupt.was_pressed() && launched.is_ok() {
            joined.abort("interrupted");
        }
        // A launch that cannot be is the end of the run for all.
        let told = |why: &String| joined.abort(&told_without_secrets(why, shares[index].target.as_deref()));
        launched.inspect_err(told).ok()
    };
    run.cells = session.rounds(shares, repeat, with_others).await;
    run.env.interrupted = interrupt.was_pressed();
    joined.finish(run).await.map_err(|ended| ended.to_string())
}

/// One launch, begun with all others. An error means that there is none, and why.
async fn launch(
    session: &mut Session<'_>,
    index: usize,
    config: &CellConfig,
    joined: &mut Joined,
) -> Result<Vec<Cell>, String> {
    let interrupt = session.interrupt;
    let aborted = joined.aborted();
    let phase = LaunchPhase { cell: index as u64, warmup: config.warmup, duration: config.duration };
    let begun = async {
        let ready = session.launcher.ready(config).await?;
        let start = joined.ready(phase).await.map_err(|ended| ended.to_string())?;
        sleep_until(start.0.into()).await;
        Ok::<_, String>(ready)
    };
    let mut aborted = std::pin::pin!(aborted);
    let ready = tokio::select! {
        biased;
        () = interrupt.once() => return Err("interrupted".to_owned()),
        ended = &mut aborted => return Err(ended.to_string()),
        ready = begun => ready?,
    };
    let stop = async {
        tokio::select! {
            () = interrupt.once() => {}
            _ = &mut aborted => {}
        }
    };
    let cells = ready.run(stop, |tick| session.view.tick(tick)).await;
    let was_stopped = |cell: &Cell| cell.duration_s < config.duration.as_secs_f64() * 0.5;
    let tells = |cell: &Cell| !was_stopped(cell) || cell.series.tps.len() >= LEAST_WINDOWS;
    match cells.iter().all(tells) {
        true => Ok(cells),
        false => Err("it was stopped before it had anything to tell".to_owned()),
    }
}

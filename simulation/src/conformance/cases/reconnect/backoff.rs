//! How often a dead endpoint is dialled.

use std::time::Duration;

use bytes::Bytes;
use listenrain::{Backoff, CallError, Client, ConnectionState, RawBytes, Refusal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::site::{Book, Site, chain, client, enters, is_answered_by, works};
use super::tap::Tap;
use crate::conformance::bed::{Bed, Gate, at_once};
use crate::conformance::failure::{Check, Failure, ensure};

const FIRST: Duration = Duration::from_millis(4);
const CAP: Duration = Duration::from_millis(32);
/// Failed dials until calls are refused.
const DOWN_AFTER: u32 = 3;

fn waits(bed: &mut Bed) -> Backoff {
    Backoff::between(FIRST, CAP).down_after(DOWN_AFTER).seeded(bed.random.draw())
}

/// What the `number`th wait in a row is before its jitter is taken away.
fn full_wait(number: usize) -> Duration {
    (FIRST * (1 << number.min(16))).min(CAP)
}

/// Beyond a wait: a dial, and in real time a machine that is busy with something else.
fn slack(bed: &Bed) -> Duration {
    if bed.subject.is_in_memory() { Duration::from_millis(5) } else { Duration::from_secs(1) }
}

/// No dial comes before its time; jitter takes at most half of a wait.
fn are_patient(dials: &[Instant]) -> Check {
    for (number, pair) in dials.windows(2).enumerate() {
        let (gap, full) = (pair[1] - pair[0], full_wait(number));
        ensure!(gap >= full / 2, "dial {} came {gap:?} after the one before, of {full:?}", number + 2);
    }
    Ok(())
}

fn are_in_time(dials: &[Instant], slack: Duration) -> Check {
    for (number, pair) in dials.windows(2).enumerate() {
        let (gap, most) = (pair[1] - pair[0], full_wait(number) + slack);
        ensure!(
            gap <= most,
            "dial {} came {gap:?} after the one before, at most {most:?} was due",
            number + 2
        );
    }
    Ok(())
}

/// Longer than a channel has to live to count as one that worked.
const LASTING: Duration = Duration::from_millis(150);

pub(super) async fn backoff_bounds(bed: &mut Bed) -> Check {
    let (tap, slack) = (Tap::on(bed), slack(bed));
    let Gate { dialer, listener, .. } = bed.gate().await?;
    let endpoint = listener.endpoint().clone();
    drop(listener);
    let backoff = waits(bed);
    let client = client(bed, dialer, |builder| builder.backoff(backoff))?;
    tap.dialled(10).await?;
    let failed = tap.dials();
    are_patient(&failed)?;
    are_in_time(&failed, slack)?;
    let capped: Vec<_> = failed[4..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    ensure!(capped.iter().any(|gap| *gap != capped[0]), "all waits are {:?}, without any jitter", capped[0]);

    // A channel that has lasted makes the waits begin anew.
    let site = Site::open(bed.listen(&endpoint).await?, "the server", &Book::default(), 1024)?;
    works(&client).await?;
    is_answered_by(&client, "the server", "once there is one").await?;
    sleep(LASTING).await;
    let before = tap.dials().len();
    site.kill().await?;
    tap.dialled(before + 3).await?;
    let again = are_in_time(&tap.dials()[before..before + 3], slack);
    again.map_err(|failure| failure.at("after a channel that lasted"))?;
    client.close().await;
    Ok(())
}

const CALLERS: usize = 32;
/// How long they go on.
const STORM: Duration = Duration::from_millis(150);

pub(super) async fn storm_limit(bed: &mut Bed) -> Check {
    let tap = Tap::on(bed);
    let Gate { dialer, listener, .. } = bed.gate().await?;
    let endpoint = listener.endpoint().clone();
    drop(listener);
    let backoff = waits(bed);
    let client = client(bed, dialer, |builder| builder.backoff(backoff))?;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(call_until_answered(client.clone()));
    }
    sleep(STORM).await;
    let dials = tap.dials();
    are_patient(&dials)?;
    ensure!(dials.len() > 3, "{} dials while {CALLERS} callers waited", dials.len());
    is_down(&client).await?;

    let site = Site::open(bed.listen(&endpoint).await?, "the server", &Book::default(), 1024)?;
    let answering = async {
        while let Some(answered) = callers.join_next().await {
            answered??;
        }
        Check::Ok(())
    };
    at_once("answering every caller once there is a server", answering).await??;
    tap.has_accepted(1).await?;
    site.kill().await?;
    client.close().await;
    Ok(())
}

/// A call is refused without a dial of its own.
async fn is_down(client: &Client<RawBytes>) -> Check {
    let down = |state: &ConnectionState| matches!(state, ConnectionState::Down { .. });
    enters(client.connection(), "down", down).await?;
    match at_once("a call while nobody listens", client.call(Bytes::new())).await? {
        Err(CallError::Refused(Refusal::Down { cause: Some(_), .. })) => Ok(()),
        other => Err(Failure::new(format!(
            "a call to nobody ended as {other:?}, expected refused, with the cause"
        ))),
    }
}

/// Calls again and again, as fast as the connection lets it.
async fn call_until_answered(client: Client<RawBytes>) -> Check {
    loop {
        match client.call(Bytes::from_static(b"who")).await {
            Ok(_) => return Ok(()),
            Err(error) if error.never_executed() => sleep(Duration::from_millis(1)).await,
            Err(error) => {
                return Err(Failure::new(format!("a call before any server ended as {}", chain(&error))));
            }
        }
    }
}

//! Group H: how often an endpoint is dialed that refuses.
//!
//! Failover is tested in `transports/tests/integration/ha`, the pool in `listenrain/tests/integration/pool.rs`.

use std::time::Duration;

use bytes::Bytes;
use listenrain::{Backoff, CallError, Client, ConnectionState, RawBytes, Refusal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::calls::{DialLog, native};
use crate::conformance::case::cases;
use crate::conformance::context::{Endpoints, TestContext, at_once};
use crate::conformance::failure::{Check, Failure, all, ensure};
use crate::conformance::stack::{Executed, call, client, echo, message, server};

cases! {
    /// Waits between failed dials double from the first to the cap, jitter takes at most half of one and makes them
    /// differ, and after a channel that lasted they begin anew.
    H04 backoff_bounds: 0, backoff_bounds, [ZeroMq, Nng], only: &["tcp"];
    /// However many call, the endpoint is dialed no more often than the waits allow; calls are refused at once meanwhile, and
    /// one dial answers all of them in the end.
    H05 storm_limit: 0, storm_limit, [Nng, Own], only: &["tcp"];
}

const FIRST: Duration = Duration::from_millis(4);
const CAP: Duration = Duration::from_millis(32);
/// Failed dials until calls are refused.
const DOWN_AFTER: u32 = 3;

fn waits(context: &mut TestContext) -> Backoff {
    Backoff::between(FIRST, CAP).down_after(DOWN_AFTER).seeded(context.random.draw())
}

/// What the `number`th wait in a row is before its jitter is taken away.
fn full_wait(number: usize) -> Duration {
    (FIRST * (1 << number.min(16))).min(CAP)
}

/// Beyond a wait: a dial, and in real time a machine that is busy with something else.
fn slack(context: &TestContext) -> Duration {
    if context.subject.is_in_memory() { Duration::from_millis(5) } else { Duration::from_secs(1) }
}

/// No dial comes before its time, of which jitter takes at most half, nor later than `slack` after it.
fn are_due(dials: &[Instant], slack: Duration) -> Check {
    for (number, pair) in dials.windows(2).enumerate() {
        let (gap, full) = (pair[1] - pair[0], full_wait(number));
        ensure!(gap >= full / 2, "dial {} came {gap:?} after the one before, of {full:?}", number + 2);
        let most = full.saturating_add(slack);
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

async fn backoff_bounds(context: &mut TestContext) -> Check {
    let slack = slack(context);
    let Endpoints { dialer, listener, .. } = context.endpoints().await?;
    let endpoint = listener.endpoint().clone();
    drop(listener);
    let (protocol, log) = (native()?, DialLog::default());
    let client = client(&protocol, 0).backoff(waits(context)).dial(log.on(dialer.generator))?;
    let failed = log.wait_for("10 dials", |entries| entries.begun.len() >= 10).await?.begun;
    are_due(&failed, slack)?;
    let capped: Vec<_> = failed[4..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    ensure!(capped.iter().any(|gap| *gap != capped[0]), "all waits are {:?}, without any jitter", capped[0]);

    // A channel that has lasted makes the waits begin anew.
    let serving =
        server(&protocol, echo(&Executed::default())).listen(context.listen(&endpoint).await?.generator)?;
    is_in(&client, "working", |state| matches!(state, ConnectionState::Working)).await?;
    call(&client, 1, 10).await?;
    sleep(LASTING).await;
    let before = log.entries().begun.len();
    at_once("ending a server", serving.drain(Duration::ZERO)).await?;
    let again = log.wait_for("3 more dials", |entries| entries.begun.len() >= before + 3).await?.begun;
    let again = are_in_time_anew(&again[before..before + 3], slack);
    again.map_err(|failure| failure.at("after a channel that lasted"))?;
    client.close().await;
    Ok(())
}

/// As [`are_due`], but for the first wait: the end of a channel that worked may be followed by a dial at once.
fn are_in_time_anew(dials: &[Instant], slack: Duration) -> Check {
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

const CALLERS: usize = 32;
/// How long they go on.
const STORM: Duration = Duration::from_millis(150);

async fn storm_limit(context: &mut TestContext) -> Check {
    let Endpoints { dialer, listener, .. } = context.endpoints().await?;
    let endpoint = listener.endpoint().clone();
    drop(listener);
    let (protocol, dials, accepts) = (native()?, DialLog::default(), DialLog::default());
    let client = client(&protocol, 0).backoff(waits(context)).dial(dials.on(dialer.generator))?;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(call_until_answered(client.clone()));
    }
    sleep(STORM).await;
    let begun = dials.entries().begun;
    are_due(&begun, Duration::MAX)?;
    ensure!(begun.len() > 3, "{} dials while {CALLERS} callers waited", begun.len());
    is_refused_while_down(&client).await?;

    let listener = accepts.on(context.listen(&endpoint).await?.generator);
    let _serving = server(&protocol, echo(&Executed::default())).listen(listener)?;
    at_once("answering every caller once there is a server", all(callers)).await??;
    let accepted = accepts.entries().given;
    ensure!(accepted == 1, "{accepted} channels were accepted, expected 1");
    client.close().await;
    Ok(())
}

/// A call is refused without a dial of its own.
async fn is_refused_while_down(client: &Client<RawBytes>) -> Check {
    is_in(client, "down", |state| matches!(state, ConnectionState::Down { .. })).await?;
    match at_once("a call while there is no listener", client.call(message(0, 0))).await? {
        Err(CallError::Refused(Refusal::Down { cause: Some(_), .. })) => Ok(()),
        other => Err(Failure::new(format!(
            "a call without a server ended as {other:?}, expected refused, with the cause"
        ))),
    }
}

/// Calls again and again, as fast as the connection lets it.
async fn call_until_answered(client: Client<RawBytes>) -> Check {
    loop {
        match client.call(Bytes::from_static(b"who")).await {
            Ok(_) => return Ok(()),
            Err(error) if error.never_executed() => sleep(Duration::from_millis(1)).await,
            Err(error) => return Err(Failure::from(error).at("a call before any server")),
        }
    }
}

/// Waits until the connection of `client` is in this state.
async fn is_in(client: &Client<RawBytes>, name: &str, is_so: impl FnMut(&ConnectionState) -> bool) -> Check {
    let mut states = client.connection().watch();
    let entered = at_once(&format!("a connection to be {name}"), states.wait_for(is_so)).await?;
    entered.map(drop).map_err(|_| Failure::new("the connection is closed"))
}

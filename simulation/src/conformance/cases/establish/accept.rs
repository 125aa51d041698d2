//! Accepting.

use std::io::ErrorKind;
use std::time::Duration;

use listenrain::{BoxFuture, NextError};
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

use crate::conformance::connection::{Connection, round_trip};
use crate::conformance::context::{Acceptor, Endpoints, TestContext};
use crate::conformance::failure::{Check, Failure, all, describe, ensure};
use crate::conformance::polls::{Wakes, once};
use crate::random::Random;

pub(super) async fn accept_cancel(context: &mut TestContext) -> Check {
    let Endpoints { mut dialer, mut listener, .. } = context.endpoints().await?;
    for round in 0..20 {
        let accepting = accept_by_and_by(&mut listener, &mut context.random);
        let (mut near, mut far) = tokio::try_join!(dialer.introduced(round), accepting)?;
        let met = far.meet().await?;
        ensure!(met == Some(round), "dial {round} was followed by accepting {met:?}");
        round_trip(&mut near, &mut far, 10).await?;
    }
    Ok(())
}

/// Accepts with futures that are dropped after some polls, woken or not, until one of them is ready.
async fn accept_by_and_by(listener: &mut Acceptor, random: &mut Random) -> Check<Connection> {
    let _busy = listener.waiting();
    loop {
        let mut accept = listener.generator.next();
        for _ in 0..=random.below(3) {
            let wakes = Wakes::new();
            if let Some(accepted) = wakes.once(|cx| accept.as_mut().poll(cx)).await {
                drop(accept);
                return Ok(listener.end(accepted?));
            }
            if random.one_in(2) {
                break;
            }
            wakes.woken().await;
            // Woken for nothing or not, others have their turn.
            yield_now().await;
        }
    }
}

/// Dials at once of the burst.
const BURST: u64 = 40;

pub(super) async fn accept_backlog_burst(context: &mut TestContext) -> Check {
    let endpoints = context.endpoints_at(&context.scratch_with_short_queue()).await?;
    let mut listener = endpoints.listener;
    let mut dials = JoinSet::new();
    for number in 0..BURST {
        let dialer = context.dialer(listener.endpoint())?;
        dials.spawn(dial_of_burst(dialer, number));
    }
    let served = tokio::select! {
        biased;
        served = all(dials) => served,
        never = serve(&mut listener) => Err(never),
    }?;
    ensure!(served.contains(&true), "none of {BURST} dials at once was served");
    // The first that is accepted may still be one of those that gave up.
    let mut late = context.dialer(listener.endpoint())?;
    tokio::select! {
        biased;
        served = dial_of_burst_again(&mut late) => served,
        never = serve(&mut listener) => Err(never),
    }
}

/// Whether the dial was served; when it was not, it was refused cleanly.
async fn dial_of_burst(mut dialer: Acceptor, number: u64) -> Check<bool> {
    match dialer.try_next().await {
        Ok(mut near) => {
            near.introduce(number).await?;
            near.reader.through(8).await?;
            Ok(true)
        }
        Err(error) if is_clean(&error) => Ok(false),
        Err(error) => Err(Failure::new(format!(
            "a dial of many failed in another way than being refused: {}",
            describe(&error)
        ))),
    }
}

async fn dial_of_burst_again(dialer: &mut Acceptor) -> Check {
    dialer.introduced(BURST).await?.reader.through(8).await
}

fn is_clean(error: &NextError) -> bool {
    use ErrorKind as Kind;
    let kinds = [
        Kind::ConnectionRefused,
        Kind::ConnectionReset,
        Kind::ConnectionAborted,
        Kind::TimedOut,
        Kind::WouldBlock,
        Kind::QuotaExceeded,
        Kind::ResourceBusy,
    ];
    kinds.contains(&error.kind) && !error.is_final
}

/// Accepts for ever, and gives eight bytes to each channel that introduces itself; comes back only with a failure.
async fn serve(listener: &mut Acceptor) -> Failure {
    let mut serving = JoinSet::new();
    loop {
        match listener.next().await {
            Ok(mut far) => serving.spawn(async move {
                if far.meet().await?.is_some() {
                    far.writer.send(8).await?;
                    far.reader.until_over().await?;
                }
                Check::Ok(())
            }),
            Err(failure) => return failure,
        };
    }
}

/// How long a dial may take behind others that stall. It takes some milliseconds; a listener that waits for each of them
/// takes as long as it waits.
pub(super) const BEHIND: Duration = Duration::from_secs(2);

pub(super) async fn front_of_line(context: &mut TestContext) -> Check {
    let Endpoints { mut dialer, mut listener, .. } = context.endpoints().await?;
    let mut stalled = Vec::new();
    for polls in [0, 1, 1, 2, 3, 9] {
        stalled.push(stall(context.dialer(listener.endpoint())?, polls).await);
    }
    for polls in [1, 2, 9] {
        drop(stall(context.dialer(listener.endpoint())?, polls).await);
    }
    let both = async { tokio::try_join!(dialer.introduced(7), listener.find(7)) };
    let late = |_| Failure::new(format!("behind dials that stall, one was not served within {BEHIND:?}"));
    let (mut near, mut far) = timeout(BEHIND, both).await.map_err(late)??;
    round_trip(&mut near, &mut far, 1000).await?;
    drop(stalled);
    Ok(())
}

/// A dial that is polled a few times and then left alone: half of a connection, or a whole one that says nothing.
async fn stall(mut dialer: Acceptor, polls: usize) -> Box<dyn Send> {
    let mut dial: BoxFuture<'static, _> = Box::pin(async move { dialer.try_next().await });
    for _ in 0..polls {
        if let Some(end) = once(|cx| dial.as_mut().poll(cx)).await {
            // A queue that is full refuses, and that stalls no dial.
            return Box::new(end);
        }
        yield_now().await;
    }
    Box::new(dial)
}

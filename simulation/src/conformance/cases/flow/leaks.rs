//! Leaks of tasks, descriptors and memory.

use std::sync::Arc;

use crate::conformance::alone::Alone;
use crate::conformance::attempt::Ending;
use crate::conformance::case::Case;
use crate::conformance::cases::{MOST_UNREAD, cases};
use crate::conformance::context::{Endpoints, TestContext, round_trip};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::held::{Held, Left};
use crate::conformance::trial::{Settings, Trial};

/// Bytes by which memory may differ: a table that has grown, a cache of the runtime's.
const SLACK: usize = 64 << 10;

pub(super) async fn open_close_10k(context: &mut TestContext) -> Check {
    context.note_what_is_not_counted();
    let rounds = context.size(10_000, 1000);
    let mut endpoints = context.endpoints().await?;
    // Tables and caches grow to their size.
    open_and_close(&mut endpoints, rounds / 10).await?;
    let before = Held::now();
    open_and_close(&mut endpoints, rounds).await?;
    before.is_back(SLACK).await.map_err(|failure| failure.at(format!("after {rounds} channels")))
}

async fn open_and_close(endpoints: &mut Endpoints, rounds: usize) -> Check {
    for round in 0..rounds {
        let (mut near, mut far) = endpoints.connect().await?;
        match round % 4 {
            0 => {
                round_trip(&mut near, &mut far, 10).await?;
                near.writer.shutdown().await?;
                far.reader.end().await?;
            }
            1 => near.writer.send(10).await?,
            2 => far.writer.abort(),
            _ => drop(near),
        }
    }
    Ok(())
}

pub(super) async fn leak_accounting(context: &mut TestContext) -> Check {
    context.note_what_is_not_counted();
    let mut looked_at = 0;
    for case in cases().filter(|case| !case.is_alone) {
        let trial = quick(context.trial(), case);
        let once =
            || async { judged(trial.run_accounted().await).map_err(|failure| failure.at(case.test_name())) };
        if !once().await? {
            continue;
        }
        looked_at += 1;
        // What a first run leaves may be a cache; what every run leaves is a leak.
        let mut left = Vec::new();
        for _ in 0..2 {
            let before = Held::now();
            once().await?;
            left.push(Held::now().beyond(&before, 512));
        }
        if let [first, second] = left[..]
            && !first.is_nothing()
            && !second.is_nothing()
        {
            return Err(Failure::new(format!("each run left behind: {second}")).at(case.test_name()));
        }
    }
    ensure!(looked_at > 0, "not one case passes, so nothing was looked at");
    Ok(())
}

/// The case in the same process, smaller.
fn quick(trial: &Trial, case: &'static Case) -> Trial {
    let mut settings: Settings = trial.settings.clone();
    settings.divisor *= 8;
    Trial { case, settings, alone: Alone::Nowhere, make: Arc::clone(&trial.make), ..trial.clone() }
}

/// Whether there is anything to look at: a case that fails is its own affair, and says nothing of leaks.
fn judged((ending, left): (Ending, Left)) -> Check<bool> {
    ensure!(left.is_nothing(), "left behind on its own runtime: {left}");
    Ok(ending == Ending::Passed)
}

pub(super) async fn left_open_then_close(context: &mut TestContext) -> Check {
    // What the transport itself needs is there after its first channel.
    context.endpoints().await?.connect().await?;
    let before = Held::now();
    let Endpoints { mut dialer, mut listener, .. } = context.endpoints().await?;
    let mut left = Vec::new();
    let mut others = Vec::new();
    for number in 0..10 {
        let (mut near, mut far) = tokio::try_join!(dialer.next(), listener.next())?;
        near.introduce(number).await?;
        far.meet().await?;
        near.writer.offer(context.size(50_000, 2000)).await?;
        left.push(far);
        others.push(near);
    }
    drop((left, listener));
    for near in &mut others {
        near.reader.until_over().await?;
        near.writer.until_error(MOST_UNREAD).await?;
    }
    drop((others, dialer));
    before.tasks_only().is_back(0).await
}

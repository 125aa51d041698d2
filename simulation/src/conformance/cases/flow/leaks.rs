//! Leaks of tasks, descriptors and memory.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::conformance::alone::Alone;
use crate::conformance::attempt::Ending;
use crate::conformance::case::Case;
use crate::conformance::cases::{MOST_UNREAD, cases};
use crate::conformance::connection::round_trip;
use crate::conformance::context::{Endpoints, TestContext};
use crate::conformance::failure::{Check, all, ensure};
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

/// Trials at once; most of their time they wait.
const AT_ONCE: usize = 16;
/// Bytes by which memory may differ after trials that have passed before.
const SLACK_OF_TRIALS: usize = 512;

pub(super) async fn leak_accounting(context: &mut TestContext) -> Check {
    context.note_what_is_not_counted();
    // Those that take longest are the last, and begin first.
    let mut trials: Vec<_> =
        cases().filter(|case| !case.is_alone).map(|case| quick(context.trial(), case)).collect();
    trials.reverse();
    // What a first run leaves may be a cache; what every run leaves is a leak.
    let passing = side_by_side(trials).await?;
    ensure!(!passing.is_empty(), "not one case passes, so nothing was looked at");
    let before = Held::now();
    side_by_side(passing.clone()).await?;
    if before.is_back(SLACK_OF_TRIALS).await.is_ok() {
        return Ok(());
    }
    // Something was left; which of them leaves it every time shows one after the other.
    for trial in passing {
        let mut left = Left::default();
        for _ in 0..2 {
            let before = Held::now();
            passes(&trial).await?;
            left = Held::now().beyond(&before, SLACK_OF_TRIALS);
            if left.is_nothing() {
                break;
            }
        }
        ensure!(left.is_nothing(), "{}: each run left behind: {left}", trial.case.test_name());
    }
    Ok(())
}

/// Runs all of `trials`, several at a time, and gives those that pass.
async fn side_by_side(trials: Vec<Trial>) -> Check<Vec<Trial>> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for trial in trials {
        let places = places.clone();
        running.spawn(async move {
            let _place = places.acquire().await;
            Check::Ok((passes(&trial).await?, trial))
        });
    }
    let mut passing = Vec::new();
    for (has_passed, trial) in all(running).await? {
        // One that has failed may have been too slow beside the others.
        if has_passed || passes(&trial).await? {
            passing.push(trial);
        }
    }
    Ok(passing)
}

/// The case in the same process, smaller.
fn quick(trial: &Trial, case: &'static Case) -> Trial {
    let mut settings: Settings = trial.settings.clone();
    settings.divisor *= 8;
    Trial { case, settings, alone: Alone::Nowhere, make: Arc::clone(&trial.make), ..trial.clone() }
}

/// Whether it passes, and leaves nothing on its own runtime. One that fails is its own affair, and says nothing of leaks.
async fn passes(trial: &Trial) -> Check<bool> {
    let (ending, left) = trial.run_accounted().await;
    let name = trial.case.test_name();
    ensure!(left.is_nothing(), "{name}: left behind on its own runtime: {left}");
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

//! Channels inside one process: no system stands between the ends to make them wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::yield_now;

use crate::conformance::context::TestContext;
use crate::conformance::failure::{Check, ensure};

/// Writes and reads in a row, none of which has to wait.
const ROUNDS: usize = 20_000;
/// Turns that another task has to get meanwhile: a small part of those that a fair thread would give.
const LEAST_TURNS: usize = 20;

pub(super) async fn busy_ends_share(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    let (turns, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let neighbour = tokio::spawn({
        let (turns, is_over) = (turns.clone(), is_over.clone());
        async move {
            while !is_over.load(Ordering::Acquire) {
                turns.fetch_add(1, Ordering::AcqRel);
                yield_now().await;
            }
        }
    });
    // A task of its own, so that its turns are those of any task.
    let busy = tokio::spawn(async move {
        for _ in 0..ROUNDS {
            let mut piece = near.writer.piece(100);
            near.writer.take_all(&mut piece).await?;
            far.reader.through(100).await?;
        }
        Check::Ok(())
    });
    let ended = busy.await;
    is_over.store(true, Ordering::Release);
    let seen = turns.load(Ordering::Acquire);
    neighbour.await?;
    ended??;
    ensure!(
        seen >= LEAST_TURNS,
        "another task got {seen} turns while {ROUNDS} writes and reads were done, at least {LEAST_TURNS} were due"
    );
    Ok(())
}

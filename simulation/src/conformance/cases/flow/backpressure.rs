//! Backpressure.

use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::connection::{drain, round_trip};
use crate::conformance::context::{TestContext, at_once};
use crate::conformance::failure::{Check, ensure};

pub(super) async fn backpressure_bounded(context: &mut TestContext) -> Check {
    for piece in [64 << 10, 1000] {
        let (mut near, mut far) = context.pair().await?;
        let taken = near.writer.fill(piece, MOST_UNREAD).await?;
        ensure!(taken > 0, "not a byte was taken");
        drain(&mut near.writer, &mut far.reader).await?;
    }
    Ok(())
}

pub(super) async fn backpressure_release(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    for round in 0..4 {
        near.writer.fill(64 << 10, MOST_UNREAD).await?;
        // Whatever room is left behind the last whole piece; of a socket that may be much, in such small steps.
        for _ in 0..2000 {
            let mut small = near.writer.piece(1 << round);
            if near.writer.take_now(&mut small).await?.is_none() {
                break;
            }
        }
        let (writer, mut more) = near.writer.until_waits(MOST_UNREAD).await?;
        at_once("waking a writer whose bytes are read", far.reader.until(writer.woken())).await??;
        let due = near.writer.sent() + more.len() as u64;
        tokio::try_join!(near.writer.send_all(&mut more), far.reader.reach(due))?;
    }
    // A writer that waits most of the time.
    let total = context.size(8 << 20, 128 << 10);
    let due = far.reader.got() + total as u64;
    tokio::try_join!(near.writer.send_in(total, total), far.reader.reach(due))?;
    round_trip(&mut near, &mut far, 1000).await
}

pub(super) async fn slow_reader_isolation(context: &mut TestContext) -> Check {
    let (mut slow, mut asleep) = context.pair().await?;
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(context.pair().await?);
    }
    slow.writer.fill(64 << 10, MOST_UNREAD).await?;
    for round in 0..10 {
        for (near, far) in &mut others {
            let turns = async {
                round_trip(near, far, 1000).await?;
                round_trip(far, near, context.random.size(8000)).await
            };
            let what = format!("a round trip ({round}) beside a channel whose reader sleeps");
            at_once(&what, turns).await??;
        }
    }
    others.push(context.pair().await?);
    drain(&mut slow.writer, &mut asleep.reader).await?;
    round_trip(&mut slow, &mut asleep, 1000).await
}

//! Bulk transfers.

use std::io;

use crate::allocations;
use crate::conformance::connection::{Connection, round_trip};
use crate::conformance::context::TestContext;
use crate::conformance::failure::{Check, Failure, all, ensure};

pub(super) async fn basic_io_1mib(context: &mut TestContext) -> Check {
    let total = context.size(1 << 20, 16 << 10);
    let (mut near, mut far) = context.pair().await?;
    for _ in 0..2 {
        tokio::try_join!(near.writer.send_in(total, 1024), far.reader.through(total))?;
        std::mem::swap(&mut near, &mut far);
    }
    near.writer.shutdown().await?;
    far.reader.end().await
}

pub(super) async fn ping_pong_1000(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    for _ in 0..context.size(1000, 100) {
        round_trip(&mut near, &mut far, 8).await?;
    }
    Ok(())
}

pub(super) async fn full_duplex_bulk(context: &mut TestContext) -> Check {
    let total = context.size(4 << 20, 64 << 10);
    let (near, far) = context.pair().await?;
    both_ways(near, far, total).await
}

pub(super) async fn large_64mib_single_write(context: &mut TestContext) -> Check {
    context.note_what_is_not_counted();
    let total = context.size(64 << 20, 16 << 20);
    let (mut near, mut far) = context.pair().await?;
    let mut whole = near.writer.piece(total);
    allocations::forget_peak();
    let before = allocations::live();
    tokio::try_join!(near.writer.send_all(&mut whole), far.reader.through(total))?;
    if let Some((before, peak)) = before.zip(allocations::peak()).filter(|_| context.alone) {
        let beside = peak.saturating_sub(before);
        ensure!(beside < total / 2, "{beside} bytes were held beside the {total} that were written at once");
    }
    Ok(())
}

/// Channels that carry much at once.
const LOADED: usize = 3;

pub(super) async fn volume_on_every_channel(context: &mut TestContext) -> Check {
    let total = context.size(4 << 20, 1 << 20);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..LOADED {
        let (near, far) = context.pair().await?;
        tasks.spawn(async move {
            let at = |failure: Failure| failure.at(format!("channel {number} of {LOADED}"));
            both_ways(near, far, total).await.map_err(at)
        });
    }
    all(tasks).await.map(drop)
}

async fn both_ways(near: Connection, far: Connection, total: usize) -> Check {
    let ((mut near_writer, mut near_reader), (mut far_writer, mut far_reader)) = (near.split(), far.split());
    tokio::try_join!(
        near_writer.send(total),
        far_writer.send(total),
        near_reader.through(total),
        far_reader.through(total)
    )?;
    Ok(())
}

pub(super) async fn no_crosstalk(context: &mut TestContext) -> Check {
    let total = context.size(256 << 10, 8 << 10);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (mut near, mut far) = context.pair().await?;
        let pieces = context.random.sizes(total / 2048, 4096);
        tasks.spawn(async move {
            for piece in pieces {
                round_trip(&mut near, &mut far, piece).await?;
            }
            // Kept open until the last is done, so that one's end cannot be taken for another's.
            Ok::<_, Failure>((near, far))
        });
    }
    for (near, far) in &mut all(tasks).await? {
        for (writer, reader) in [(&mut near.writer, &mut far.reader), (&mut far.writer, &mut near.reader)] {
            let early: Option<io::Result<usize>> = reader.some_now().await?;
            ensure!(early.is_none(), "bytes came that were not written: {early:?}");
            writer.send(1).await?;
            reader.through(1).await?;
        }
    }
    Ok(())
}

//! Much at once.

use std::io;

use crate::conformance::bed::{Bed, End, round_trip};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::gauge;

pub(super) async fn basic_io_1mib(bed: &mut Bed) -> Check {
    let total = bed.size(1 << 20, 16 << 10);
    let (mut near, mut far) = bed.pair().await?;
    for _ in 0..2 {
        let sending = async {
            near.tx.write_in(total, 1024).await?;
            near.tx.flush().await
        };
        tokio::try_join!(sending, far.rx.through(total))?;
        std::mem::swap(&mut near, &mut far);
    }
    near.tx.shutdown().await?;
    far.rx.end().await
}

pub(super) async fn ping_pong_1000(bed: &mut Bed) -> Check {
    let (mut near, mut far) = bed.pair().await?;
    for _ in 0..bed.size(1000, 100) {
        round_trip(&mut near, &mut far, 8).await?;
    }
    Ok(())
}

pub(super) async fn full_duplex_bulk(bed: &mut Bed) -> Check {
    let total = bed.size(4 << 20, 64 << 10);
    let (near, far) = bed.pair().await?;
    both_ways(near, far, total).await
}

pub(super) async fn large_64mib_single_write(bed: &mut Bed) -> Check {
    bed.note_what_is_not_counted();
    let total = bed.size(64 << 20, 16 << 20);
    let (mut near, mut far) = bed.pair().await?;
    let mut whole = near.tx.piece(total);
    gauge::forget_peak();
    let before = gauge::live();
    let sending = async {
        near.tx.take_all(&mut whole).await?;
        near.tx.flush().await
    };
    tokio::try_join!(sending, far.rx.through(total))?;
    if let Some((before, peak)) = before.zip(gauge::peak()).filter(|_| bed.alone) {
        let beside = peak.saturating_sub(before);
        ensure!(beside < total / 2, "{beside} bytes were held beside the {total} that were written at once");
    }
    Ok(())
}

/// Channels that carry much at once.
const LOADED: usize = 3;

pub(super) async fn volume_on_every_channel(bed: &mut Bed) -> Check {
    let total = bed.size(4 << 20, 1 << 20);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..LOADED {
        let (near, far) = bed.pair().await?;
        tasks.spawn(async move {
            let at = |failure: Failure| failure.at(format!("channel {number} of {LOADED}"));
            both_ways(near, far, total).await.map_err(at)
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn both_ways(near: End, far: End, total: usize) -> Check {
    let (End { tx: mut near_tx, rx: mut near_rx, .. }, End { tx: mut far_tx, rx: mut far_rx, .. }) =
        (near, far);
    tokio::try_join!(near_tx.send(total), far_tx.send(total), near_rx.through(total), far_rx.through(total))?;
    Ok(())
}

pub(super) async fn no_crosstalk(bed: &mut Bed) -> Check {
    let total = bed.size(256 << 10, 8 << 10);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (mut near, mut far) = bed.pair().await?;
        let pieces = bed.random.sizes(total / 2048, 4096);
        tasks.spawn(async move {
            for piece in pieces {
                round_trip(&mut near, &mut far, piece).await?;
            }
            // Kept open until the last is done, so that one's end cannot be taken for another's.
            Ok::<_, Failure>((near, far))
        });
    }
    let mut open = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        open.push(ended??);
    }
    for (near, far) in &mut open {
        for (tx, rx) in [(&mut near.tx, &mut far.rx), (&mut far.tx, &mut near.rx)] {
            let early: Option<io::Result<usize>> = rx.some_now().await?;
            ensure!(early.is_none(), "bytes came that nobody wrote: {early:?}");
            tx.send(1).await?;
            rx.through(1).await?;
        }
    }
    Ok(())
}

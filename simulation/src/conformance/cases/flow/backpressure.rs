//! A peer that does not read.

use crate::conformance::bed::{Bed, at_once, round_trip};
use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::failure::{Check, ensure};

pub(super) async fn backpressure_bounded(bed: &mut Bed) -> Check {
    for piece in [64 << 10, 1000] {
        let (mut near, mut far) = bed.pair().await?;
        let taken = near.tx.fill(piece, MOST_UNREAD).await?;
        ensure!(taken > 0, "not a byte was taken");
        let sent = near.tx.sent();
        tokio::try_join!(near.tx.flush(), far.rx.reach(sent))?;
    }
    Ok(())
}

pub(super) async fn backpressure_release(bed: &mut Bed) -> Check {
    let (mut near, mut far) = bed.pair().await?;
    for round in 0..4 {
        near.tx.fill(64 << 10, MOST_UNREAD).await?;
        // Whatever room is left behind the last whole piece; of a socket that may be much, in such small steps.
        for _ in 0..2000 {
            let mut small = near.tx.piece(1 << round);
            if near.tx.take_now(&mut small).await?.is_none() {
                break;
            }
        }
        let (writer, mut more) = near.tx.until_waits(MOST_UNREAD).await?;
        at_once("waking a writer whose bytes are read", far.rx.until(writer.woken())).await??;
        let due = near.tx.sent() + more.len() as u64;
        let sending = async {
            near.tx.take_all(&mut more).await?;
            near.tx.flush().await
        };
        tokio::try_join!(sending, far.rx.reach(due))?;
    }
    // A writer that waits most of the time.
    let total = bed.size(8 << 20, 128 << 10);
    let sending = async {
        near.tx.write_in(total, total).await?;
        near.tx.flush().await
    };
    let due = far.rx.got() + total as u64;
    tokio::try_join!(sending, far.rx.reach(due))?;
    round_trip(&mut near, &mut far, 1000).await
}

pub(super) async fn slow_reader_isolation(bed: &mut Bed) -> Check {
    let (mut slow, mut asleep) = bed.pair().await?;
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(bed.pair().await?);
    }
    slow.tx.fill(64 << 10, MOST_UNREAD).await?;
    for round in 0..10 {
        for (near, far) in &mut others {
            let turns = async {
                round_trip(near, far, 1000).await?;
                round_trip(far, near, bed.random.size(8000)).await
            };
            let what = format!("a round trip ({round}) beside a channel whose reader sleeps");
            at_once(&what, turns).await??;
        }
    }
    others.push(bed.pair().await?);
    let sent = slow.tx.sent();
    tokio::try_join!(slow.tx.flush(), asleep.rx.reach(sent))?;
    round_trip(&mut slow, &mut asleep, 1000).await
}

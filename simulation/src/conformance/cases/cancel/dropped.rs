//! Reads and writes that are given up.

use bytes::Buf;
use tokio::task::yield_now;

use crate::conformance::bed::{Bed, End, round_trip};
use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::failure::{Check, ensure};
use crate::conformance::pattern::Pattern;
use crate::conformance::polls::Wakes;
use crate::conformance::rx::Rx;
use crate::random::Random;

pub(super) async fn read_cancel_safe(bed: &mut Bed) -> Check {
    let count = bed.size(200, 20);
    let pieces = bed.random.sizes(count, 3000);
    let total = pieces.iter().sum::<usize>() as u64;
    let (near, far) = bed.pair().await?;
    let (End { mut tx, .. }, End { mut rx, tx: _open, .. }) = (near, far);
    let random = &mut bed.random;
    let writing = async {
        for piece in pieces {
            tx.send(piece).await?;
            // So that the reader finds nothing now and then.
            yield_now().await;
        }
        Ok(())
    };
    tokio::try_join!(writing, read_by_and_by(&mut rx, random, total))?;
    tx.shutdown().await?;
    rx.end().await
}

/// Reads with a waker and a buffer that are given up whenever nothing is there.
async fn read_by_and_by(rx: &mut Rx, random: &mut Random, total: u64) -> Check {
    let _busy = rx.waiting();
    while rx.got() < total {
        let wakes = Wakes::new();
        if wakes.once(|cx| rx.poll_some(cx)).await.transpose()?.is_none() {
            rx.forget_buffer();
            if random.one_in(2) {
                // The next read comes before this one was woken.
                continue;
            }
            wakes.woken().await;
            // Woken for nothing or not, others have their turn.
            yield_now().await;
        }
    }
    Ok(())
}

pub(super) async fn write_cancel_semantics(bed: &mut Bed) -> Check {
    let (mut near, mut far) = bed.pair().await?;
    for round in 0..3 {
        near.tx.fill(64 << 10, MOST_UNREAD).await?;
        let mut given_up = near.tx.pieces(&[10_000, 7, 3000]);
        if near.tx.take_now(&mut given_up).await?.is_none() {
            let expected = near.tx.pieces(&[13_007]).copy_to_bytes(13_007);
            let is_same = given_up.remaining() == 13_007 && given_up.copy_to_bytes(13_007) == expected;
            ensure!(is_same, "a write that had to wait changed its buffer");
        }
        drop(given_up);
        // Others of another length, given up one after the other.
        for size in [1, 5000] {
            let mut other = near.tx.piece(size);
            let _ = near.tx.take_now(&mut other).await?;
        }
        let sent = near.tx.sent();
        // A full window may need a flush to move.
        tokio::try_join!(near.tx.flush(), far.rx.reach(sent))?;
        // Other bytes than those that were given up.
        let fresh = Pattern::new(1000 + round);
        near.tx.follow(fresh);
        far.rx.follow(fresh);
        round_trip(&mut near, &mut far, 5000).await?;
    }
    Ok(())
}

//! All sizes of writes.

use listenrain::buffer::WriteBuffer;
use tokio::task::yield_now;

use crate::conformance::bed::{Bed, End, round_trip};
use crate::conformance::failure::{Check, ensure};
use crate::conformance::polls::Wakes;
use crate::conformance::rx::Rx;
use crate::conformance::tx::Tx;
use crate::random::Random;

pub(super) async fn byte_at_a_time(bed: &mut Bed) -> Check {
    let total = bed.size(2048, 256);
    let (near, far) = bed.pair().await?;
    let (End { mut tx, .. }, End { mut rx, .. }) = (near, far);
    for at in 0..total {
        tx.write_in(1, 1).await?;
        if at % 2 == 0 {
            tx.flush().await?;
            // Whatever was held up comes with it.
            rx.through(1 + usize::from(at > 0)).await?;
        }
    }
    tx.flush().await?;
    rx.through(1 - total % 2).await?;
    for _ in 0..16 {
        for size in [1, 8191, 1, 1, 100] {
            tokio::try_join!(tx.send(size), rx.through(size))?;
        }
    }
    Ok(())
}

pub(super) async fn boundary_free(bed: &mut Bed) -> Check {
    let large = bed.size(600 << 10, 70 << 10);
    let frame = [4, 16, 3, 1, 300, 20, 0, 19, 1];
    let (near, far) = bed.pair().await?;
    let (End { mut tx, .. }, End { mut rx, .. }) = (near, far);
    // One write, many reads.
    let mut whole = tx.piece(large);
    let sending = async {
        tx.take_all(&mut whole).await?;
        tx.flush().await
    };
    tokio::try_join!(sending, rx.through(large))?;
    // Many writes that may become one read, then one write of all sizes, then a write and a flush of each.
    let sending = async {
        tx.write_in(3000, 10).await?;
        tx.flush().await?;
        let mut together = tx.pieces(&frame);
        tx.take_all(&mut together).await?;
        tx.flush().await?;
        for size in frame {
            tx.send(size).await?;
        }
        Ok(())
    };
    tokio::try_join!(sending, rx.through(3000 + 2 * frame.iter().sum::<usize>()))?;
    Ok(())
}

pub(super) async fn zero_len(bed: &mut Bed) -> Check {
    let (mut near, mut far) = bed.pair().await?;
    for round in 0..3 {
        let wakes = Wakes::new();
        let early = wakes.once(|cx| far.rx.poll_some(cx)).await.transpose()?;
        ensure!(early.is_none(), "a read gave {early:?} before anything was written");
        let mut nothing = WriteBuffer::default();
        let taken = near.tx.take(&mut nothing).await?;
        ensure!(matches!(taken, Ok(0)), "writing nothing said {taken:?}");
        near.tx.flush().await?;
        let end = far.rx.some_now().await?;
        ensure!(end.is_none(), "round {round}: a write of nothing was read as {end:?}");
        // Only the reader from before waits, and it must be woken.
        let again = wakes.once(|cx| far.rx.poll_some(cx)).await.transpose()?;
        ensure!(again.is_none(), "round {round}: a write of nothing was read as {again:?}");
        near.tx.send(1).await?;
        wakes.woken().await;
        far.rx.through(1).await?;
    }
    round_trip(&mut near, &mut far, 100).await
}

pub(super) async fn vectored_write(bed: &mut Bed) -> Check {
    let segments = bed.size(3000, 200);
    let (near, far) = bed.pair().await?;
    let (End { mut tx, .. }, End { mut rx, .. }) = (near, far);
    for most in [3, 100, 3000] {
        let sizes = bed.random.sizes(segments, most);
        let total = sizes.iter().sum();
        // That each write takes just what it says is checked at every poll.
        let mut all = tx.pieces(&sizes);
        let sending = async {
            tx.take_all(&mut all).await?;
            tx.flush().await
        };
        tokio::try_join!(sending, rx.through(total))?;
    }
    Ok(())
}

pub(super) async fn flush_semantics(bed: &mut Bed) -> Check {
    let (mut near, mut far) = bed.pair().await?;
    for size in [1, 100, 5000, 60_000, 2] {
        let sending = async {
            near.tx.write_in(size, 700).await?;
            near.tx.flush().await?;
            near.tx.flush().await
        };
        tokio::try_join!(sending, far.rx.through(size))?;
    }
    round_trip(&mut far, &mut near, 1).await
}

pub(super) async fn random_io_sizes(bed: &mut Bed) -> Check {
    let total = bed.size(1 << 20, 32 << 10);
    let (near, far) = bed.pair().await?;
    let (End { tx: near_tx, rx: near_rx, .. }, End { tx: far_tx, rx: far_rx, .. }) = (near, far);
    let [one, two, three, four] = std::array::from_fn(|_| Random::new(bed.random.draw()));
    tokio::try_join!(
        write_randomly(near_tx, one, total),
        write_randomly(far_tx, two, total),
        read_randomly(near_rx, three, total),
        read_randomly(far_rx, four, total),
    )?;
    Ok(())
}

/// Gives the half back, so that it stays open until all is read.
async fn write_randomly(mut tx: Tx, mut random: Random, total: usize) -> Check<Tx> {
    let mut left = total;
    while left > 0 {
        let count = 1 + random.below(4);
        let sizes = random.sizes(count, 16 << 10);
        let mut from = tx.pieces(&sizes);
        let size = from.len();
        if size > left {
            from = tx.piece(left);
        }
        left -= size.min(left);
        tx.take_all(&mut from).await?;
        if random.one_in(3) {
            tx.flush().await?;
        }
        if random.one_in(3) {
            yield_now().await;
        }
    }
    tx.flush().await?;
    Ok(tx)
}

async fn read_randomly(mut rx: Rx, mut random: Random, total: usize) -> Check<Rx> {
    let mut left = total;
    while left > 0 {
        let count = random.size(64 << 10).min(left);
        rx.through(count).await?;
        left -= count;
        if random.one_in(3) {
            yield_now().await;
        }
    }
    Ok(rx)
}

//! Orderly ends.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use crate::conformance::bed::{Bed, End, at_once, round_trip};
use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::polls::once;

pub(super) async fn close_implies_flush(bed: &mut Bed) -> Check {
    for size in [1, 100, 5000, bed.size(40_000, 6000)] {
        let (mut near, mut far) = bed.pair().await?;
        let closing = async {
            near.tx.write_in(size, 3000).await?;
            near.tx.shutdown().await
        };
        tokio::try_join!(closing, far.rx.through_end(size))?;
        let (mut near, mut far) = bed.pair().await?;
        let closing = async move {
            near.tx.send(size).await?;
            drop(near);
            Ok(())
        };
        tokio::try_join!(closing, far.rx.through_end(size))?;
    }
    Ok(())
}

pub(super) async fn read_after_write_shutdown(bed: &mut Bed) -> Check {
    let total = bed.size(200_000, 10_000);
    let (mut near, mut far) = bed.pair().await?;
    near.tx.send(100).await?;
    near.tx.shutdown().await?;
    far.rx.through_end(100).await?;
    tokio::try_join!(far.tx.send(total), near.rx.through(total))?;
    let ending = async {
        far.tx.write_in(total, 5000).await?;
        far.tx.shutdown().await
    };
    tokio::try_join!(ending, near.rx.through_end(total))?;
    far.rx.end().await
}

pub(super) async fn eof_sticky(bed: &mut Bed) -> Check {
    let (mut near, mut far) = bed.pair().await?;
    near.tx.send(10).await?;
    near.tx.shutdown().await?;
    far.rx.through_end(10).await?;
    for again in 1..4 {
        let polled = far.rx.try_some().await?;
        ensure!(
            matches!(polled, Ok(0)),
            "the end came, and when asked for again ({again}) it was {polled:?}"
        );
    }
    far.tx.shutdown().await?;
    drop(near);
    let polled = far.rx.try_some().await?;
    ensure!(matches!(polled, Ok(0)), "the end came, and after the peer had gone it was {polled:?}");
    Ok(())
}

pub(super) async fn write_after_local_shutdown(bed: &mut Bed) -> Check {
    let (mut near, mut far) = bed.pair().await?;
    near.tx.send(10).await?;
    near.tx.shutdown().await?;
    for _ in 0..2 {
        let mut late = near.tx.piece(10);
        check_late(&at_once("a write after the shutdown", near.tx.take(&mut late)).await??)?;
    }
    far.rx.through_end(10).await
}

fn check_late(written: &io::Result<usize>) -> Check {
    let kinds = [ErrorKind::BrokenPipe, ErrorKind::NotConnected];
    match written {
        Err(error) if kinds.contains(&error.kind()) => Ok(()),
        other => Err(Failure::new(format!("a write after the shutdown said {other:?}, expected BrokenPipe"))),
    }
}

pub(super) async fn data_before_fin_delivered(bed: &mut Bed) -> Check {
    for round in 0..bed.size(60, 12) {
        // Where nobody reads meanwhile it has to fit any window.
        let (first, second) = if round % 3 == 2 { (50, 10) } else { (20_000, 300) };
        let sizes = [bed.random.size(first), bed.random.size(second)];
        let total: usize = sizes.iter().sum();
        let (mut near, mut far) = bed.pair().await?;
        let closing = async move {
            for size in sizes {
                near.tx.send(size).await?;
            }
            drop(near);
            Ok::<_, Failure>(())
        };
        let ended = match round % 3 {
            0 => tokio::try_join!(closing, far.rx.through_end(total)).map(drop),
            1 => {
                let closing = tokio::spawn(closing);
                far.rx.through_end(total).await.and(closing.await?)
            }
            _ => closing.await.and(far.rx.through_end(total).await),
        };
        ended.map_err(|failure| failure.at(format!("round {round}, {total} bytes")))?;
    }
    Ok(())
}

pub(super) async fn linger_close(bed: &mut Bed) -> Check {
    let (near, far) = bed.pair().await?;
    let (End { mut tx, rx: _kept, .. }, End { mut rx, tx: _open, .. }) = (near, far);
    tx.fill(64 << 10, MOST_UNREAD).await?;
    let sent = tx.sent();
    let reading = async {
        rx.reach(sent).await?;
        rx.end().await
    };
    tokio::try_join!(tx.shutdown(), reading)?;

    let (mut near, mut far) = bed.pair().await?;
    near.tx.fill(64 << 10, MOST_UNREAD).await?;
    let sent = near.tx.sent();
    let flushed = once(|cx| near.tx.poll_flush(cx)).await.is_some();
    let start = Instant::now();
    drop(near);
    let took = start.elapsed();
    ensure!(took < Duration::from_secs(1), "dropping a channel with a full window took {took:?}");
    let over = far.rx.until_over().await?;
    let got = far.rx.got();
    // What was never flushed may be lost.
    ensure!(
        over.is_some() || got == sent || !flushed,
        "an orderly end came after {got} of {sent} flushed bytes"
    );
    let (mut near, mut far) = bed.pair().await?;
    round_trip(&mut near, &mut far, 10).await
}

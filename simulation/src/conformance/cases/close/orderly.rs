//! Orderly shutdown.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::connection::{Connection, round_trip};
use crate::conformance::context::{TestContext, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::polls::once;

pub(super) async fn close_implies_flush(context: &mut TestContext) -> Check {
    for size in [1, 100, 5000, context.size(40_000, 6000)] {
        let (mut near, mut far) = context.pair().await?;
        let closing = async {
            near.writer.write_in(size, 3000).await?;
            near.writer.shutdown().await
        };
        tokio::try_join!(closing, far.reader.through_end(size))?;
        let (mut near, mut far) = context.pair().await?;
        let closing = async move {
            near.writer.send(size).await?;
            drop(near);
            Ok(())
        };
        tokio::try_join!(closing, far.reader.through_end(size))?;
    }
    Ok(())
}

pub(super) async fn read_after_write_shutdown(context: &mut TestContext) -> Check {
    let total = context.size(200_000, 10_000);
    let (mut near, mut far) = context.pair().await?;
    near.writer.send(100).await?;
    near.writer.shutdown().await?;
    far.reader.through_end(100).await?;
    tokio::try_join!(far.writer.send(total), near.reader.through(total))?;
    let ending = async {
        far.writer.write_in(total, 5000).await?;
        far.writer.shutdown().await
    };
    tokio::try_join!(ending, near.reader.through_end(total))?;
    far.reader.end().await
}

pub(super) async fn eof_sticky(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    near.writer.send(10).await?;
    near.writer.shutdown().await?;
    far.reader.through_end(10).await?;
    for again in 1..4 {
        let polled = far.reader.try_some().await?;
        ensure!(
            matches!(polled, Ok(0)),
            "the end came, and when asked for again ({again}) it was {polled:?}"
        );
    }
    far.writer.shutdown().await?;
    drop(near);
    let polled = far.reader.try_some().await?;
    ensure!(matches!(polled, Ok(0)), "the end came, and after the peer had gone it was {polled:?}");
    Ok(())
}

pub(super) async fn write_after_local_shutdown(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    near.writer.send(10).await?;
    near.writer.shutdown().await?;
    for _ in 0..2 {
        let mut late = near.writer.piece(10);
        check_late(&at_once("a write after the shutdown", near.writer.take(&mut late)).await??)?;
    }
    far.reader.through_end(10).await
}

fn check_late(written: &io::Result<usize>) -> Check {
    let kinds = [ErrorKind::BrokenPipe, ErrorKind::NotConnected];
    match written {
        Err(error) if kinds.contains(&error.kind()) => Ok(()),
        other => Err(Failure::new(format!("a write after the shutdown said {other:?}, expected BrokenPipe"))),
    }
}

pub(super) async fn data_before_fin_delivered(context: &mut TestContext) -> Check {
    for round in 0..context.size(60, 12) {
        // Where it is not read meanwhile it has to fit any window.
        let (first, second) = if round % 3 == 2 { (50, 10) } else { (20_000, 300) };
        let sizes = [context.random.size(first), context.random.size(second)];
        let total: usize = sizes.iter().sum();
        let (mut near, mut far) = context.pair().await?;
        let closing = async move {
            for size in sizes {
                near.writer.send(size).await?;
            }
            drop(near);
            Ok::<_, Failure>(())
        };
        let ended = match round % 3 {
            0 => tokio::try_join!(closing, far.reader.through_end(total)).map(drop),
            1 => {
                let closing = tokio::spawn(closing);
                far.reader.through_end(total).await.and(closing.await?)
            }
            _ => closing.await.and(far.reader.through_end(total).await),
        };
        ended.map_err(|failure| failure.at(format!("round {round}, {total} bytes")))?;
    }
    Ok(())
}

pub(super) async fn linger_close(context: &mut TestContext) -> Check {
    let (near, far) = context.pair().await?;
    let (Connection { mut writer, reader: _kept, .. }, Connection { mut reader, writer: _open, .. }) =
        (near, far);
    writer.fill(64 << 10, MOST_UNREAD).await?;
    let sent = writer.sent();
    let reading = async {
        reader.reach(sent).await?;
        reader.end().await
    };
    tokio::try_join!(writer.shutdown(), reading)?;

    let (mut near, mut far) = context.pair().await?;
    near.writer.fill(64 << 10, MOST_UNREAD).await?;
    let sent = near.writer.sent();
    let flushed = once(|cx| near.writer.poll_flush(cx)).await.is_some();
    let start = Instant::now();
    drop(near);
    let took = start.elapsed();
    ensure!(took < Duration::from_secs(1), "dropping a channel with a full window took {took:?}");
    let over = far.reader.until_over().await?;
    let got = far.reader.got();
    // What was never flushed may be lost.
    ensure!(
        over.is_some() || got == sent || !flushed,
        "an orderly end came after {got} of {sent} flushed bytes"
    );
    let (mut near, mut far) = context.pair().await?;
    round_trip(&mut near, &mut far, 10).await
}

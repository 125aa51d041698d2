//! Write sizes.

use listenrain::buffer::WriteBuffer;
use tokio::task::yield_now;

use crate::conformance::connection::{Connection, round_trip};
use crate::conformance::context::TestContext;
use crate::conformance::failure::{Check, ensure};
use crate::conformance::reader::CheckedReader;
use crate::conformance::writer::CheckedWriter;
use crate::random::Random;

pub(super) async fn byte_at_a_time(context: &mut TestContext) -> Check {
    let total = context.size(2048, 256);
    let (near, far) = context.pair().await?;
    let (Connection { mut writer, .. }, Connection { mut reader, .. }) = (near, far);
    for at in 0..total {
        writer.write_in(1, 1).await?;
        if at % 2 == 0 {
            writer.flush().await?;
            // Whatever was held up comes with it.
            reader.through(1 + usize::from(at > 0)).await?;
        }
    }
    writer.flush().await?;
    reader.through(1 - total % 2).await?;
    for _ in 0..16 {
        for size in [1, 8191, 1, 1, 100] {
            tokio::try_join!(writer.send(size), reader.through(size))?;
        }
    }
    Ok(())
}

pub(super) async fn boundary_free(context: &mut TestContext) -> Check {
    let large = context.size(600 << 10, 70 << 10);
    let frame = [4, 16, 3, 1, 300, 20, 0, 19, 1];
    let (near, far) = context.pair().await?;
    let (Connection { mut writer, .. }, Connection { mut reader, .. }) = (near, far);
    // One write, many reads.
    let mut whole = writer.piece(large);
    tokio::try_join!(writer.send_all(&mut whole), reader.through(large))?;
    // Many writes that may become one read, then one write of all sizes, then a write and a flush of each.
    let sending = async {
        writer.send_in(3000, 10).await?;
        let mut together = writer.pieces(&frame);
        writer.send_all(&mut together).await?;
        for size in frame {
            writer.send(size).await?;
        }
        Ok(())
    };
    tokio::try_join!(sending, reader.through(3000 + 2 * frame.iter().sum::<usize>()))?;
    Ok(())
}

pub(super) async fn zero_len(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    for round in 0..3 {
        let wakes = far.reader.waits().await?;
        let mut nothing = WriteBuffer::default();
        let taken = near.writer.take(&mut nothing).await?;
        ensure!(matches!(taken, Ok(0)), "writing nothing said {taken:?}");
        near.writer.flush().await?;
        let end = far.reader.some_now().await?;
        ensure!(end.is_none(), "round {round}: a write of nothing was read as {end:?}");
        // Only the reader from before waits, and it must be woken.
        let again = wakes.once(|cx| far.reader.poll_some(cx)).await.transpose()?;
        ensure!(again.is_none(), "round {round}: a write of nothing was read as {again:?}");
        near.writer.send(1).await?;
        wakes.woken().await;
        far.reader.through(1).await?;
    }
    round_trip(&mut near, &mut far, 100).await
}

pub(super) async fn vectored_write(context: &mut TestContext) -> Check {
    let segments = context.size(3000, 200);
    let (near, far) = context.pair().await?;
    let (Connection { mut writer, .. }, Connection { mut reader, .. }) = (near, far);
    for most in [3, 100, 3000] {
        let sizes = context.random.sizes(segments, most);
        let total = sizes.iter().sum();
        // That each write takes just what it says is checked at every poll.
        let mut all = writer.pieces(&sizes);
        tokio::try_join!(writer.send_all(&mut all), reader.through(total))?;
    }
    Ok(())
}

pub(super) async fn flush_semantics(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    for size in [1, 100, 5000, 60_000, 2] {
        let sending = async {
            near.writer.send_in(size, 700).await?;
            near.writer.flush().await
        };
        tokio::try_join!(sending, far.reader.through(size))?;
    }
    round_trip(&mut far, &mut near, 1).await
}

pub(super) async fn random_io_sizes(context: &mut TestContext) -> Check {
    let total = context.size(1 << 20, 32 << 10);
    let (near, far) = context.pair().await?;
    let ((near_writer, near_reader), (far_writer, far_reader)) = (near.split(), far.split());
    let [one, two, three, four] = std::array::from_fn(|_| Random::new(context.random.draw()));
    tokio::try_join!(
        write_randomly(near_writer, one, total),
        write_randomly(far_writer, two, total),
        read_randomly(near_reader, three, total),
        read_randomly(far_reader, four, total),
    )?;
    Ok(())
}

/// Gives the half back, so that it stays open until all is read.
async fn write_randomly(mut writer: CheckedWriter, mut random: Random, total: usize) -> Check<CheckedWriter> {
    let mut left = total;
    while left > 0 {
        let count = 1 + random.below(4);
        let sizes = random.sizes(count, 16 << 10);
        let mut from = writer.pieces(&sizes);
        let size = from.len();
        if size > left {
            from = writer.piece(left);
        }
        left -= size.min(left);
        writer.take_all(&mut from).await?;
        if random.one_in(3) {
            writer.flush().await?;
        }
        if random.one_in(3) {
            yield_now().await;
        }
    }
    writer.flush().await?;
    Ok(writer)
}

async fn read_randomly(mut reader: CheckedReader, mut random: Random, total: usize) -> Check<CheckedReader> {
    let mut left = total;
    while left > 0 {
        let count = random.size(64 << 10).min(left);
        reader.through(count).await?;
        left -= count;
        if random.one_in(3) {
            yield_now().await;
        }
    }
    Ok(reader)
}

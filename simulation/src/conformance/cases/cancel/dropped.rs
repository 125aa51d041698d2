//! Cancelled reads and writes.

use bytes::Buf;
use tokio::task::yield_now;

use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::connection::{Connection, drain, round_trip};
use crate::conformance::context::TestContext;
use crate::conformance::failure::{Check, ensure};
use crate::conformance::polls::Wakes;
use crate::conformance::reader::CheckedReader;
use crate::pattern::Pattern;
use crate::random::Random;

pub(super) async fn read_cancel_safe(context: &mut TestContext) -> Check {
    let count = context.size(200, 20);
    let pieces = context.random.sizes(count, 3000);
    let total = pieces.iter().sum::<usize>() as u64;
    let (near, far) = context.pair().await?;
    let (Connection { mut writer, .. }, Connection { mut reader, writer: _open, .. }) = (near, far);
    let random = &mut context.random;
    let writing = async {
        for piece in pieces {
            writer.send(piece).await?;
            // So that the reader finds nothing now and then.
            yield_now().await;
        }
        Ok(())
    };
    tokio::try_join!(writing, read_by_and_by(&mut reader, random, total))?;
    writer.shutdown().await?;
    reader.end().await
}

/// Reads with a waker and a buffer that are given up whenever nothing is there.
async fn read_by_and_by(reader: &mut CheckedReader, random: &mut Random, total: u64) -> Check {
    let _busy = reader.waiting();
    while reader.got() < total {
        let wakes = Wakes::new();
        if wakes.once(|cx| reader.poll_some(cx)).await.transpose()?.is_none() {
            reader.forget_buffer();
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

pub(super) async fn write_cancel_semantics(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    for round in 0..3 {
        near.writer.fill(64 << 10, MOST_UNREAD).await?;
        let mut given_up = near.writer.pieces(&[10_000, 7, 3000]);
        if near.writer.take_now(&mut given_up).await?.is_none() {
            let expected = near.writer.pieces(&[13_007]).copy_to_bytes(13_007);
            let is_same = given_up.remaining() == 13_007 && given_up.copy_to_bytes(13_007) == expected;
            ensure!(is_same, "a write that had to wait changed its buffer");
        }
        drop(given_up);
        // Others of another length, given up one after the other.
        for size in [1, 5000] {
            let mut other = near.writer.piece(size);
            let _ = near.writer.take_now(&mut other).await?;
        }
        drain(&mut near.writer, &mut far.reader).await?;
        // Other bytes than those that were given up.
        let fresh = Pattern::new(1000 + round);
        near.writer.follow(fresh);
        far.reader.follow(fresh);
        round_trip(&mut near, &mut far, 5000).await?;
    }
    Ok(())
}

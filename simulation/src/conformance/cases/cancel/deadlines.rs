//! Deadlines.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::connection::{Connection, carry, drain, round_trip};
use crate::conformance::context::{AT_ONCE, TestContext};
use crate::conformance::failure::{Check, ensure};

/// A deadline that is to come: long enough to be told from none.
const SOON: Duration = Duration::from_millis(20);
/// How long one poll may take, by the clock on the wall, on a machine that is busy with something else.
const ONE_POLL: Duration = Duration::from_secs(1);

pub(super) async fn read_timeout_independent(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    for _ in 0..2 {
        let early = timeout(SOON, near.reader.some()).await;
        ensure!(early.is_err(), "a read gave {early:?} before anything was written");
        carry(&mut near.writer, &mut far.reader, 1000).await?;
        round_trip(&mut far, &mut near, 1000).await?;
    }
    Ok(())
}

pub(super) async fn write_timeout_independent(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    for _ in 0..2 {
        near.writer.fill(64 << 10, MOST_UNREAD).await?;
        // It may find room now and then; that it is given up in the end is what counts.
        let writing = near.writer.write_in(MOST_UNREAD as usize, 64 << 10);
        let waited = timeout(SOON, writing).await;
        ensure!(waited.is_err(), "a write that has to wait ended with {waited:?}");
        carry(&mut far.writer, &mut near.reader, 1000).await?;
        drain(&mut near.writer, &mut far.reader).await?;
        round_trip(&mut near, &mut far, 1000).await?;
    }
    Ok(())
}

pub(super) async fn deadlines(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    near.writer.fill(64 << 10, MOST_UNREAD).await?;
    past(&mut near).await?;
    present(&mut near).await?;
    future(&mut near).await?;
    drain(&mut near.writer, &mut far.reader).await?;
    round_trip(&mut near, &mut far, 1000).await?;
    round_trip(&mut far, &mut near, 1000).await
}

/// The deadline has passed before the operation begins.
async fn past(near: &mut Connection) -> Check {
    let start = std::time::Instant::now();
    let read = timeout(Duration::ZERO, near.reader.some()).await;
    ensure!(read.is_err(), "a read gave {read:?} before anything was written");
    let took = start.elapsed();
    ensure!(took < ONE_POLL, "a read whose deadline had passed blocked its thread for {took:?}");
    let start = std::time::Instant::now();
    let mut more = near.writer.piece(100);
    let _: Option<io::Result<usize>> = near.writer.take_now(&mut more).await?;
    let took = start.elapsed();
    ensure!(took < ONE_POLL, "a write whose deadline had passed blocked its thread for {took:?}");
    ensure!(near.reader.got() == 0, "{} bytes came from nowhere", near.reader.got());
    Ok(())
}

/// The deadline passes while both directions wait.
async fn present(near: &mut Connection) -> Check {
    let Connection { writer, reader, .. } = near;
    let start = Instant::now();
    let both = async { tokio::join!(reader.try_some(), writer.write_in(MOST_UNREAD as usize, 64 << 10)) };
    let waited = timeout(SOON, both).await;
    let took = start.elapsed();
    ensure!(waited.is_err(), "a read and a write that have to wait ended with {waited:?}");
    ensure!(
        took < SOON + AT_ONCE,
        "a deadline of {SOON:?} that passed while both wait was kept after {took:?}"
    );
    Ok(())
}

/// The deadline is to come, and comes.
async fn future(near: &mut Connection) -> Check {
    let start = Instant::now();
    let read = timeout(SOON, near.reader.some()).await;
    let took = start.elapsed();
    ensure!(read.is_err(), "a read gave {read:?} before anything was written");
    ensure!((SOON..SOON + AT_ONCE).contains(&took), "a deadline of {SOON:?} was kept after {took:?}");
    Ok(())
}

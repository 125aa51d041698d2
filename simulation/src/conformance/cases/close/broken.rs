//! Aborted and broken channels.

use std::io::{self, ErrorKind};

use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::connection::Connection;
use crate::conformance::context::{TestContext, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::polls::once;

/// How it may look that the other side is gone.
const GONE: [ErrorKind; 3] =
    [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted];

fn is_gone(what: &str, error: &io::Error) -> Check {
    ensure!(
        GONE.contains(&error.kind()),
        "{what} failed as {:?}, expected one of {GONE:?}: {error}",
        error.kind()
    );
    Ok(())
}

pub(super) async fn write_after_peer_close(context: &mut TestContext) -> Check {
    let (mut near, far) = context.pair().await?;
    drop(far);
    for _ in 0..2 {
        is_gone("a write to a peer that is gone", &near.writer.until_error(MOST_UNREAD).await?)?;
    }
    let (mut near, mut far) = context.pair().await?;
    near.writer.send(10).await?;
    far.reader.through(10).await?;
    drop(far);
    is_gone("a write to a peer that has read and is gone", &near.writer.until_error(MOST_UNREAD).await?)
}

pub(super) async fn local_close_unblocks(context: &mut TestContext) -> Check {
    let (near, _far) = context.pair().await?;
    let Connection { mut writer, mut reader, .. } = near;
    writer.fill(64 << 10, MOST_UNREAD).await?;
    let reading = reader.waits().await?;
    let (_waiting, mut more) = writer.until_waits(MOST_UNREAD).await?;
    writer.abort();
    at_once("waking a read that waits on a channel that is aborted", reading.woken()).await?;
    let error = at_once("a read on a channel that was aborted", reader.until_error()).await??;
    is_gone("a read that waited while its channel was aborted", &error)?;
    match at_once("a write on a channel that was aborted", writer.take(&mut more)).await?? {
        Err(error) => is_gone("a write that waited while its channel was aborted", &error),
        Ok(count) => Err(Failure::new(format!("a channel that was aborted took {count} bytes"))),
    }
}

pub(super) async fn abort_is_reset(context: &mut TestContext) -> Check {
    for unread in [0, 1000] {
        let (mut near, mut far) = context.pair().await?;
        near.writer.send(unread).await?;
        let waiting = if unread == 0 { Some(far.reader.waits().await?) } else { None };
        near.writer.abort();
        drop(near);
        if let Some(waiting) = waiting {
            waiting.woken().await;
        }
        let error = far.reader.until_error().await?;
        ensure!(
            error.kind() == ErrorKind::ConnectionReset,
            "the peer of an abort read {:?}, expected ConnectionReset: {error}",
            error.kind()
        );
        is_gone("a write to a peer that aborted", &far.writer.until_error(MOST_UNREAD).await?)?;
    }
    let (mut near, mut far) = context.pair().await?;
    near.writer.shutdown().await?;
    near.writer.abort();
    drop(near);
    // The end may have been read before the reset came; writing cannot miss it.
    is_gone("a write to a peer that aborted after its shutdown", &far.writer.until_error(MOST_UNREAD).await?)
}

pub(super) async fn drop_with_unread(context: &mut TestContext) -> Check {
    let aborts = context.transport.capabilities().abort;
    for reads_first in [false, true] {
        let (mut near, mut far) = context.pair().await?;
        // Until it is full, so that something is known to have arrived and to be left.
        near.writer.fill(64 << 10, MOST_UNREAD).await?;
        if reads_first {
            far.reader.some().await?;
            near.writer.fill(64 << 10, MOST_UNREAD).await?;
        }
        drop(far);
        if aborts {
            let error = near.reader.until_error().await?;
            is_gone("a read from a peer that left bytes unread", &error)?;
        }
        is_gone("a write to a peer that left bytes unread", &near.writer.until_error(MOST_UNREAD).await?)?;
    }
    Ok(())
}

pub(super) async fn double_close(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    for _ in 0..3 {
        near.writer.shutdown().await?;
    }
    far.reader.end().await?;
    if context.transport.capabilities().half_close {
        for _ in 0..3 {
            far.writer.shutdown().await?;
        }
        near.writer.shutdown().await?;
        drop(near);
        far.writer.shutdown().await?;
    }

    // Of what is broken only that it says so, as often as it is asked: nothing panics, nothing succeeds again.
    let (mut near, far) = context.pair().await?;
    drop(far);
    near.writer.until_error(MOST_UNREAD).await?;
    close_what_is_broken(&mut near).await?;
    if !context.transport.capabilities().abort {
        return Ok(());
    }
    let (mut near, mut far) = context.pair().await?;
    near.writer.abort();
    near.writer.abort();
    close_what_is_broken(&mut near).await?;
    drop(near);
    far.reader.until_over().await?;
    far.writer.abort();
    close_what_is_broken(&mut far).await
}

async fn close_what_is_broken(end: &mut Connection) -> Check {
    for _ in 0..2 {
        // Any answer is fine, as long as there is one.
        let _ = end.writer.try_shutdown().await;
        let _ = once(|cx| end.writer.poll_flush(cx)).await;
        let mut late = end.writer.piece(10);
        let written = end.writer.take(&mut late).await?;
        ensure!(written.is_err(), "a write said {written:?} after one had failed");
        let read = end.reader.until_over().await?;
        let again = end.reader.until_over().await?;
        ensure!(read.is_some() || again.is_none(), "a read said that it is the end, then {again:?}");
        end.writer.abort();
    }
    Ok(())
}

//! Wakers.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::timeout;

use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::connection::round_trip;
use crate::conformance::context::{Endpoints, TestContext, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::polls::Wakes;
use crate::conformance::writer::CheckedWriter;

/// How often a task may be woken although nothing has happened, by a poll's own registering for instance.
const SPURIOUS: usize = 10;
/// How long nothing may happen.
const QUIET: Duration = Duration::from_millis(10);

pub(super) async fn waker_swap(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    // Reading.
    let last = wait_in_vain("a read", |cx| near.reader.poll_some(cx)).await?;
    far.writer.send(10).await?;
    woken("a read, when bytes came", &last).await?;
    near.reader.through(10).await?;
    let last = wait_in_vain("a read", |cx| near.reader.poll_some(cx)).await?;
    // Writing.
    let writer = write_in_vain(&mut near.writer).await?;
    far.reader.until(woken("a write, when there was room", &writer)).await??;
    // The read still waits, and its end comes.
    far.writer.shutdown().await?;
    woken("a read, when the end came", &last).await?;
    near.reader.end().await?;
    accepting(context).await
}

pub(super) async fn many_small_reads(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    for turn in 0..context.size(10_000, 2000) {
        let taken = when_woken(round_trip(&mut near, &mut far, 8)).await;
        taken.and_then(|taken| taken).map_err(|failure| failure.at(format!("after {turn} turns")))?;
    }
    Ok(())
}

/// As [`wait_in_vain`], for a transport that is full, and perhaps has room again a moment later.
async fn write_in_vain(writer: &mut CheckedWriter) -> Check<Arc<Wakes>> {
    for _ in 0..20 {
        writer.fill(64 << 10, MOST_UNREAD).await?;
        let mut more = writer.piece(64 << 10);
        let waited = wait_in_vain("a write", |cx| writer.poll_take(cx, &mut more)).await;
        if more.len() == 64 << 10 {
            return waited;
        }
    }
    Err(Failure::new("a write finds room again and again although the peer does not read"))
}

async fn accepting(context: &mut TestContext) -> Check {
    let Endpoints { mut dialer, mut listener, .. } = context.endpoints().await?;
    let mut accept = listener.generator.next();
    let last = wait_in_vain("an accept", |cx| accept.as_mut().poll(cx)).await?;
    let accepting = async {
        woken("an accept, when a dial came", &last).await?;
        Ok(accept.await?)
    };
    let (mut near, channel) = tokio::try_join!(dialer.next(), accepting)?;
    let mut far = listener.end(channel);
    near.introduce(7).await?;
    ensure!(far.meet().await? == Some(7), "another dial was accepted");
    round_trip(&mut near, &mut far, 10).await
}

/// Polls as an executor would that gets another task now and then: again whenever it is woken. The last waker, of a
/// poll that has to wait and was not woken for a while.
async fn wait_in_vain<T: std::fmt::Debug>(
    what: &str,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Check<Arc<Wakes>> {
    for task in 0.. {
        let wakes = Wakes::new();
        if let Some(early) = wakes.once(&mut poll).await {
            return Err(Failure::new(format!("{what} gave {early:?} although nothing had happened")));
        }
        let is_woken = timeout(QUIET, wakes.woken()).await.is_ok();
        ensure!(task < SPURIOUS, "{what} was woken {task} times although nothing had happened");
        // Not the first one: its waker is replaced.
        if !is_woken && task >= 2 {
            return Ok(wakes);
        }
    }
    Err(Failure::new("there are no more tasks"))
}

/// What `future` gives that is polled again only when its last poll's waker was woken. A timeout would not do: it polls
/// once more when its time is up, and finds what no task was woken for.
async fn when_woken<F: Future>(future: F) -> Check<F::Output> {
    let mut future = pin!(future);
    loop {
        let wakes = Wakes::new();
        if let Some(output) = wakes.once(|cx| future.as_mut().poll(cx)).await {
            return Ok(output);
        }
        at_once("waking who waits for bytes that were written", wakes.woken()).await?;
    }
}

async fn woken(what: &str, last: &Wakes) -> Check {
    let woken = timeout(Duration::from_secs(5), last.woken()).await;
    ensure!(woken.is_ok(), "{what}, did not wake the waker of its last poll");
    Ok(())
}

//! Wakers.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::timeout;

use crate::conformance::bed::{Bed, Gate, at_once, round_trip};
use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::polls::Wakes;
use crate::conformance::tx::Tx;

/// How often somebody may be woken although nothing has happened, by a poll's own registering for instance.
const SPURIOUS: usize = 10;
/// How long nothing may happen.
const QUIET: Duration = Duration::from_millis(10);

pub(super) async fn waker_swap(bed: &mut Bed) -> Check {
    let (mut near, mut far) = bed.pair().await?;
    // Reading.
    let last = wait_in_vain("a read", |cx| near.rx.poll_some(cx)).await?;
    far.tx.send(10).await?;
    woken("a read, when bytes came", &last).await?;
    near.rx.through(10).await?;
    let last = wait_in_vain("a read", |cx| near.rx.poll_some(cx)).await?;
    // Writing.
    let writer = write_in_vain(&mut near.tx).await?;
    far.rx.until(woken("a write, when there was room", &writer)).await??;
    // The read still waits, and its end comes.
    far.tx.shutdown().await?;
    woken("a read, when the end came", &last).await?;
    near.rx.end().await?;
    accepting(bed).await
}

pub(super) async fn many_small_reads(bed: &mut Bed) -> Check {
    let (mut near, mut far) = bed.pair().await?;
    for turn in 0..bed.size(10_000, 2000) {
        let taken = when_woken(round_trip(&mut near, &mut far, 8)).await;
        taken.and_then(|taken| taken).map_err(|failure| failure.at(format!("after {turn} turns")))?;
    }
    Ok(())
}

/// As [`wait_in_vain`], for a transport that is full, and perhaps has room again a moment later.
async fn write_in_vain(tx: &mut Tx) -> Check<Arc<Wakes>> {
    for _ in 0..20 {
        tx.fill(64 << 10, MOST_UNREAD).await?;
        let mut more = tx.piece(64 << 10);
        let waited = wait_in_vain("a write", |cx| tx.poll_take(cx, &mut more)).await;
        if more.len() == 64 << 10 {
            return waited;
        }
    }
    Err(Failure::new("a write finds room again and again although nobody reads"))
}

async fn accepting(bed: &mut Bed) -> Check {
    let Gate { mut dialer, mut listener, .. } = bed.gate().await?;
    let mut accept = listener.generator.next();
    let last = wait_in_vain("an accept", |cx| accept.as_mut().poll(cx)).await?;
    let accepting = async {
        woken("an accept, when somebody dialled", &last).await?;
        Ok(accept.await?)
    };
    let (mut near, channel) = tokio::try_join!(dialer.next(), accepting)?;
    let mut far = listener.end(channel);
    near.introduce(7).await?;
    ensure!(far.meet().await? == Some(7), "somebody else was accepted");
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
/// once more when its time is up, and finds what nobody was woken for.
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

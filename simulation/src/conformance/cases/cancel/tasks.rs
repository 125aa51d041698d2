//! Halves in different tasks and on different threads.

use std::thread;
use std::time::Duration;

use listenrain::{Channel, ChannelGenerator, ChannelRead, ChannelWrite};
use tokio::time::timeout;

use crate::conformance::bed::{Bed, End, at_once, carry, round_trip};
use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::polls::{Wakes, once};
use crate::conformance::rx::Rx;
use crate::conformance::tx::Tx;
use crate::random::Random;

pub(super) async fn split_halves(bed: &mut Bed) -> Check {
    let (mut near, mut far) = bed.pair().await?;
    // Both halves wait; each is woken for its own event, whichever of them waits since later.
    near.tx.fill(64 << 10, MOST_UNREAD).await?;
    let reader = Wakes::new();
    let early = reader.once(|cx| near.rx.poll_some(cx)).await.transpose()?;
    ensure!(early.is_none(), "a read gave {early:?} before anything was written");
    let (writer, _more) = near.tx.until_waits(MOST_UNREAD).await?;
    far.tx.send(10).await?;
    at_once("waking the reader beside a writer that waits", reader.woken()).await?;
    let reading = far.rx.until(writer.woken());
    at_once("waking the writer beside a reader that waits", reading).await??;
    let sent = near.tx.sent();
    tokio::try_join!(near.tx.flush(), far.rx.reach(sent), near.rx.through(10))?;

    let total = bed.size(2 << 20, 64 << 10);
    let (End { tx: near_tx, rx: near_rx, .. }, End { tx: far_tx, rx: far_rx, .. }) = (near, far);
    let sending = [near_tx, far_tx].map(|mut tx| {
        tokio::spawn(async move {
            tx.send(total).await?;
            Ok::<Tx, Failure>(tx)
        })
    });
    let reading = [near_rx, far_rx].map(|mut rx| {
        tokio::spawn(async move {
            rx.through(total).await?;
            Ok::<Rx, Failure>(rx)
        })
    });
    let ([near_tx, far_tx], [near_rx, far_rx]) = (sending, reading);
    let (near_tx, far_tx, near_rx, far_rx) = tokio::try_join!(near_tx, far_tx, near_rx, far_rx)?;
    // A reader that has failed has left its writer with a broken pipe.
    let (mut near_rx, mut far_rx, mut near_tx, mut far_tx) = (near_rx?, far_rx?, near_tx?, far_tx?);
    carry(&mut near_tx, &mut far_rx, 1000).await?;
    carry(&mut far_tx, &mut near_rx, 1000).await
}

pub(super) async fn concurrent_methods(bed: &mut Bed) -> Check {
    let total = bed.size(512 << 10, 32 << 10) as u64;
    let (near, far) = bed.pair().await?;
    let (End { tx: near_tx, rx: near_rx, .. }, End { tx: far_tx, rx: far_rx, .. }) = (near, far);
    let seed = &mut bed.random;
    let [near_tx, far_tx] =
        [near_tx, far_tx].map(|tx| tokio::spawn(muddle_writing(tx, Random::new(seed.draw()), total)));
    let [near_rx, far_rx] =
        [near_rx, far_rx].map(|rx| tokio::spawn(muddle_reading(rx, Random::new(seed.draw()), total)));
    let (near_tx, far_tx, near_rx, far_rx) = tokio::try_join!(near_tx, far_tx, near_rx, far_rx)?;
    // A reader that has failed has left its writer with a broken pipe.
    let (mut near_rx, mut far_rx, mut near_tx, mut far_tx) = (near_rx?, far_rx?, near_tx?, far_tx?);
    carry(&mut near_tx, &mut far_rx, 1000).await?;
    carry(&mut far_tx, &mut near_rx, 1000).await
}

/// Writes `total` bytes, many of them with writes that are given up on the way.
async fn muddle_writing(mut tx: Tx, mut random: Random, total: u64) -> Check<Tx> {
    while tx.sent() < total {
        let left = (total - tx.sent()) as usize;
        let size = random.size(3000).min(left);
        let mut from = tx.piece(size);
        match random.below(6) {
            0 => drop(tx.take_now(&mut from).await?),
            1 => drop(timeout(Duration::ZERO, tx.take(&mut from)).await),
            2 => drop(once(|cx| tx.poll_flush(cx)).await),
            3 => tx.flush().await?,
            4 => tx.send(size).await?,
            _ => tx.take_all(&mut from).await?,
        }
    }
    tx.flush().await?;
    Ok(tx)
}

/// Reads `total` bytes, many of them after reads that are given up.
async fn muddle_reading(mut rx: Rx, mut random: Random, total: u64) -> Check<Rx> {
    while rx.got() < total {
        match random.below(5) {
            0 | 1 => drop(rx.some_now().await?),
            2 => drop(timeout(Duration::ZERO, rx.try_some()).await),
            3 => tokio::task::yield_now().await,
            _ => drop(rx.some().await?),
        }
    }
    // All of it was waited for, by one or the other.
    rx.reach(total).await?;
    Ok(rx)
}

/// Compiles only as long as it holds.
const _: fn() = || {
    fn is_send_and_static<T: Send + ?Sized + 'static>() {}
    is_send_and_static::<Channel>();
    is_send_and_static::<dyn ChannelRead>();
    is_send_and_static::<dyn ChannelWrite>();
    is_send_and_static::<dyn ChannelGenerator>();
};

pub(super) async fn send_static_bounds(bed: &mut Bed) -> Check {
    let (mut near, mut far) = bed.pair().await?;
    round_trip(&mut near, &mut far, 100).await?;
    let here = thread::current().id();
    let elsewhere = tokio::spawn(async move {
        // A task of this runtime never runs on the thread that waits for it.
        ensure!(thread::current().id() != here, "the case has but one thread");
        round_trip(&mut near, &mut far, 10_000).await?;
        Ok((near, far))
    });
    let (near, mut far) = elsewhere.await??;
    let dropped = thread::spawn(move || drop(near)).join();
    ensure!(dropped.is_ok(), "dropping a channel on a thread without a runtime panicked");
    far.rx.end().await
}

//! Halves in different tasks and on different threads.

use std::thread;
use std::time::Duration;

use listenrain::{Channel, ChannelGenerator, ChannelRead, ChannelWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::conformance::cases::MOST_UNREAD;
use crate::conformance::connection::{carry, round_trip};
use crate::conformance::context::{TestContext, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::polls::once;
use crate::conformance::reader::CheckedReader;
use crate::conformance::writer::CheckedWriter;
use crate::random::Random;

pub(super) async fn split_halves(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
    // Both halves wait; each is woken for its own event, whichever of them waits since later.
    near.writer.fill(64 << 10, MOST_UNREAD).await?;
    let reader = near.reader.waits().await?;
    let (writer, _more) = near.writer.until_waits(MOST_UNREAD).await?;
    far.writer.send(10).await?;
    at_once("waking the reader beside a writer that waits", reader.woken()).await?;
    let reading = far.reader.until(writer.woken());
    at_once("waking the writer beside a reader that waits", reading).await??;
    let sent = near.writer.sent();
    tokio::try_join!(near.writer.flush(), far.reader.reach(sent), near.reader.through(10))?;

    let total = context.size(2 << 20, 64 << 10);
    let ((near_writer, near_reader), (far_writer, far_reader)) = (near.split(), far.split());
    let sending = [near_writer, far_writer].map(|mut writer| {
        tokio::spawn(async move {
            writer.send(total).await?;
            Ok::<CheckedWriter, Failure>(writer)
        })
    });
    let reading = [near_reader, far_reader].map(|mut reader| {
        tokio::spawn(async move {
            reader.through(total).await?;
            Ok::<CheckedReader, Failure>(reader)
        })
    });
    go_on(sending, reading).await
}

pub(super) async fn concurrent_methods(context: &mut TestContext) -> Check {
    let total = context.size(512 << 10, 32 << 10) as u64;
    let (near, far) = context.pair().await?;
    let ((near_writer, near_reader), (far_writer, far_reader)) = (near.split(), far.split());
    let seed = &mut context.random;
    let writing = [near_writer, far_writer]
        .map(|writer| tokio::spawn(muddle_writing(writer, Random::new(seed.draw()), total)));
    let reading = [near_reader, far_reader]
        .map(|reader| tokio::spawn(muddle_reading(reader, Random::new(seed.draw()), total)));
    go_on(writing, reading).await
}

/// The halves of the near and the far end, once all of them are done, go on together.
async fn go_on(
    [near_writer, far_writer]: [JoinHandle<Check<CheckedWriter>>; 2],
    [near_reader, far_reader]: [JoinHandle<Check<CheckedReader>>; 2],
) -> Check {
    let (near_writer, far_writer, near_reader, far_reader) =
        tokio::try_join!(near_writer, far_writer, near_reader, far_reader)?;
    // A reader that has failed has left its writer with a broken pipe.
    let (mut near_reader, mut far_reader, mut near_writer, mut far_writer) =
        (near_reader?, far_reader?, near_writer?, far_writer?);
    carry(&mut near_writer, &mut far_reader, 1000).await?;
    carry(&mut far_writer, &mut near_reader, 1000).await
}

/// Writes `total` bytes, many of them with writes that are given up on the way.
async fn muddle_writing(mut writer: CheckedWriter, mut random: Random, total: u64) -> Check<CheckedWriter> {
    while writer.sent() < total {
        let left = (total - writer.sent()) as usize;
        let size = random.size(3000).min(left);
        let mut from = writer.piece(size);
        match random.below(6) {
            0 => drop(writer.take_now(&mut from).await?),
            1 => drop(timeout(Duration::ZERO, writer.take(&mut from)).await),
            2 => drop(once(|cx| writer.poll_flush(cx)).await),
            3 => writer.flush().await?,
            4 => writer.send(size).await?,
            _ => writer.take_all(&mut from).await?,
        }
    }
    writer.flush().await?;
    Ok(writer)
}

/// Reads `total` bytes, many of them after reads that are given up.
async fn muddle_reading(mut reader: CheckedReader, mut random: Random, total: u64) -> Check<CheckedReader> {
    while reader.got() < total {
        match random.below(5) {
            0 | 1 => drop(reader.some_now().await?),
            2 => drop(timeout(Duration::ZERO, reader.try_some()).await),
            3 => tokio::task::yield_now().await,
            _ => drop(reader.some().await?),
        }
    }
    // All of it was waited for, by one or the other.
    reader.reach(total).await?;
    Ok(reader)
}

/// Compiles only as long as it holds.
const _: fn() = || {
    fn is_send_and_static<T: Send + ?Sized + 'static>() {}
    is_send_and_static::<Channel>();
    is_send_and_static::<dyn ChannelRead>();
    is_send_and_static::<dyn ChannelWrite>();
    is_send_and_static::<dyn ChannelGenerator>();
};

pub(super) async fn send_static_bounds(context: &mut TestContext) -> Check {
    let (mut near, mut far) = context.pair().await?;
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
    far.reader.end().await
}

//! What tests of every transport need: endpoints, reads and writes, a watchdog.

pub(crate) mod calls;
pub(crate) mod certificates;
pub(crate) mod child;
pub(crate) mod counted;
pub(crate) mod network;
#[cfg(unix)]
pub(crate) mod processes;

use std::future::{Future, poll_fn};
use std::io;
use std::task::{Context, Poll};

// What nearly every test names.
pub(crate) use std::io::ErrorKind;
pub(crate) use std::sync::Arc;
pub(crate) use std::time::Duration;

pub(crate) use bytes::Bytes;
pub(crate) use listenrain::buffer::{ReadBuffer, WriteBuffer};
pub(crate) use listenrain::{Channel, ChannelGenerator, Endpoint, NextError, Transport};
use listenrain::{ChannelRead, ChannelWrite};

/// Real time after which a test that waits for an event is stuck.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(30);

/// `future`, or a panic when it takes longer than a stuck test may.
pub(crate) async fn watched<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(WATCHDOG, future).await.expect("stuck")
}

/// Waits until `done` says so, giving other tasks their turn meanwhile.
pub(crate) async fn until(mut done: impl FnMut() -> bool) {
    watched(async {
        while !done() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Tasks of this runtime.
pub(crate) fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Descriptors of this process, and tasks of this runtime.
#[cfg(target_os = "linux")]
pub(crate) fn held() -> (usize, usize) {
    (std::fs::read_dir("/proc/self/fd").unwrap().count(), tasks())
}

/// A listener at a fresh endpoint of `transport`, and a dialer for it.
pub(crate) async fn both_ends(
    transport: &dyn Transport,
) -> (Box<dyn ChannelGenerator>, Box<dyn ChannelGenerator>) {
    at(transport, &transport.scratch_endpoint()).await
}

/// As [`both_ends`], listening at `endpoint`.
pub(crate) async fn at(
    transport: &dyn Transport,
    endpoint: &Endpoint,
) -> (Box<dyn ChannelGenerator>, Box<dyn ChannelGenerator>) {
    let listener = transport.listen(endpoint).await.unwrap();
    let dialer = transport.dialer(listener.endpoint()).unwrap();
    (listener, dialer)
}

/// A dialled channel and its accepted other end.
pub(crate) async fn connect(
    listener: &mut dyn ChannelGenerator,
    dialer: &mut dyn ChannelGenerator,
) -> (Channel, Channel) {
    let (accepted, dialled) = tokio::join!(listener.next(), dialer.next());
    (dialled.unwrap(), accepted.unwrap())
}

/// Two ends of one channel of `transport`.
pub(crate) async fn linked(transport: &dyn Transport) -> (Channel, Channel) {
    let (mut listener, mut dialer) = both_ends(transport).await;
    connect(&mut *listener, &mut *dialer).await
}

/// `count` bytes that differ from their neighbours.
pub(crate) fn pattern(count: usize) -> Bytes {
    (0..count).map(|at| (at % 251) as u8).collect::<Vec<_>>().into()
}

/// One read: how many bytes it appended.
pub(crate) async fn read(from: &mut dyn ChannelRead, into: &mut ReadBuffer) -> io::Result<usize> {
    poll_fn(|cx| from.poll_read(cx, into)).await
}

/// What kind of error the next read fails with.
pub(crate) async fn read_error(from: &mut dyn ChannelRead) -> ErrorKind {
    read(from, &mut ReadBuffer::default()).await.unwrap_err().kind()
}

/// Everything up to the end of the stream.
pub(crate) async fn read_to_end(from: &mut dyn ChannelRead) -> io::Result<Bytes> {
    let mut into = ReadBuffer::default();
    while read(from, &mut into).await? > 0 {}
    let len = into.len();
    Ok(into.take(len))
}

/// Exactly `count` bytes.
pub(crate) async fn read_exactly(from: &mut dyn ChannelRead, count: usize) -> io::Result<Bytes> {
    let mut into = ReadBuffer::default();
    while into.len() < count {
        if read(from, &mut into).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(into.take(count))
}

/// One write: how many bytes it took.
pub(crate) async fn write(to: &mut dyn ChannelWrite, from: &mut WriteBuffer) -> io::Result<usize> {
    poll_fn(|cx| to.poll_write(cx, from)).await
}

/// Writes and flushes all of `bytes`.
pub(crate) async fn write_all(to: &mut dyn ChannelWrite, bytes: Bytes) -> io::Result<()> {
    let mut from = WriteBuffer::new(to.flatten_below());
    from.put(bytes);
    while !from.is_empty() {
        assert!(write(to, &mut from).await? > 0);
    }
    poll_fn(|cx| to.poll_flush(cx)).await
}

/// Asserts that `text` crosses from one end of a channel to the other.
pub(crate) async fn carries(from: &mut Channel, to: &mut Channel, text: &'static str) {
    watched(write_all(&mut *from.write, text.into())).await.unwrap();
    assert_eq!(watched(read_exactly(&mut *to.read, text.len())).await.unwrap(), text);
}

/// Writes `bytes` again and again until that fails, which it must.
pub(crate) async fn write_error(to: &mut dyn ChannelWrite, bytes: Bytes) -> io::Error {
    watched(async {
        loop {
            if let Err(error) = write_all(to, bytes.clone()).await {
                break error;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Sends `bytes` and ends; gives what comes back.
pub(crate) async fn echoed(mut channel: Channel, bytes: Bytes) -> Bytes {
    let send = async {
        write_all(&mut *channel.write, bytes).await.unwrap();
        shutdown(&mut *channel.write).await.unwrap();
    };
    tokio::join!(send, read_to_end(&mut *channel.read)).1.unwrap()
}

/// Sends back what comes, until the end; says how many bytes that were.
pub(crate) async fn send_back(mut channel: Channel) -> usize {
    let (mut into, mut total) = (ReadBuffer::default(), 0);
    loop {
        let count = read(&mut *channel.read, &mut into).await.unwrap();
        if count == 0 {
            shutdown(&mut *channel.write).await.unwrap();
            return total;
        }
        total += count;
        write_all(&mut *channel.write, into.take(count)).await.unwrap();
    }
}

/// A runtime of one thread, for tests whose runtime ends before they do.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The same with time paused.
pub(crate) fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Ends writing.
pub(crate) async fn shutdown(to: &mut dyn ChannelWrite) -> io::Result<()> {
    poll_fn(|cx| to.poll_shutdown(cx)).await
}

/// Writes single chunks of `size` bytes until one has to wait; says how many bytes were taken.
pub(crate) async fn fill(to: &mut dyn ChannelWrite, size: usize, most: usize) -> usize {
    let mut from = WriteBuffer::new(0);
    let mut taken = 0;
    while taken < most {
        if from.is_empty() {
            from.put(pattern(size));
        }
        match once(|cx| to.poll_write(cx, &mut from)).await {
            Some(count) => taken += count.unwrap(),
            None => break,
        }
    }
    taken
}

/// What one single poll says; `None` for pending, which is the channel's word and never tokio's budget running out.
pub(crate) async fn once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let once = poll_fn(|cx| match poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    });
    tokio::task::unconstrained(once).await
}

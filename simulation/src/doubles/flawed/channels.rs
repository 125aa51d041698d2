//! Accepted channels that do not do what a server would have them do.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Channel, ChannelRead, ChannelWrite};
use tokio::time::{Instant, Sleep, sleep};

use crate::layer::map_halves;

/// A read half that `read` reads.
struct Reads<F> {
    below: Box<dyn ChannelRead>,
    read: F,
}

impl<F> ChannelRead for Reads<F>
where
    F: FnMut(&mut dyn ChannelRead, &mut Context<'_>, &mut ReadBuffer) -> Poll<io::Result<usize>>
        + Send
        + 'static,
{
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        (self.read)(&mut *self.below, cx, into)
    }
}

fn reads<F>(channel: Channel, read: F) -> Channel
where
    F: FnMut(&mut dyn ChannelRead, &mut Context<'_>, &mut ReadBuffer) -> Poll<io::Result<usize>>
        + Send
        + 'static,
{
    map_halves(channel, |below| Box::new(Reads { below, read }), |write| write)
}

fn reset() -> Poll<io::Result<usize>> {
    Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
}

/// One that was not read for a while is read again after five seconds.
pub(super) fn stays_held(channel: Channel) -> Channel {
    const HELD_UP: Duration = Duration::from_millis(15);
    let mut had_some_at: Option<Instant> = None;
    let mut held: Option<Pin<Box<Sleep>>> = None;
    reads(channel, move |below, cx, into| {
        if had_some_at.take().is_some_and(|at| at.elapsed() > HELD_UP) {
            held = Some(Box::pin(sleep(Duration::from_secs(5))));
        }
        if let Some(wait) = &mut held {
            ready!(wait.as_mut().poll(cx));
            held = None;
        }
        let read = below.poll_read(cx, into);
        had_some_at = read.is_ready().then(Instant::now);
        read
    })
}

/// Ends by a reset at this age.
pub(super) fn reset_after(channel: Channel, age: Duration) -> Channel {
    let mut end = Box::pin(sleep(age));
    reads(channel, move |below, cx, into| match end.as_mut().poll(cx).is_ready() {
        true => reset(),
        false => below.poll_read(cx, into),
    })
}

/// What a client says first never comes.
pub(super) fn without_hello(channel: Channel) -> Channel {
    const HELLO: usize = HEADER + 10;
    let mut left = HELLO;
    reads(channel, move |below, cx, into| {
        loop {
            let mut heard = ReadBuffer::default();
            let count = ready!(below.poll_read(cx, &mut heard))?;
            let hello = left.min(count);
            left -= hello;
            heard.skip(hello);
            if count == 0 || hello < count {
                let rest = heard.take(count - hello);
                let count = rest.len();
                into.push(rest);
                return Poll::Ready(Ok(count));
            }
        }
    })
}

const HEADER: usize = 20;

/// Ends by a reset when a packet claims more than `largest` bytes.
pub(super) fn reset_by_larger(channel: Channel, largest: usize) -> Channel {
    let (mut header, mut payload) = (Vec::new(), 0);
    reads(channel, move |below, cx, into| {
        let mut heard = ReadBuffer::default();
        let count = ready!(below.poll_read(cx, &mut heard))?;
        let bytes = heard.take(count);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            if payload > 0 {
                let taken = rest.len().min(payload);
                (rest, payload) = (&rest[taken..], payload - taken);
                continue;
            }
            header.push(rest[0]);
            rest = &rest[1..];
            if header.len() == HEADER {
                payload = header[4..8].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
                header.clear();
                if payload > largest {
                    return reset();
                }
            }
        }
        into.push(Bytes::from(bytes.to_vec()));
        Poll::Ready(Ok(count))
    })
}

/// Channels of which only one is written to at a time, until it has taken what there was.
pub(super) fn one_writer() -> impl Fn(Channel) -> Channel + Send + Sync + 'static {
    let stuck = Arc::new(Mutex::new(Stuck::default()));
    let made = Mutex::new(0);
    move |channel| {
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        *made += 1;
        let (stuck, number) = (stuck.clone(), *made);
        map_halves(channel, |read| read, |below| Box::new(OneWriter { below, stuck, number }))
    }
}

/// Whose bytes are not taken, and who waits for that.
#[derive(Default)]
struct Stuck {
    who: Option<u64>,
    waiting: Vec<Waker>,
}

struct OneWriter {
    below: Box<dyn ChannelWrite>,
    stuck: Arc<Mutex<Stuck>>,
    number: u64,
}

impl OneWriter {
    fn stuck(&self) -> MutexGuard<'_, Stuck> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_on(&self) {
        let mut stuck = self.stuck();
        if stuck.who == Some(self.number) {
            stuck.who = None;
            std::mem::take(&mut stuck.waiting).into_iter().for_each(Waker::wake);
        }
    }
}

impl ChannelWrite for OneWriter {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        let mut stuck = self.stuck();
        if stuck.who.is_some_and(|who| who != self.number) {
            stuck.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        drop(stuck);
        let written = self.below.poll_write(cx, from);
        match written.is_pending() {
            true => self.stuck().who = Some(self.number),
            false => self.goes_on(),
        }
        written
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.below.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.below.poll_shutdown(cx)
    }

    fn abort(&mut self) {
        self.below.abort();
    }

    fn flatten_below(&self) -> usize {
        self.below.flatten_below()
    }
}

impl Drop for OneWriter {
    fn drop(&mut self) {
        self.goes_on();
    }
}

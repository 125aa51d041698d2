//! What broken transports are made of: a sound one in memory, and halves that do one thing wrong.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Channel, ChannelRead, ChannelWrite};
use listenrain_transports::InProcess;
use listenrain_transports::channel::ChannelOptions;

use crate::conformance::Subject;
use crate::layer::{Layer, Layered, Side, map_halves};

/// Bytes that wait in one direction at most: little, so that full is soon.
pub(super) const WINDOW: usize = 64 << 10;

/// The sound transport that all others are built upon.
pub(super) fn sound() -> Subject {
    let transport =
        InProcess::new(ChannelOptions::default().capacity(WINDOW)).expect("a capacity within its bounds");
    Subject::from(transport).in_memory()
}

/// The sound transport with `layer` on top.
pub(super) fn with_layer(layer: impl Layer) -> Subject {
    upon(sound(), layer)
}

/// `subject` with `layer` on top.
pub(super) fn upon(subject: Subject, layer: impl Layer) -> Subject {
    subject.map_transport(|below| Arc::new(Layered::new(below, Arc::new(layer))))
}

/// The sound transport whose channels `change` has changed.
pub(super) fn with_channels(change: impl Fn(Side, Channel) -> Channel + Send + Sync + 'static) -> Subject {
    with_channels_of(sound(), change)
}

/// `subject` whose channels `change` has changed.
pub(super) fn with_channels_of(
    subject: Subject,
    change: impl Fn(Side, Channel) -> Channel + Send + Sync + 'static,
) -> Subject {
    struct Changed<F>(F);

    impl<F> std::fmt::Debug for Changed<F> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Changed")
        }
    }

    impl<F: Fn(Side, Channel) -> Channel + Send + Sync + 'static> Layer for Changed<F> {
        fn channel(&self, side: Side, channel: Channel) -> Channel {
            (self.0)(side, channel)
        }
    }

    upon(subject, Changed(change))
}

/// The sound transport whose read halves have the flaw that `make` makes.
pub(super) fn with_reads<F: ReadFlaw>(make: impl Fn() -> F + Send + Sync + 'static) -> Subject {
    with_channels(move |_, channel| flawed_read(channel, make()))
}

/// The sound transport whose write halves have the flaw that `make` makes.
pub(super) fn with_writes<F: WriteFlaw>(make: impl Fn() -> F + Send + Sync + 'static) -> Subject {
    with_channels(move |_, channel| flawed_write(channel, make()))
}

pub(super) fn flawed_read(channel: Channel, flaw: impl ReadFlaw) -> Channel {
    map_halves(channel, |below| Box::new(FlawedRead { below, flaw }), |write| write)
}

pub(super) fn flawed_write(channel: Channel, flaw: impl WriteFlaw) -> Channel {
    map_halves(channel, |read| read, |below| Box::new(FlawedWrite { below, flaw }))
}

/// What a read half does wrong.
pub(super) trait ReadFlaw: Send + 'static {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>>;
}

/// What a write half does wrong. By default nothing.
pub(super) trait WriteFlaw: Send + 'static {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        below.poll_write(cx, from)
    }

    fn flush(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        below.poll_flush(cx)
    }

    fn shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        below.poll_shutdown(cx)
    }

    fn abort(&mut self, below: &mut dyn ChannelWrite) {
        below.abort();
    }

    /// When the half is dropped, before the one below.
    fn dropped(&mut self, below: &mut dyn ChannelWrite) {
        let _ = below;
    }
}

struct FlawedRead<F> {
    below: Box<dyn ChannelRead>,
    flaw: F,
}

impl<F: ReadFlaw> ChannelRead for FlawedRead<F> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        self.flaw.read(&mut *self.below, cx, into)
    }
}

struct FlawedWrite<F: WriteFlaw> {
    below: Box<dyn ChannelWrite>,
    flaw: F,
}

impl<F: WriteFlaw> ChannelWrite for FlawedWrite<F> {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        self.flaw.write(&mut *self.below, cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flaw.flush(&mut *self.below, cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flaw.shutdown(&mut *self.below, cx)
    }

    fn abort(&mut self) {
        self.flaw.abort(&mut *self.below);
    }

    fn flatten_below(&self) -> usize {
        self.below.flatten_below()
    }
}

impl<F: WriteFlaw> Drop for FlawedWrite<F> {
    fn drop(&mut self) {
        self.flaw.dropped(&mut *self.below);
    }
}

/// One read below, as one piece; an empty one is the end.
pub(super) fn read_piece(below: &mut dyn ChannelRead, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
    let mut buffer = ReadBuffer::default();
    let count = ready!(below.poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.take(count)))
}

/// Delivers `piece`.
pub(super) fn deliver(piece: impl Into<Bytes>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
    let piece = piece.into();
    let count = piece.len();
    into.push(piece);
    Poll::Ready(Ok(count))
}

/// Writes all of `held` below.
pub(super) fn let_go(
    held: &mut WriteBuffer,
    below: &mut dyn ChannelWrite,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !held.is_empty() {
        ready!(below.poll_write(cx, held))?;
    }
    Poll::Ready(Ok(()))
}

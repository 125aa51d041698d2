//! Layers made of closures: hooks of the two halves of channels, of generators, of channels as they come.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{
    BoxFuture, Channel, ChannelGenerator, ChannelRead, ChannelWrite, Endpoint, EndpointError, NextError,
    Transport,
};

use super::{Layer, ReadFilter, Side, WriteFilter, with_read, with_write};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one poll of a half says.
pub type Polled<T> = Poll<io::Result<T>>;

/// Hooks of the two halves of channels, which share a state `S`; what has no hook is forwarded.
#[must_use]
pub struct Halves<S> {
    state: Box<dyn Fn() -> Arc<Mutex<S>> + Send + Sync>,
    hooks: Arc<Hooks<S>>,
}

type Read<S> = fn(&mut S, &mut dyn ChannelRead, &mut Context<'_>, &mut ReadBuffer) -> Polled<usize>;
type Write<S> = fn(&mut S, &mut dyn ChannelWrite, &mut Context<'_>, &mut WriteBuffer) -> Polled<usize>;
type Step<S> = fn(&mut S, &mut dyn ChannelWrite, &mut Context<'_>) -> Polled<()>;
type Act<S> = fn(&mut S, &mut dyn ChannelWrite);

struct Hooks<S> {
    read: Read<S>,
    write: Write<S>,
    flush: Step<S>,
    shutdown: Step<S>,
    abort: Act<S>,
    dropped: Act<S>,
    reader_dropped: fn(&mut S),
}

impl<S: Send + 'static> Halves<S> {
    /// Each channel with a state of its own.
    pub fn each(state: impl Fn() -> S + Send + Sync + 'static) -> Self {
        Self::new(Box::new(move || Arc::new(Mutex::new(state()))))
    }

    /// All channels of a transport with one state.
    pub fn all(state: S) -> Self {
        Self::sharing(Arc::new(Mutex::new(state)))
    }

    /// As [`all`](Self::all), with a state that others hold too.
    pub fn sharing(state: Arc<Mutex<S>>) -> Self {
        Self::new(Box::new(move || state.clone()))
    }

    fn new(state: Box<dyn Fn() -> Arc<Mutex<S>> + Send + Sync>) -> Self {
        let hooks = Hooks {
            read: |_, below, cx, into| below.poll_read(cx, into),
            write: |_, below, cx, from| below.poll_write(cx, from),
            flush: |_, below, cx| below.poll_flush(cx),
            shutdown: |_, below, cx| below.poll_shutdown(cx),
            abort: |_, below| below.abort(),
            dropped: |_, _| {},
            reader_dropped: |_| {},
        };
        Self { state, hooks: Arc::new(hooks) }
    }

    fn with(mut self, change: impl FnOnce(&mut Hooks<S>)) -> Self {
        change(Arc::get_mut(&mut self.hooks).expect("no channel has them yet"));
        self
    }

    /// With this hook of reading.
    pub fn read(self, read: Read<S>) -> Self {
        self.with(|hooks| hooks.read = read)
    }

    /// With this hook of writing.
    pub fn write(self, write: Write<S>) -> Self {
        self.with(|hooks| hooks.write = write)
    }

    /// With this hook of flushing.
    pub fn flush(self, flush: Step<S>) -> Self {
        self.with(|hooks| hooks.flush = flush)
    }

    /// With this hook of the end of writing.
    pub fn shutdown(self, shutdown: Step<S>) -> Self {
        self.with(|hooks| hooks.shutdown = shutdown)
    }

    /// With this hook of an abort.
    pub fn abort(self, abort: Act<S>) -> Self {
        self.with(|hooks| hooks.abort = abort)
    }

    /// With this hook of the drop of a write half.
    pub fn dropped(self, dropped: Act<S>) -> Self {
        self.with(|hooks| hooks.dropped = dropped)
    }

    /// With this hook of dropping the read half.
    pub fn reader_dropped(self, dropped: fn(&mut S)) -> Self {
        self.with(|hooks| hooks.reader_dropped = dropped)
    }
}

impl<S: Send + 'static> Layer for Halves<S> {
    fn channel(&self, _side: Side, channel: Channel) -> Channel {
        let state = (self.state)();
        let half = |state| Half { state, hooks: self.hooks.clone() };
        with_write(with_read(channel, half(state.clone())), half(state))
    }
}

impl<S> fmt::Debug for Halves<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Halves")
    }
}

struct Half<S> {
    state: Arc<Mutex<S>>,
    hooks: Arc<Hooks<S>>,
}

impl<S: Send + 'static> ReadFilter for Half<S> {
    fn poll_read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Polled<usize> {
        (self.hooks.read)(&mut lock(&self.state), below, cx, into)
    }

    fn dropped(&mut self) {
        (self.hooks.reader_dropped)(&mut lock(&self.state));
    }
}

impl<S: Send + 'static> WriteFilter for Half<S> {
    fn poll_write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Polled<usize> {
        (self.hooks.write)(&mut lock(&self.state), below, cx, from)
    }

    fn poll_flush(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Polled<()> {
        (self.hooks.flush)(&mut lock(&self.state), below, cx)
    }

    fn poll_shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Polled<()> {
        (self.hooks.shutdown)(&mut lock(&self.state), below, cx)
    }

    fn abort(&mut self, below: &mut dyn ChannelWrite) {
        (self.hooks.abort)(&mut lock(&self.state), below);
    }

    fn dropped(&mut self, below: &mut dyn ChannelWrite) {
        (self.hooks.dropped)(&mut lock(&self.state), below);
    }
}

/// What asking a generator for its next channel gives.
pub type Next<'a> = BoxFuture<'a, Result<Channel, NextError>>;
/// What listening gives.
pub type Listening<'a> = BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>>;
/// What making a dialer gives.
pub type Dialer = Result<Box<dyn ChannelGenerator>, EndpointError>;

/// Hooks of generators, which share a state `T`; what has no hook is forwarded.
#[must_use]
pub struct Generators<T> {
    state: T,
    next: for<'a> fn(&'a T, Side, &'a mut dyn ChannelGenerator) -> Next<'a>,
    channel: fn(&T, Side, Channel) -> Channel,
    dialer: fn(&T, &dyn Transport, &Endpoint) -> Dialer,
    listen: for<'a> fn(&'a T, &'a dyn Transport, &'a Endpoint) -> Listening<'a>,
}

impl<T: Send + Sync + 'static> Generators<T> {
    /// With this state, and no hook yet.
    pub fn new(state: T) -> Self {
        Self {
            state,
            next: |_, _, below| below.next(),
            channel: |_, _, channel| channel,
            dialer: |_, below, endpoint| below.dialer(endpoint),
            listen: |_, below, endpoint| below.listen(endpoint),
        }
    }

    /// With this hook of the next channel.
    pub fn next(mut self, next: for<'a> fn(&'a T, Side, &'a mut dyn ChannelGenerator) -> Next<'a>) -> Self {
        self.next = next;
        self
    }

    /// With this hook of a channel that has come.
    pub fn channel(mut self, channel: fn(&T, Side, Channel) -> Channel) -> Self {
        self.channel = channel;
        self
    }

    /// With this hook of making a dialer.
    pub fn dialer(mut self, dialer: fn(&T, &dyn Transport, &Endpoint) -> Dialer) -> Self {
        self.dialer = dialer;
        self
    }

    /// With this hook of listening.
    pub fn listen(
        mut self,
        listen: for<'a> fn(&'a T, &'a dyn Transport, &'a Endpoint) -> Listening<'a>,
    ) -> Self {
        self.listen = listen;
        self
    }
}

impl<T> fmt::Debug for Generators<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generators")
    }
}

impl<T: Send + Sync + 'static> Layer for Generators<T> {
    fn channel(&self, side: Side, channel: Channel) -> Channel {
        (self.channel)(&self.state, side, channel)
    }

    fn next<'a>(&'a self, side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        (self.next)(&self.state, side, below)
    }

    fn dialer(&self, below: &dyn Transport, endpoint: &Endpoint) -> Dialer {
        (self.dialer)(&self.state, below, endpoint)
    }

    fn listen<'a>(&'a self, below: &'a dyn Transport, endpoint: &'a Endpoint) -> Listening<'a> {
        (self.listen)(&self.state, below, endpoint)
    }
}

/// The layer that changes each channel so.
pub fn changed_channels(change: impl Fn(Side, Channel) -> Channel + Send + Sync + 'static) -> impl Layer {
    Changed(change)
}

struct Changed<F>(F);

impl<F> fmt::Debug for Changed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Changed")
    }
}

impl<F: Fn(Side, Channel) -> Channel + Send + Sync + 'static> Layer for Changed<F> {
    fn channel(&self, side: Side, channel: Channel) -> Channel {
        (self.0)(side, channel)
    }
}

/// One read below, as one piece; an empty one is the end.
pub fn read_piece(below: &mut dyn ChannelRead, cx: &mut Context<'_>) -> Polled<Bytes> {
    let mut buffer = ReadBuffer::default();
    let count = ready!(below.poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.take(count)))
}

/// Delivers `piece`.
pub fn deliver(piece: impl Into<Bytes>, into: &mut ReadBuffer) -> Polled<usize> {
    let piece = piece.into();
    let count = piece.len();
    into.push(piece);
    Poll::Ready(Ok(count))
}

/// Writes all of `held` below.
pub fn let_go(held: &mut WriteBuffer, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Polled<()> {
    while !held.is_empty() {
        ready!(below.poll_write(cx, held))?;
    }
    Poll::Ready(Ok(()))
}

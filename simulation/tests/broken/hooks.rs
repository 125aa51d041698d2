//! What broken transports are made of: a sound one, and one layer of hooks that do one thing wrong.

#![allow(dead_code, reason = "the broken transports and the faulty stacks need different parts")]

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
use listenrain_simulation::conformance::Subject;
use listenrain_simulation::faults::{Layer, Layered, ReadFilter, Side, WriteFilter, with_read, with_write};
use listenrain_transports::InProcess;
use listenrain_transports::channel::ChannelOptions;

/// Bytes that wait in one direction at most: little, so that full is soon.
pub(crate) const WINDOW: usize = 64 << 10;

/// The sound transport that most are built upon.
pub(crate) fn sound() -> Subject {
    let transport =
        InProcess::new(ChannelOptions::default().capacity(WINDOW)).expect("a capacity within its bounds");
    Subject::from(transport).in_memory()
}

/// The sound transport with `layer` on top.
pub(crate) fn upon(layer: impl Layer) -> Subject {
    upon_transport(sound().transport().clone(), layer).in_memory()
}

/// `below` with `layer` on top.
pub(crate) fn upon_transport(below: Arc<dyn Transport>, layer: impl Layer) -> Subject {
    Subject::shared(Arc::new(Layered::new(below, Arc::new(layer))))
}

/// Locks, also behind a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) type Polled<T> = Poll<io::Result<T>>;

/// Hooks of the two halves of channels, which share a state `S`; what has no hook is forwarded.
pub(crate) struct Halves<S> {
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
}

impl<S: Send + 'static> Halves<S> {
    /// Each channel with a state of its own.
    pub(crate) fn each(state: impl Fn() -> S + Send + Sync + 'static) -> Self {
        Self::new(Box::new(move || Arc::new(Mutex::new(state()))))
    }

    /// All channels of a transport with one state.
    pub(crate) fn all(state: S) -> Self {
        let state = Arc::new(Mutex::new(state));
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
        };
        Self { state, hooks: Arc::new(hooks) }
    }

    fn with(mut self, change: impl FnOnce(&mut Hooks<S>)) -> Self {
        change(Arc::get_mut(&mut self.hooks).expect("no channel has them yet"));
        self
    }

    pub(crate) fn read(self, read: Read<S>) -> Self {
        self.with(|hooks| hooks.read = read)
    }

    pub(crate) fn write(self, write: Write<S>) -> Self {
        self.with(|hooks| hooks.write = write)
    }

    pub(crate) fn flush(self, flush: Step<S>) -> Self {
        self.with(|hooks| hooks.flush = flush)
    }

    pub(crate) fn shutdown(self, shutdown: Step<S>) -> Self {
        self.with(|hooks| hooks.shutdown = shutdown)
    }

    pub(crate) fn abort(self, abort: Act<S>) -> Self {
        self.with(|hooks| hooks.abort = abort)
    }

    pub(crate) fn dropped(self, dropped: Act<S>) -> Self {
        self.with(|hooks| hooks.dropped = dropped)
    }

    /// The sound transport with these halves.
    pub(crate) fn subject(self) -> Subject {
        upon(self)
    }
}

/// The sound transport whose reads are these.
pub(crate) fn reads<S: Send + 'static>(
    state: impl Fn() -> S + Send + Sync + 'static,
    read: Read<S>,
) -> Subject {
    Halves::each(state).read(read).subject()
}

/// The sound transport whose writes are these.
pub(crate) fn writes<S: Send + 'static>(
    state: impl Fn() -> S + Send + Sync + 'static,
    write: Write<S>,
) -> Subject {
    Halves::each(state).write(write).subject()
}

/// The sound transport whose channels `change` has changed.
pub(crate) fn channels(change: impl Fn(Side, Channel) -> Channel + Send + Sync + 'static) -> Subject {
    upon(changed_channels(change))
}

/// The layer that changes channels so.
pub(crate) fn changed_channels(
    change: impl Fn(Side, Channel) -> Channel + Send + Sync + 'static,
) -> impl Layer {
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

pub(crate) type Next<'a> = BoxFuture<'a, Result<Channel, NextError>>;
pub(crate) type Listening<'a> = BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>>;
pub(crate) type Dialer = Result<Box<dyn ChannelGenerator>, EndpointError>;

/// Hooks of generators, which share a state `T`; what has no hook is forwarded.
pub(crate) struct Generators<T> {
    state: T,
    next: for<'a> fn(&'a T, Side, &'a mut dyn ChannelGenerator) -> Next<'a>,
    channel: fn(&T, Side, Channel) -> Channel,
    dialer: fn(&T, &dyn Transport, &Endpoint) -> Dialer,
    listen: for<'a> fn(&'a T, &'a dyn Transport, &'a Endpoint) -> Listening<'a>,
}

impl<T: Send + Sync + 'static> Generators<T> {
    pub(crate) fn new(state: T) -> Self {
        Self {
            state,
            next: |_, _, below| below.next(),
            channel: |_, _, channel| channel,
            dialer: |_, below, endpoint| below.dialer(endpoint),
            listen: |_, below, endpoint| below.listen(endpoint),
        }
    }

    pub(crate) fn next(
        mut self,
        next: for<'a> fn(&'a T, Side, &'a mut dyn ChannelGenerator) -> Next<'a>,
    ) -> Self {
        self.next = next;
        self
    }

    pub(crate) fn channel(mut self, channel: fn(&T, Side, Channel) -> Channel) -> Self {
        self.channel = channel;
        self
    }

    pub(crate) fn dialer(mut self, dialer: fn(&T, &dyn Transport, &Endpoint) -> Dialer) -> Self {
        self.dialer = dialer;
        self
    }

    pub(crate) fn listen(
        mut self,
        listen: for<'a> fn(&'a T, &'a dyn Transport, &'a Endpoint) -> Listening<'a>,
    ) -> Self {
        self.listen = listen;
        self
    }

    /// The sound transport with these generators.
    pub(crate) fn subject(self) -> Subject {
        upon(self)
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

/// One read below, as one piece; an empty one is the end.
pub(crate) fn read_piece(below: &mut dyn ChannelRead, cx: &mut Context<'_>) -> Polled<Bytes> {
    let mut buffer = ReadBuffer::default();
    let count = ready!(below.poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.take(count)))
}

/// Delivers `piece`.
pub(crate) fn deliver(piece: impl Into<Bytes>, into: &mut ReadBuffer) -> Polled<usize> {
    let piece = piece.into();
    let count = piece.len();
    into.push(piece);
    Poll::Ready(Ok(count))
}

/// Writes all of `held` below.
pub(crate) fn let_go(
    held: &mut WriteBuffer,
    below: &mut dyn ChannelWrite,
    cx: &mut Context<'_>,
) -> Polled<()> {
    while !held.is_empty() {
        ready!(below.poll_write(cx, held))?;
    }
    Poll::Ready(Ok(()))
}

/// Says that all of `from` was written.
pub(crate) fn swallow(from: &mut WriteBuffer) -> Polled<usize> {
    let count = from.len();
    from.clear();
    Poll::Ready(Ok(count))
}

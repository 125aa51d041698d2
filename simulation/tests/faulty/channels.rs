//! Channels below the library that do not do what a library without the mistake would have them do.

use std::io;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{
    BoxFuture, Channel, ChannelGenerator, ChannelRead, ChannelWrite, Decoded, Endpoint, Kind, NativePackets,
    NextError, PacketCodec,
};
use listenrain_simulation::faults::{Layer, Layered, Side, with_read};
use listenrain_simulation::network::Node;
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::hooks::{Generators, Halves, Polled, let_go, lock};

const HEADER: usize = 20;
/// Bytes of the hello that a client begins a channel with.
const HELLO: usize = HEADER + 10;

/// `node` whose transport has `layer` on top.
pub(crate) fn at(node: &Node, layer: impl Layer) -> Node {
    let mut node = node.clone();
    node.transport = Arc::new(Layered::new(node.transport, Arc::new(layer)));
    node
}

/// A listener whose channels `change` has changed.
pub(crate) fn listener(
    below: Box<dyn ChannelGenerator>,
    change: impl FnMut(Channel) -> Channel + Send + 'static,
) -> Box<dyn ChannelGenerator> {
    Box::new(Changed { below, change })
}

struct Changed<F> {
    below: Box<dyn ChannelGenerator>,
    change: F,
}

impl<F: FnMut(Channel) -> Channel + Send + 'static> ChannelGenerator for Changed<F> {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            let channel = self.below.next().await?;
            Ok((self.change)(channel))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        self.below.endpoint()
    }
}

fn changed<S: Send + 'static>(halves: Halves<S>) -> impl Fn(Channel) -> Channel + Send + 'static {
    move |channel| halves.channel(Side::Listener, channel)
}

fn reset() -> Polled<usize> {
    Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
}

/// The first request of each channel is written twice.
pub(crate) fn repeats_the_first() -> impl Layer {
    #[derive(Default)]
    struct Repeating {
        input: ReadBuffer,
        held: WriteBuffer,
        has_repeated: bool,
    }
    Halves::each(Repeating::default)
        .write(|state, below, cx, from| {
            ready!(let_go(&mut state.held, below, cx))?;
            let (count, packets) = (from.len(), NativePackets::default());
            state.input.push(from.copy_to_bytes(count));
            while let Ok(Decoded::Packet(packet)) = packets.decode(&mut state.input) {
                let is_first = packet.kind == Kind::Request && !state.has_repeated;
                state.has_repeated |= is_first;
                for _ in 0..1 + usize::from(is_first) {
                    packets.encode(&packet, &mut state.held).map_err(io::Error::other)?;
                }
            }
            let _ = let_go(&mut state.held, below, cx)?;
            Poll::Ready(Ok(count))
        })
        .flush(|state, below, cx| {
            ready!(let_go(&mut state.held, below, cx))?;
            below.poll_flush(cx)
        })
        .shutdown(|state, below, cx| {
            ready!(let_go(&mut state.held, below, cx))?;
            below.poll_shutdown(cx)
        })
}

/// A channel but the first swallows what is written behind its hello, and ends.
pub(crate) fn swallows_after_a_redial() -> impl Layer {
    struct Swallowing {
        left: usize,
        reader: Option<Waker>,
    }
    Generators::new(AtomicUsize::new(0)).channel(|dialed, side, channel| {
        if dialed.fetch_add(1, Ordering::Relaxed) == 0 {
            return channel;
        }
        let halves = Halves::each(|| Swallowing { left: HELLO, reader: None })
            .read(|state, below, cx, into| {
                if state.left == 0 {
                    return reset();
                }
                state.reader = Some(cx.waker().clone());
                below.poll_read(cx, into)
            })
            .write(|state, below, cx, from| {
                if state.left > 0 {
                    let mut hello = WriteBuffer::new(usize::MAX);
                    hello.put_slice(&from.copy_to_bytes(state.left.min(from.len())));
                    let count = hello.len();
                    ready!(let_go(&mut hello, below, cx))?;
                    state.left -= count;
                    return Poll::Ready(Ok(count));
                }
                state.reader.take().into_iter().for_each(Waker::wake);
                crate::hooks::swallow(from)
            });
        halves.channel(side, channel)
    })
}

/// `channel`, whose halves stay open when they are dropped.
pub(crate) fn kept_open(mut channel: Channel) -> Channel {
    channel.read = Box::new(Kept(ManuallyDrop::new(channel.read)));
    channel.write = Box::new(Kept(ManuallyDrop::new(channel.write)));
    channel
}

struct Kept<T>(ManuallyDrop<T>);

impl ChannelRead for Kept<Box<dyn ChannelRead>> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Polled<usize> {
        self.0.poll_read(cx, into)
    }
}

impl ChannelWrite for Kept<Box<dyn ChannelWrite>> {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Polled<usize> {
        self.0.poll_write(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Polled<()> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Polled<()> {
        self.0.poll_shutdown(cx)
    }

    fn abort(&mut self) {
        self.0.abort();
    }
}

/// Each end of a channel is counted in `ends`.
pub(crate) fn counting_ends(ends: Arc<AtomicUsize>) -> impl Fn(Channel) -> Channel + Send + 'static {
    changed(Halves::all(ends).dropped(|ends, _| {
        ends.fetch_add(1, Ordering::Relaxed);
    }))
}

/// A channel that was not read for a while is read again after five seconds.
pub(crate) fn stays_held() -> impl Fn(Channel) -> Channel + Send + 'static {
    const HELD_UP: Duration = Duration::from_millis(15);
    type State = (Option<Instant>, Option<Pin<Box<Sleep>>>);
    changed(Halves::each(State::default).read(|(had_some_at, held), below, cx, into| {
        if had_some_at.take().is_some_and(|at| at.elapsed() > HELD_UP) {
            *held = Some(Box::pin(sleep(Duration::from_secs(5))));
        }
        if let Some(wait) = held {
            ready!(wait.as_mut().poll(cx));
            *held = None;
        }
        let read = below.poll_read(cx, into);
        *had_some_at = read.is_ready().then(Instant::now);
        read
    }))
}

/// A channel ends by a reset at this age.
pub(crate) fn reset_after(age: Duration) -> impl Fn(Channel) -> Channel + Send + 'static {
    changed(Halves::each(move || Box::pin(sleep(age))).read(|end, below, cx, into| {
        if end.as_mut().poll(cx).is_ready() { reset() } else { below.poll_read(cx, into) }
    }))
}

/// What a client says first never comes.
pub(crate) fn without_hello() -> impl Fn(Channel) -> Channel + Send + 'static {
    changed(Halves::each(|| HELLO).read(|left, below, cx, into| {
        loop {
            let mut heard = ReadBuffer::default();
            let count = ready!(below.poll_read(cx, &mut heard))?;
            let hello = count.min(*left);
            *left -= hello;
            heard.skip(hello);
            if count == 0 || hello < count {
                into.push(heard.take(count - hello));
                return Poll::Ready(Ok(count - hello));
            }
        }
    }))
}

/// A channel ends by a reset when a packet claims more than `largest` bytes.
pub(crate) fn reset_by_larger(largest: usize) -> impl Fn(Channel) -> Channel + Send + 'static {
    let state = move || (NativePackets::default().with_max_packet(largest), ReadBuffer::default());
    changed(Halves::each(state).read(|(packets, passed), below, cx, into| {
        let mut heard = ReadBuffer::default();
        let count = ready!(below.poll_read(cx, &mut heard))?;
        let bytes: Bytes = heard.take(count);
        passed.push(bytes.clone());
        loop {
            match packets.decode(passed) {
                Ok(Decoded::Packet(_)) => {}
                Ok(Decoded::Incomplete { .. }) => break,
                _ => return reset(),
            }
        }
        into.push(bytes);
        Poll::Ready(Ok(count))
    }))
}

/// Of the channels of a server only one is written to at a time, until it has taken what there was.
pub(crate) fn one_writer() -> impl Fn(Channel) -> Channel + Send + 'static {
    #[derive(Default)]
    struct Stuck {
        who: Option<usize>,
        waiting: Vec<Waker>,
    }
    let (stuck, made) = (Arc::<Mutex<Stuck>>::default(), AtomicUsize::new(0));
    fn goes_on((number, stuck): &(usize, Arc<Mutex<Stuck>>)) {
        let mut stuck = lock(stuck);
        if stuck.who == Some(*number) {
            stuck.who = None;
            stuck.waiting.drain(..).for_each(Waker::wake);
        }
    }
    move |channel| {
        let (number, stuck) = (made.fetch_add(1, Ordering::Relaxed), stuck.clone());
        let halves = Halves::each(move || (number, stuck.clone()))
            .write(|state, below, cx, from| {
                let mut stuck = lock(&state.1);
                if stuck.who.is_some_and(|who| who != state.0) {
                    stuck.waiting.push(cx.waker().clone());
                    return Poll::Pending;
                }
                drop(stuck);
                let written = below.poll_write(cx, from);
                match written.is_pending() {
                    true => lock(&state.1).who = Some(state.0),
                    false => goes_on(state),
                }
                written
            })
            .dropped(|state, _| goes_on(state));
        halves.channel(Side::Listener, channel)
    }
}

/// A listener that leaves alone what comes while `most` of its channels are open.
pub(crate) fn deaf_when_full(below: Box<dyn ChannelGenerator>, most: usize) -> Box<dyn ChannelGenerator> {
    Box::new(DeafWhenFull { below, most, open: Arc::default(), left_alone: Vec::new() })
}

struct DeafWhenFull {
    below: Box<dyn ChannelGenerator>,
    most: usize,
    open: Arc<()>,
    left_alone: Vec<Channel>,
}

impl ChannelGenerator for DeafWhenFull {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            loop {
                let channel = self.below.next().await?;
                if Arc::strong_count(&self.open) > self.most {
                    self.left_alone.push(channel);
                    continue;
                }
                let open = self.open.clone();
                let read = move |below: &mut dyn ChannelRead, cx: &mut Context<'_>, into: &mut ReadBuffer| {
                    let _open = &open;
                    below.poll_read(cx, into)
                };
                return Ok(with_read(channel, read));
            }
        })
    }

    fn endpoint(&self) -> &Endpoint {
        self.below.endpoint()
    }
}

/// Every dial leads to the first of `servers` that can be dialed.
pub(crate) fn first_open(servers: &[Endpoint]) -> impl Layer {
    Generators::new(servers.to_vec()).dialer(|servers, below, endpoint| {
        let dialers = servers.iter().map(|server| below.dialer(server)).collect::<Result<_, _>>()?;
        Ok(Box::new(FirstOpen { dialers, endpoint: endpoint.clone() }))
    })
}

struct FirstOpen {
    dialers: Vec<Box<dyn ChannelGenerator>>,
    endpoint: Endpoint,
}

impl ChannelGenerator for FirstOpen {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            for dialer in &mut self.dialers {
                if let Ok(Ok(channel)) = timeout(Duration::from_millis(500), dialer.next()).await {
                    return Ok(channel);
                }
            }
            Err(NextError::passing("dial", &self.endpoint, io::ErrorKind::ConnectionRefused.into()))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

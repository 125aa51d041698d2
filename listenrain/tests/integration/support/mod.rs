//! What the tests of the library say: channels in memory, peers played by hand, and a few servers and clients.

mod halves;
mod net;
mod peer;
mod plugs;
mod session;
mod wire;

pub(crate) use std::collections::BTreeMap;
pub(crate) use std::fmt::{Debug, Formatter};
pub(crate) use std::io;
pub(crate) use std::pin::Pin;
pub(crate) use std::sync::atomic::{AtomicUsize, Ordering, Ordering::SeqCst};
pub(crate) use std::sync::{Arc, Condvar, Mutex};
pub(crate) use std::task::{Context, Poll, Waker, ready};
pub(crate) use std::time::Duration;

pub(crate) use bytes::Bytes;
pub(crate) use listenrain::buffer::{BufferPool, ReadBuffer, WriteBuffer};
pub(crate) use listenrain::channel::Plain;
pub(crate) use listenrain::forward::forward;
pub(crate) use listenrain::transport::generator;
pub(crate) use listenrain::*;
pub(crate) use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
pub(crate) use tokio::sync::Notify;
pub(crate) use tokio::sync::mpsc::{self, UnboundedReceiver, unbounded_channel};
pub(crate) use tokio::time::Instant;

pub(crate) use halves::*;
pub(crate) use net::Net;
pub(crate) use peer::*;
pub(crate) use plugs::*;
pub(crate) use session::*;
pub(crate) use wire::Faults;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The native protocol with raw bytes.
pub(crate) fn native() -> Protocol<RawBytes> {
    Protocol::builder("native", RawBytes).build().unwrap()
}

/// The original's packets, replies in order.
pub(crate) fn in_order() -> Protocol<RawBytes> {
    Protocol::builder("in order", RawBytes).packets(OriginalPackets::default()).build().unwrap()
}

/// The original's packets; the first byte of each message is its id.
pub(crate) fn first_byte_is_id() -> Protocol<RawBytes> {
    let id_of = |bytes: &[u8]| bytes.first().copied().ok_or_else(|| MessageError::new("empty"));
    Protocol::builder("first byte", RawBytes)
        .packets(OriginalPackets::default())
        .correlation(Correlation::by_message(id_of))
        .build()
        .unwrap()
}

/// Holds a caller up between its admission and its place in the queue: two threads wait for each other.
#[derive(Clone, Default)]
pub(crate) struct Barrier(Arc<(Mutex<usize>, Condvar)>);

impl Barrier {
    /// Waits, on this thread, until another thread waits too.
    pub(crate) fn wait(&self) {
        let (came, changed) = &*self.0;
        let mut here = came.lock().unwrap();
        *here += 1;
        let both = here.next_multiple_of(2);
        changed.notify_all();
        let waited = changed.wait_timeout_while(here, secs(30), |came| *came < both).unwrap().1;
        assert!(!waited.timed_out(), "no other thread came to the barrier within 30 s");
    }
}

/// As [`first_byte_is_id`]; each id is read between two waits at the barrier.
pub(crate) fn late_ids(barrier: &Barrier) -> Protocol<RawBytes> {
    let barrier = barrier.clone();
    let id_of = move |bytes: &[u8]| {
        barrier.wait();
        barrier.wait();
        bytes.first().copied().ok_or_else(|| MessageError::new("empty"))
    };
    Protocol::builder("late ids", RawBytes)
        .packets(OriginalPackets::default())
        .correlation(Correlation::by_message(id_of))
        .build()
        .unwrap()
}

/// Answers every request with its own message.
pub(crate) fn echo() -> Router<RawBytes> {
    Router::new().fallback(|request| async move { Ok(request.message) })
}

/// Counts the requests it gets, then answers with them.
pub(crate) fn counting_echo() -> (Router<RawBytes>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let router = Router::new().fallback(move |request: Request<Bytes>| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { Ok(request.message) }
    });
    (router, count)
}

/// Never answers, and never lets go of the request.
pub(crate) fn silent() -> Router<RawBytes> {
    Router::new().fallback(|_| std::future::pending())
}

/// A server of handlers that each wait to be let go on; the receiver hears of each that begins.
pub(crate) fn gated() -> (Router<RawBytes>, UnboundedReceiver<(Bytes, Arc<Notify>)>) {
    let (sender, receiver) = unbounded_channel();
    let router = Router::new().fallback(move |request: Request<Bytes>| {
        let go_on = Arc::new(Notify::new());
        let _ = sender.send((request.message.clone(), Arc::clone(&go_on)));
        async move {
            go_on.notified().await;
            Ok(request.message)
        }
    });
    (router, receiver)
}

/// The native protocol on a server that runs at most `handlers` handlers at once.
pub(crate) fn bounded(handlers: usize) -> Protocol<RawBytes> {
    Protocol::builder("native", RawBytes).handlers(Inline::new(handlers)).build().unwrap()
}

/// A client's settings for tests: quick redials with a fixed seed.
pub(crate) fn dialling(protocol: Protocol<RawBytes>) -> ClientBuilder<RawBytes> {
    Client::builder(protocol).backoff(Backoff::between(ms(10), ms(50)).down_after(1000).seeded(1))
}

pub(crate) fn connect(net: &Net, protocol: Protocol<RawBytes>) -> Client<RawBytes> {
    dialling(protocol).dial(net.dialer()).unwrap()
}

pub(crate) fn serve(net: &Net, router: Router<RawBytes>) -> Server {
    Server::builder(native(), router).listen(net.listener()).unwrap()
}

/// A client and a server of the native protocol that are connected.
pub(crate) async fn linked(router: Router<RawBytes>) -> (Net, Server, Client<RawBytes>) {
    between(Server::builder(native(), router), dialling(native())).await
}

/// A connected client of `protocol`, whose other end the test plays by hand.
pub(crate) async fn by_hand(protocol: Protocol<RawBytes>) -> (Net, Peer, Client<RawBytes>) {
    let (net, _, peer, client) = dialled(dialling(protocol)).await;
    (net, peer, client)
}

/// A client of these settings on its first channel, whose other end the test plays by hand, as it may those of later ones.
pub(crate) async fn dialled<M: MessageCodec>(builder: ClientBuilder<M>) -> (Net, Peers, Peer, Client<M>) {
    let net = Net::new();
    let mut peers = net.peers();
    let client = builder.dial(net.dialer()).unwrap();
    let peer = peers.next().await;
    client.ready().await.unwrap();
    (net, peers, peer, client)
}

/// A server of these settings, and a peer of it that the test plays by hand.
pub(crate) async fn served<M: MessageCodec>(builder: ServerBuilder<M>) -> (Net, Server, Peer) {
    let net = Net::new();
    let server = builder.listen(net.listener()).unwrap();
    let peer = Peer::new(net.raw().await);
    (net, server, peer)
}

/// A server of these settings, and a client of it of those, connected.
pub(crate) async fn between<M: MessageCodec, N: MessageCodec>(
    server: ServerBuilder<M>,
    client: ClientBuilder<N>,
) -> (Net, Server, Client<N>) {
    let net = Net::new();
    let server = server.listen(net.listener()).unwrap();
    let client = client.dial(net.dialer()).unwrap();
    client.ready().await.unwrap();
    (net, server, client)
}

/// The default limits of a server, but for one.
pub(crate) fn serving_up_to(change: impl FnOnce(&mut ServerLimits)) -> ServerLimits {
    let mut limits = ServerLimits::default();
    change(&mut limits);
    limits
}

/// The default limits of a client, but for one.
pub(crate) fn calling_up_to(change: impl FnOnce(&mut ConnectionLimits)) -> ConnectionLimits {
    let mut limits = ConnectionLimits::default();
    change(&mut limits);
    limits
}

/// A call in a task of its own, which has not begun.
pub(crate) fn calling<M: MessageCodec<Message = Bytes>>(
    client: &Client<M>,
    message: impl Into<Bytes>,
    within: Duration,
) -> Call {
    let (client, message) = (client.clone(), message.into());
    tokio::spawn(async move { client.call_within(message, within).await })
}

/// A close in a task of its own, and how long it takes.
pub(crate) fn close_within(client: &Client<RawBytes>, within: Duration) -> tokio::task::JoinHandle<Duration> {
    let client = client.clone();
    tokio::spawn(async move { timed(client.connection().close(within)).await.0 })
}

/// A call in a task of its own, already queued.
pub(crate) async fn start(client: &Client<RawBytes>, message: &'static str) -> Call {
    start_within(client, message, secs(60)).await
}

pub(crate) async fn start_within(client: &Client<RawBytes>, message: &'static str, within: Duration) -> Call {
    let call = calling(client, message, within);
    settle().await;
    call
}

pub(crate) type Call = tokio::task::JoinHandle<Outcome<Bytes>>;

/// Lets every task that can run do so. On the test's single thread, with all I/O in memory, a yield lets each task that
/// is ready have a turn, and a turn wakes at most the next few.
pub(crate) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// Says that an outcome is an error of this form.
macro_rules! assert_fails {
    ($outcome:expr, $($error:tt)+) => {{
        let outcome = $outcome;
        assert!(matches!(&outcome, Err($($error)+)), "{outcome:?}");
    }};
}
pub(crate) use assert_fails;

/// Polls once, with a waker that wakes nobody.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// How long `future` took by tokio's clock, and its output.
pub(crate) async fn timed<T>(future: impl Future<Output = T>) -> (Duration, T) {
    let start = Instant::now();
    let output = future.await;
    (start.elapsed(), output)
}

/// Collects what a state machine is told.
pub(crate) fn told()
-> (impl FnOnce(Outcome<Bytes>) + Send + 'static, tokio::sync::mpsc::UnboundedReceiver<Outcome<Bytes>>) {
    let (sender, receiver) = unbounded_channel();
    (move |outcome| drop(sender.send(outcome)), receiver)
}

/// Sends to a state machine, and gives what it is told.
pub(crate) async fn send_to(
    client: &Client<RawBytes>,
    message: impl Into<Bytes>,
    within: Duration,
) -> UnboundedReceiver<Outcome<Bytes>> {
    let (machine, told) = told();
    client.send_within(message.into(), within, machine).await;
    told
}

/// Says that `told` brings exactly one outcome, and gives it.
pub(crate) async fn only(mut told: tokio::sync::mpsc::UnboundedReceiver<Outcome<Bytes>>) -> Outcome<Bytes> {
    let first = tokio::time::timeout(secs(100), told.recv())
        .await
        .expect("never told")
        .expect("dropped without being told");
    assert!(told.recv().await.is_none(), "told twice");
    first
}

/// Watches of the health check that never interfere.
pub(crate) fn no_health() -> Health {
    Health::every(secs(3600), 3)
}

/// The number of tasks that are alive in this runtime.
pub(crate) fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

//! What the tests of the library say: channels in memory, peers played by hand, and a few servers and clients.
#![allow(dead_code, unused_imports, reason = "each test program uses its own part")]

mod halves;
mod net;
mod peer;
mod session;
mod wire;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use listenrain::{
    Backoff, CallError, Client, ClientBuilder, Health, MessageCodec, Outcome, Protocol, RawBytes, Router,
    Server, ServerBuilder,
};

use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(crate) use halves::*;
pub(crate) use net::Net;
pub(crate) use peer::*;
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
    Protocol::builder("in order", RawBytes).packets(listenrain::OriginalPackets::default()).build().unwrap()
}

/// The original's packets; the first byte of each message is its id.
pub(crate) fn first_byte_is_id() -> Protocol<RawBytes> {
    let id_of = |bytes: &[u8]| bytes.first().copied().ok_or_else(|| listenrain::MessageError::new("empty"));
    Protocol::builder("first byte", RawBytes)
        .packets(listenrain::OriginalPackets::default())
        .correlation(listenrain::Correlation::by_message(id_of))
        .build()
        .unwrap()
}

/// Where a caller is held up between its admission and its place in the queue.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<usize>, Condvar)>);

impl Gate {
    /// Waits, on this thread, until somebody else comes here too.
    pub(crate) fn meet(&self) {
        let (came, changed) = &*self.0;
        let mut here = came.lock().unwrap();
        *here += 1;
        let both = here.next_multiple_of(2);
        changed.notify_all();
        let waited = changed.wait_timeout_while(here, secs(30), |came| *came < both).unwrap().1;
        assert!(!waited.timed_out(), "nobody came to the gate");
    }
}

/// As [`first_byte_is_id`]; each id is read between two meetings at the gate.
pub(crate) fn late_ids(gate: &Gate) -> Protocol<RawBytes> {
    let gate = gate.clone();
    let id_of = move |bytes: &[u8]| {
        gate.meet();
        gate.meet();
        bytes.first().copied().ok_or_else(|| listenrain::MessageError::new("empty"))
    };
    Protocol::builder("late ids", RawBytes)
        .packets(listenrain::OriginalPackets::default())
        .correlation(listenrain::Correlation::by_message(id_of))
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
    let router = Router::new().fallback(move |request: listenrain::Request<Bytes>| {
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
    let router = Router::new().fallback(move |request: listenrain::Request<Bytes>| {
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
    Protocol::builder("native", RawBytes).handlers(listenrain::Inline::new(handlers)).build().unwrap()
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
    let net = Net::new();
    let server = serve(&net, router);
    let client = connect(&net, native());
    client.ready().await.unwrap();
    (net, server, client)
}

/// A connected client of `protocol`, whose other end the test plays by hand.
pub(crate) async fn by_hand(protocol: Protocol<RawBytes>) -> (Net, Peer, Client<RawBytes>) {
    let net = Net::new();
    let mut peers = net.peers();
    let client = connect(&net, protocol);
    let peer = peers.next().await;
    client.ready().await.unwrap();
    (net, peer, client)
}

/// A call in a task of its own, already queued.
pub(crate) async fn start(client: &Client<RawBytes>, message: &'static str) -> Call {
    start_within(client, message, secs(60)).await
}

pub(crate) async fn start_within(client: &Client<RawBytes>, message: &'static str, within: Duration) -> Call {
    let client = client.clone();
    let call = tokio::spawn(async move { client.call_within(Bytes::from(message), within).await });
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

/// How long `future` took by tokio's clock, and its output.
pub(crate) async fn timed<T>(future: impl Future<Output = T>) -> (Duration, T) {
    let start = tokio::time::Instant::now();
    let output = future.await;
    (start.elapsed(), output)
}

/// Collects what a state machine is told.
pub(crate) fn told()
-> (impl FnOnce(Outcome<Bytes>) + Send + 'static, tokio::sync::mpsc::UnboundedReceiver<Outcome<Bytes>>) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    (move |outcome| drop(sender.send(outcome)), receiver)
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

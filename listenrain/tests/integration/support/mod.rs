//! What the tests of the library say: channels in memory, peers played by hand, and a few servers and clients.

mod halves;
mod net;
mod peer;
mod plugs;
mod routers;
mod script;
mod session;
mod wire;

pub(crate) use std::collections::BTreeMap;
pub(crate) use std::fmt::{Debug, Formatter};
pub(crate) use std::io;
pub(crate) use std::pin::Pin;
pub(crate) use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
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
pub(crate) use routers::*;
pub(crate) use script::*;
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
    in_packets(OriginalPackets::default())
}

/// A protocol of raw bytes in these packets.
pub(crate) fn in_packets(packets: impl PacketCodec) -> Protocol<RawBytes> {
    Protocol::builder("packets", RawBytes).packets(packets).build().unwrap()
}

/// The original's packets, with ids in their messages.
fn by_ids<F>(id_of: F) -> Protocol<RawBytes>
where
    F: Fn(&[u8]) -> Result<u8, MessageError> + Send + Sync + 'static,
{
    let builder = Protocol::builder("ids", RawBytes).packets(OriginalPackets::default());
    builder.correlation(Correlation::by_message(id_of)).build().unwrap()
}

pub(crate) fn first_byte(bytes: &[u8]) -> Result<u8, MessageError> {
    bytes.first().copied().ok_or_else(|| MessageError::new("empty"))
}

/// The original's packets; the first byte of each message is its id.
pub(crate) fn first_byte_is_id() -> Protocol<RawBytes> {
    by_ids(first_byte)
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
    by_ids(move |bytes| {
        barrier.wait();
        barrier.wait();
        first_byte(bytes)
    })
}

/// The native protocol on a server that runs at most `handlers` handlers at once.
pub(crate) fn bounded(handlers: usize) -> Protocol<RawBytes> {
    Protocol::builder("native", RawBytes).handlers(Inline::new(handlers)).build().unwrap()
}

/// A client's settings for tests: quick redials with a fixed seed.
pub(crate) fn dialling(protocol: Protocol<RawBytes>) -> ClientBuilder<RawBytes> {
    Client::builder(protocol).backoff(Backoff::between(ms(10), ms(50)).down_after(1000).seeded(1))
}

/// A server of the native protocol, to be configured further.
pub(crate) fn serving(router: Router<RawBytes>) -> ServerBuilder<RawBytes> {
    Server::builder(native(), router)
}

pub(crate) fn connect(net: &Net, protocol: Protocol<RawBytes>) -> Client<RawBytes> {
    net.dial(dialling(protocol))
}

pub(crate) fn serve(net: &Net, router: Router<RawBytes>) -> Server {
    net.serve(serving(router))
}

/// A client and a server of the native protocol that are connected.
pub(crate) async fn linked(router: Router<RawBytes>) -> (Net, Server, Client<RawBytes>) {
    between(serving(router), dialling(native())).await
}

/// A connected client of `protocol`, whose other end the test plays by hand.
pub(crate) async fn by_hand(protocol: Protocol<RawBytes>) -> (Net, Peer, Client<RawBytes>) {
    let (net, _, peer, client) = dialled(dialling(protocol)).await;
    (net, peer, client)
}

/// A client of these settings on its first channel, whose other end the test plays by hand, as it may those of later ones.
pub(crate) async fn dialled<M: MessageCodec>(builder: ClientBuilder<M>) -> (Net, Peers, Peer, Client<M>) {
    dialled_on(Net::new(), builder).await
}

/// As [`dialled`], on this net.
pub(crate) async fn dialled_on<M: MessageCodec>(
    net: Net,
    builder: ClientBuilder<M>,
) -> (Net, Peers, Peer, Client<M>) {
    let mut peers = net.peers();
    let client = net.dial(builder);
    let peer = peers.next().await;
    client.ready().await.unwrap();
    (net, peers, peer, client)
}

/// A client of these settings whose dials hang, and the peers that it will have.
pub(crate) fn hanging<M: MessageCodec>(builder: ClientBuilder<M>) -> (Net, Peers, Client<M>) {
    let net = Net::new();
    net.hang(true);
    (net.clone(), net.peers(), net.dial(builder))
}

/// A server of these settings, and a peer of it that the test plays by hand.
pub(crate) async fn served<M: MessageCodec>(builder: ServerBuilder<M>) -> (Net, Server, Peer) {
    served_on(Net::new(), builder).await
}

/// As [`served`], on this net.
pub(crate) async fn served_on<M: MessageCodec>(net: Net, builder: ServerBuilder<M>) -> (Net, Server, Peer) {
    let server = net.serve(builder);
    let peer = net.peer().await;
    (net, server, peer)
}

/// A server of these settings, and a client of it of those, connected.
pub(crate) async fn between<M: MessageCodec, N: MessageCodec>(
    server: ServerBuilder<M>,
    client: ClientBuilder<N>,
) -> (Net, Server, Client<N>) {
    let net = Net::new();
    let (server, client) = (net.serve(server), net.dial(client));
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

/// As many calls, already queued.
pub(crate) async fn start_many(client: &Client<RawBytes>, count: usize, message: &'static str) -> Vec<Call> {
    let mut calls = Vec::new();
    for _ in 0..count {
        calls.push(start(client, message).await);
    }
    calls
}

/// A call that the peer has taken.
pub(crate) async fn started(
    client: &Client<RawBytes>,
    peer: &mut Peer,
    message: &'static str,
) -> (Call, Frame) {
    let call = start(client, message).await;
    let asked = peer.expect(REQUEST).await;
    assert_eq!(asked.payload, message.as_bytes());
    (call, asked)
}

/// A call that the peer takes and answers.
pub(crate) async fn exchange(
    client: &Client<RawBytes>,
    peer: &mut Peer,
    message: &'static str,
    reply: &'static str,
) {
    let (call, asked) = started(client, peer, message).await;
    peer.ends(call, &asked, reply).await;
}

/// As [`exchange`], with the original's packets.
pub(crate) async fn exchange_originals(
    client: &Client<RawBytes>,
    peer: &mut Peer,
    message: &'static str,
    reply: &'static str,
) {
    let call = start(client, message).await;
    peer.send_original(reply).await;
    assert_eq!(call.await.unwrap().unwrap(), reply);
}

/// The client's next calls are refused at once.
pub(crate) async fn is_down<M: MessageCodec>(client: &Client<M>) {
    let mut states = client.connection().watch();
    states.wait_for(|state| matches!(state, ConnectionState::Down { .. })).await.unwrap();
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

pub(crate) fn is_quarantined(refused: &CallError) -> bool {
    matches!(refused, CallError::Refused(Refusal::DuplicateId { state: IdState::Quarantined, .. }))
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

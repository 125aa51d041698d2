//! What once went wrong, and how.

mod support;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use bytes::Bytes;
use listenrain::buffer::{BufferPool, ReadBuffer, RecyclingPool, WriteBuffer};
use listenrain::forward::forward;
use listenrain::{
    Abilities, CallError, CallId, Channel, ChannelFacts, Correlation, Decoded, Failure, LinkError,
    MessageError, Outcome, Packet, PacketCodec, PacketError, Protocol, RawBytes, Request, Router, Server,
    Spawned, Timers, transport::generator,
};
use support::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::time::Instant;

/// Waits for a permit when it is asked to, then answers.
fn gated(gate: &Arc<tokio::sync::Semaphore>) -> Router<RawBytes> {
    let gate = Arc::clone(gate);
    Router::new().fallback(move |request: Request<Bytes>| {
        let gate = Arc::clone(&gate);
        async move {
            if request.message == "wait" {
                gate.acquire().await?.forget();
            }
            Ok(request.message)
        }
    })
}

#[tokio::test(start_paused = true)]
async fn servers_that_share_a_protocols_executor_wake_each_others_channels() {
    // The first channel of each server had the same name to the shared budget, and only the last one was woken.
    let protocol = Protocol::builder("shared", RawBytes).handlers(Spawned::new(1)).build().unwrap();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let nets = [Net::new(), Net::new(), Net::new()];
    let serve = |net: &Net| Server::builder(protocol.clone(), gated(&gate)).listen(net.listener()).unwrap();
    let _servers: Vec<_> = nets.iter().map(serve).collect();
    let clients = nets.each_ref().map(|net| connect(net, native()));
    let first = start(&clients[0], "wait").await;
    let others = [start(&clients[1], "quick").await, start(&clients[2], "quick").await];
    let began = Instant::now();
    gate.add_permits(1);
    assert!(first.await.unwrap().is_ok());
    for other in others {
        assert_eq!(other.await.unwrap().unwrap(), "quick");
    }
    assert!(began.elapsed() < secs(1), "woken, not found at the next look");
}

/// Keeps what it is given until it is removed, and counts it.
#[derive(Debug, Default)]
struct Counting(BTreeMap<CallId, Instant>, Arc<AtomicUsize>);

impl Timers for Counting {
    fn add(&mut self, call: CallId, deadline: Instant) {
        self.0.insert(call, deadline);
        self.1.store(self.0.len(), SeqCst);
    }

    fn remove(&mut self, call: CallId) {
        self.0.remove(&call);
        self.1.store(self.0.len(), SeqCst);
    }

    fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    fn expired(&mut self, now: Instant) -> Option<CallId> {
        let call = *self.0.iter().find(|(_, deadline)| **deadline <= now)?.0;
        self.0.remove(&call);
        Some(call)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

#[tokio::test(start_paused = true)]
async fn an_answered_send_leaves_no_deadline_behind() {
    // LR33: only a call removed its deadline; a send left it until it would have expired.
    let left = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&left);
    let timers = move || Counting(BTreeMap::new(), Arc::clone(&counted));
    let protocol = Protocol::builder("timed", RawBytes).timers(timers).build().unwrap();
    let net = Net::new();
    let _server = serve(&net, echo());
    let client = connect(&net, protocol);
    for _ in 0..50 {
        let (told, outcome) = tokio::sync::oneshot::channel();
        let machine = move |outcome: Outcome<Bytes>| {
            let _ = told.send(outcome.is_ok());
        };
        client.send("x".into(), machine).await;
        assert!(outcome.await.unwrap());
    }
    assert_eq!(left.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_the_handlers_of_channels_that_are_gone() {
    // LR26: a drain said that it was complete while such handlers ran on, and nothing ever ended them.
    let net = Net::new();
    let server = serve(&net, silent());
    let mut peer = Peer::new(net.raw().await);
    peer.send(REQUEST, 1, "asked").await;
    peer.send_bytes(b"no packet").await;
    settle().await;
    assert_eq!((server.connections(), server.counts().in_flight), (0, 1));
    let drained = server.drain(ms(500)).await;
    assert_eq!((drained.complete, drained.cut_off), (false, 1));
    assert_eq!(server.counts().in_flight, 0);
}

#[test]
fn timeouts_of_blocking_calls_are_counted() {
    // LR38: only the keeper counted, and a blocking caller is faster.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (client, server) = runtime.block_on(async {
        let (_net, server, client) = linked(silent()).await;
        (client, server)
    });
    for _ in 0..3 {
        let timed_out = client.call_blocking_within("x".into(), ms(10));
        assert!(matches!(timed_out, Err(CallError::Timeout)), "{timed_out:?}");
    }
    assert!(client.counts().timeouts >= 3);
    drop((client, server));
}

#[tokio::test(start_paused = true)]
async fn errors_reach_callers_whose_ids_are_in_the_message() {
    // LR30: the id was looked for in the error's own payload, which has none, and the call timed out.
    let id_of = |bytes: &[u8]| bytes.get(..4).map(<[u8]>::to_vec).ok_or_else(|| MessageError::new("short"));
    let protocol =
        Protocol::builder("ids", RawBytes).correlation(Correlation::by_message(id_of)).build().unwrap();
    let net = Net::new();
    let _server = Server::builder(protocol.clone(), Router::new()).listen(net.listener()).unwrap();
    let client = connect(&net, protocol);
    for _ in 0..2 {
        let failed = client.call("same id".into()).await.unwrap_err();
        assert!(matches!(failed, CallError::Failed(Failure::Remote(_))), "{failed:?}");
    }
}

/// Its orderly end takes a second.
struct SlowToEnd(DuplexStream, Option<Pin<Box<tokio::time::Sleep>>>, Arc<AtomicUsize>);

impl AsyncRead for SlowToEnd {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for SlowToEnd {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let takes = self.1.get_or_insert_with(|| Box::pin(tokio::time::sleep(secs(1))));
        std::task::ready!(takes.as_mut().poll(cx));
        self.2.fetch_add(1, SeqCst);
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_that_takes_a_while_is_awaited_after_the_peers_end() {
    // The channel was dropped inside its shutdown: a TLS peer would have taken that for an attack.
    let (mut near, far) = tokio::io::duplex(1024);
    let ended = Arc::new(AtomicUsize::new(0));
    let channel = Channel::from_io(SlowToEnd(far, None, Arc::clone(&ended)), ChannelFacts::new("slow"));
    let mut channel = Some(channel);
    let listener = generator("slow://end".parse().unwrap(), move || {
        let next = channel.take();
        async move { if let Some(channel) = next { Ok(channel) } else { std::future::pending().await } }
    });
    let _server = Server::builder(native(), echo()).listen(listener).unwrap();
    near.write_all(&Frame::new(REQUEST, 1, "last").bytes()).await.unwrap();
    near.shutdown().await.unwrap();
    let mut all = Vec::new();
    near.read_to_end(&mut all).await.unwrap();
    assert_eq!((all.len(), ended.load(SeqCst)), (24, 1));
}

/// Panics on whatever it reads.
#[derive(Debug)]
struct Panics;

impl PacketCodec for Panics {
    fn decode(&self, _: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        panic!("on purpose")
    }

    fn encode(&self, packet: &Packet, _: &mut WriteBuffer) -> Result<(), PacketError> {
        Err(PacketError::CannotExpress(packet.kind))
    }

    fn abilities(&self) -> Abilities {
        Abilities::NONE
    }

    fn max_packet(&self) -> usize {
        1
    }

    fn buffers(&self) -> Arc<dyn BufferPool> {
        Arc::new(RecyclingPool::default())
    }
}

#[tokio::test(start_paused = true)]
async fn a_codec_that_panics_ends_its_forwarding_with_an_error() {
    // The panic went up into the task that forwarded, and both channels were left to their drop.
    let ((mut near, first), (second, _far)) = (tokio::io::duplex(64), tokio::io::duplex(64));
    let [first, second] = [first, second].map(|io| Channel::from_io(io, ChannelFacts::new("test")));
    near.write_all(b"x").await.unwrap();
    let ended = forward(first, second, Arc::new(Panics)).await;
    assert!(matches!(ended, Err(LinkError::Panic(_))), "{ended:?}");
}

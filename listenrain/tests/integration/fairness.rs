//! Fairness between requests in line, lanes and links.

mod support;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::forward::forward;
use listenrain::{
    Channel, ChannelFacts, ChannelRead, ChannelWrite, Client, NativePackets, RawBytes, Request, Router,
    Server, ServerLimits,
};
use support::*;
use tokio::sync::{Notify, mpsc};

/// A call of `size` bytes in a task of its own, already queued or in line.
async fn start_sized(client: &Client<RawBytes>, size: usize) -> Call {
    let client = client.clone();
    let call = tokio::spawn(async move { client.call(Bytes::from(vec![0; size])).await });
    settle().await;
    call
}

#[tokio::test(start_paused = true)]
async fn a_small_request_does_not_overtake_a_large_one_in_line() {
    // It fits beside what is in flight; were it let by, a stream of such would keep the large one waiting for ever.
    let net = Net::new();
    let mut peers = net.peers();
    let client = dialling(native()).max_bytes(100).dial(net.dialer()).unwrap();
    let mut peer = peers.next().await;
    let mut calls = Vec::new();
    for size in [60, 80, 30] {
        calls.push(start_sized(&client, size).await);
    }
    for size in [60, 80, 30] {
        assert_eq!(client.counts().in_flight_bytes, size);
        let asked = peer.expect(REQUEST).await;
        assert_eq!(asked.payload.len() as u64, size);
        peer.send(REPLY, asked.id, "").await;
        settle().await;
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_request_of_one_channel_does_not_overtake_a_large_one_of_another() {
    let (net, (begins, mut begun)) = (Net::new(), mpsc::unbounded_channel());
    let router = Router::new().fallback(move |request: Request<Bytes>| {
        let go_on = Arc::new(Notify::new());
        let _ = begins.send((request.message.len(), Arc::clone(&go_on)));
        async move {
            go_on.notified().await;
            Ok(Bytes::new())
        }
    });
    let mut limits = ServerLimits::default();
    limits.all_bytes = 100;
    let server = Server::builder(native(), router).limits(limits).listen(net.listener()).unwrap();
    let mut peers = Vec::new();
    for size in [60, 80, 30] {
        let mut peer = Peer::new(net.raw().await);
        peer.send(REQUEST, 1, vec![0; size]).await;
        settle().await;
        peers.push(peer);
    }
    for (peer, size) in peers.iter_mut().zip([60, 80, 30]) {
        assert_eq!(server.counts().in_flight_bytes, size as u64);
        let (asked, go_on) = begun.recv().await.unwrap();
        assert_eq!(asked, size);
        go_on.notify_one();
        peer.expect(REPLY).await;
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn calls_go_round_the_open_lanes() {
    let net = Net::new();
    let mut peers = net.peers();
    let client = dialling(native()).lanes(3).dial(net.dialer()).unwrap();
    let mut ends = [peers.next().await, peers.next().await, peers.next().await];
    settle().await;
    let mut calls = Vec::new();
    for _ in 0..6 {
        calls.push(start(&client, "x").await);
    }
    for peer in &mut ends {
        for _ in 0..2 {
            let asked = peer.expect(REQUEST).await;
            peer.send(REPLY, asked.id, "").await;
        }
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

/// Answers every request.
async fn answer(mut peer: Peer) {
    while let Some(frame) = peer.read().await {
        if frame.kind == REQUEST {
            peer.send(REPLY, frame.id, "").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls_keep_clear_of_the_lane_with_the_most_to_write() {
    // The turn comes to every lane, also to one whose peer takes nothing.
    let net = Net::holding(4096);
    let mut peers = net.peers();
    let client = dialling(native()).lanes(3).dial(net.dialer()).unwrap();
    let _takes_nothing = peers.next().await;
    for _ in 0..2 {
        tokio::spawn(answer(peers.next().await));
    }
    settle().await;
    let mut large = Vec::new();
    while client.counts().queued == 0 {
        assert!(large.len() < 20, "all that is asked is written at once");
        large.push(start_sized(&client, 300 << 10).await);
        // All that can be written is.
        tokio::time::sleep(ms(1)).await;
    }
    for number in 0..20 {
        let outcome = client.call_within(Bytes::from("small"), ms(100)).await;
        assert!(outcome.is_ok(), "{number}: {outcome:?}");
    }
}

/// Always has more to read, up to a total; notes how much of it was read since somebody else had a turn.
struct Plenty {
    chunk: Bytes,
    left: usize,
    in_turn: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl ChannelRead for Plenty {
    fn poll_read(&mut self, _: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        if self.left == 0 {
            return Poll::Pending;
        }
        self.left -= 1;
        into.push(self.chunk.clone());
        let in_turn = self.in_turn.fetch_add(self.chunk.len(), SeqCst) + self.chunk.len();
        self.most.fetch_max(in_turn, SeqCst);
        Poll::Ready(Ok(self.chunk.len()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_whose_channel_always_has_more_lets_others_have_their_turns() {
    // A transport of the user's need not give way by itself, as tokio's do.
    const CHUNK: usize = 16 << 10;
    let chunk = Bytes::from(Frame::new(REPLY, 1, vec![0; CHUNK - 20]).bytes());
    let (in_turn, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let read = Plenty { chunk, left: 1024, in_turn: Arc::clone(&in_turn), most: Arc::clone(&most) };
    let channel = Channel::from_halves(read, Sink, ChannelFacts::new("plenty"));
    let server = Server::builder(native(), echo()).listen(accepting(vec![channel])).unwrap();
    for _ in 0..10_000 {
        in_turn.store(0, SeqCst);
        tokio::task::yield_now().await;
    }
    assert_eq!(server.counts().received, 1024);
    let most = most.load(SeqCst);
    assert!((CHUNK..=(256 << 10) + CHUNK).contains(&most), "{most} bytes without a turn for anybody else");
}

/// Requests of one channel, of which half come before its peer takes answers, and what was done in which order.
#[derive(Default)]
struct Gate {
    is_open: bool,
    wakers: Vec<std::task::Waker>,
    /// Requests that may still be read, and those that are held back until the peer takes answers.
    left: usize,
    held_back: usize,
    /// Bytes that were written before anything was read again.
    written_first: usize,
    has_read_again: bool,
}

struct Gated(Bytes, Arc<Mutex<Gate>>);

impl ChannelRead for Gated {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        let mut gate = self.1.lock().unwrap();
        if gate.left == 0 {
            gate.wakers.push(cx.waker().clone());
            return Poll::Pending;
        }
        gate.left -= 1;
        gate.has_read_again |= gate.is_open;
        into.push(self.0.clone());
        Poll::Ready(Ok(self.0.len()))
    }
}

impl ChannelWrite for Gated {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        let mut gate = self.1.lock().unwrap();
        if !gate.is_open {
            gate.wakers.push(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = from.len();
        from.clear();
        gate.written_first += if gate.has_read_again { 0 } else { taken };
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_lets_the_answers_that_its_peer_takes_leave_before_it_reads_on() {
    // Of large packets that stand at the server at once fewer are in cache.
    const EACH: usize = 256 << 10;
    let gate = Arc::new(Mutex::new(Gate { left: 16, held_back: 16, ..Gate::default() }));
    let half = || Gated(Bytes::from(Frame::new(REQUEST, 1, vec![0; EACH]).bytes()), Arc::clone(&gate));
    let channel = Channel::from_halves(half(), half(), ChannelFacts::new("gated"));
    let server = Server::builder(native(), echo()).listen(accepting(vec![channel])).unwrap();
    settle().await;
    assert_eq!(server.counts().received, 16);
    let wakers = {
        let mut gate = gate.lock().unwrap();
        (gate.is_open, gate.left) = (true, gate.held_back);
        std::mem::take(&mut gate.wakers)
    };
    wakers.into_iter().for_each(std::task::Waker::wake);
    settle().await;
    assert_eq!((server.counts().received, server.counts().answered), (32, 32));
    let written = gate.lock().unwrap().written_first;
    assert!(written >= 16 * EACH, "{written} bytes");
}

#[tokio::test(start_paused = true)]
async fn a_forwarder_reads_no_more_than_it_may_hold_while_the_other_side_takes_nothing() {
    const EACH: usize = 256 << 10;
    let gates = [1000, 0].map(|left| Arc::new(Mutex::new(Gate { left, ..Gate::default() })));
    let half = |at: usize| {
        let packet = Frame::new(REQUEST, 1, vec![0; EACH - 20]).bytes();
        Gated(Bytes::from(packet), Arc::clone(&gates[at]))
    };
    let first = Channel::from_halves(half(0), Sink, ChannelFacts::new("first"));
    let second = Channel::from_halves(half(1), half(1), ChannelFacts::new("second"));
    let forwarding = tokio::spawn(forward(first, second, Arc::new(NativePackets::default())));
    settle().await;
    let read = 1000 - gates[0].lock().unwrap().left;
    assert_eq!(read * EACH, 1 << 20);
    assert!(!forwarding.is_finished());
}

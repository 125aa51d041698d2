//! Fairness between requests in line, lanes and links.

use crate::support::*;

/// A call of `size` bytes in a task of its own, already queued or in line.
async fn start_sized(client: &Client<RawBytes>, size: usize) -> Call {
    let call = calling(client, vec![0; size], secs(5));
    settle().await;
    call
}

#[tokio::test(start_paused = true)]
async fn a_small_request_does_not_overtake_a_large_one_in_line() {
    // It fits beside what is in flight; were it let by, a stream of such would keep the large one waiting for ever.
    let (_net, _peers, mut peer, client) = dialled(dialling(native()).max_bytes(100)).await;
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
    let (net, (router, mut begun)) = (Net::new(), gated());
    let server = net.serve(serving(router).limits(serving_up_to(|limits| limits.all_bytes = 100)));
    let mut peers = Vec::new();
    for size in [60, 80, 30] {
        let mut peer = net.peer().await;
        peer.send(REQUEST, 1, vec![0; size]).await;
        settle().await;
        peers.push(peer);
    }
    for (peer, size) in peers.iter_mut().zip([60, 80, 30]) {
        assert_eq!(server.counts().in_flight_bytes, size as u64);
        let (asked, go_on) = begun.recv().await.unwrap();
        assert_eq!(asked.len(), size);
        go_on.notify_one();
        peer.expect(REPLY).await;
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn calls_go_round_the_open_lanes() {
    let net = Net::new();
    let mut peers = net.peers();
    let client = net.dial(dialling(native()).lanes(3));
    let mut ends = [peers.next().await, peers.next().await, peers.next().await];
    settle().await;
    let calls = start_many(&client, 6, "x").await;
    for peer in &mut ends {
        for _ in 0..2 {
            peer.answer("").await;
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
    let client = net.dial(dialling(native()).lanes(3));
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

#[tokio::test(start_paused = true)]
async fn a_link_whose_channel_always_has_more_lets_others_have_their_turns() {
    // A transport of the user's need not give way by itself, as tokio's do.
    const CHUNK: usize = 16 << 10;
    let chunk = Bytes::from(Frame::new(REPLY, 1, vec![0; CHUNK - 20]).bytes());
    let (in_turn, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (mut left, here, max) = (1024, Arc::clone(&in_turn), Arc::clone(&most));
    let read = move |_: &mut Context<'_>, into: &mut ReadBuffer| {
        if left == 0 {
            return Poll::Pending;
        }
        left -= 1;
        into.push(chunk.clone());
        max.fetch_max(here.fetch_add(CHUNK, SeqCst) + CHUNK, SeqCst);
        Poll::Ready(Ok(CHUNK))
    };
    let channel = source(read, |_, _| GO_ON);
    let server = serving(echo()).listen(accepting(vec![channel])).unwrap();
    for _ in 0..10_000 {
        in_turn.store(0, SeqCst);
        tokio::task::yield_now().await;
    }
    assert_eq!(server.counts().received, 1024);
    let most = most.load(SeqCst);
    assert!((CHUNK..=(256 << 10) + CHUNK).contains(&most), "{most} bytes without a turn for anybody else");
}

/// A channel that always has the same packet to read, as often as is left, and takes output once it is open.
#[derive(Clone, Default)]
struct Valve(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_open: bool,
    wakers: Vec<Waker>,
    left: usize,
    /// Bytes that were written before anything was read again.
    written_first: usize,
    has_read_again: bool,
}

impl Valve {
    fn channel(&self, packet: Vec<u8>) -> Channel {
        let (packet, reading, writing) = (Bytes::from(packet), self.clone(), self.clone());
        let read = move |cx: &mut Context<'_>, into: &mut ReadBuffer| {
            let mut state = reading.0.lock().unwrap();
            if state.left == 0 {
                state.wakers.push(cx.waker().clone());
                return Poll::Pending;
            }
            state.left -= 1;
            state.has_read_again |= state.is_open;
            into.push(packet.clone());
            Poll::Ready(Ok(packet.len()))
        };
        let write = move |cx: &mut Context<'_>, bytes| {
            let mut state = writing.0.lock().unwrap();
            if !state.is_open {
                state.wakers.push(cx.waker().clone());
                return Poll::Pending;
            }
            state.written_first += if state.has_read_again { 0 } else { bytes };
            GO_ON
        };
        source(read, write)
    }

    fn open(&self, left: usize) {
        let wakers = {
            let mut state = self.0.lock().unwrap();
            (state.is_open, state.left) = (true, left);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_lets_the_answers_that_its_peer_takes_leave_before_it_reads_on() {
    // Of large packets that stand at the server at once fewer are in cache.
    const EACH: usize = 256 << 10;
    let valve = Valve::default();
    valve.0.lock().unwrap().left = 16;
    let channel = valve.channel(Frame::new(REQUEST, 1, vec![0; EACH]).bytes());
    let server = serving(echo()).listen(accepting(vec![channel])).unwrap();
    settle().await;
    assert_eq!(server.counts().received, 16);
    valve.open(16);
    settle().await;
    assert_eq!((server.counts().received, server.counts().answered), (32, 32));
    let written = valve.0.lock().unwrap().written_first;
    assert!(written >= 16 * EACH, "{written} bytes");
}

#[tokio::test(start_paused = true)]
async fn a_forwarder_reads_no_more_than_it_may_hold_while_the_other_side_takes_nothing() {
    const EACH: usize = 256 << 10;
    let valves = [Valve::default(), Valve::default()];
    valves[0].0.lock().unwrap().left = 1000;
    let packet = Frame::new(REQUEST, 1, vec![0; EACH - 20]).bytes();
    let [first, second] = valves.each_ref().map(|valve| valve.channel(packet.clone()));
    let forwarding = tokio::spawn(forward(first, second, Arc::new(NativePackets::default())));
    settle().await;
    let read = 1000 - valves[0].0.lock().unwrap().left;
    assert_eq!(read * EACH, 1 << 20);
    assert!(!forwarding.is_finished());
}

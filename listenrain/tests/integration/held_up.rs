//! Channels that are held up inside a packet for want of memory: they keep what has come, and end for it.

use crate::support::*;
use std::collections::VecDeque;

const MIB: usize = 1 << 20;

fn limits(all_bytes: usize) -> ServerLimits {
    serving_up_to(|limits| limits.all_bytes = all_bytes)
}

/// Begins a request of `claimed` bytes, sends `sent` of them, and then nothing more.
async fn stall(mut peer: Peer, id: u64, claimed: usize, sent: usize) -> tokio::task::JoinHandle<()> {
    let mut header = Frame::new(REQUEST, id, "").bytes();
    header[4..8].copy_from_slice(&u32::try_from(claimed).unwrap().to_be_bytes());
    peer.send_bytes(&header).await;
    tokio::spawn(async move {
        let _ = peer.io.write_all(&vec![7; sent]).await;
        std::future::pending::<()>().await;
    })
}

/// A server whose handlers keep large requests until they are let go on; counts those.
fn keeping() -> (Router<RawBytes>, Arc<Notify>, Arc<AtomicUsize>) {
    let (go_on, kept) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let router = handling(&(go_on.clone(), kept.clone()), |(go_on, kept), request| async move {
        if request.message.len() >= MIB {
            kept.fetch_add(1, SeqCst);
            go_on.notified().await;
        }
        Ok(Bytes::from("done"))
    });
    (router, go_on, kept)
}

#[tokio::test(start_paused = true)]
async fn what_has_partly_come_in_chunks_waits_for_memory_too() {
    const CHUNK: usize = 64 << 10;
    let mut header = Frame::new(REQUEST, 1, "").bytes();
    header[4..8].copy_from_slice(&(60u32 << 20).to_be_bytes());
    let channels: Vec<_> = (0..8)
        .map(|_| {
            let mut chunks = VecDeque::from([Bytes::from(header.clone())]);
            chunks.extend((0..30 * MIB / CHUNK).map(|_| Bytes::from_static(&[7; CHUNK])));
            let read = move |_: &mut Context<'_>, into: &mut ReadBuffer| {
                let Some(chunk) = chunks.pop_front() else { return Poll::Pending };
                let len = Bytes::len(&chunk);
                into.push(chunk);
                Poll::Ready(Ok(len))
            };
            source(read, |_, _| GO_ON)
        })
        .collect();
    let server = serving(echo()).limits(limits(4 * MIB)).listen(accepting(channels)).unwrap();
    tokio::time::sleep(secs(1)).await;
    let counts = server.counts();
    // One may go beyond the limit, with all of its thirty.
    assert!(counts.in_flight_bytes as usize >= 30 * MIB, "{counts:?}");
    assert!(counts.in_flight_bytes as usize <= (4 + 31) * MIB, "{counts:?}");
    assert!(counts.received_bytes as usize <= (4 + 31) * MIB, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn peers_that_stop_inside_packets_keep_memory_no_longer_than_a_packet_may_take() {
    // A peer that was held up was exempt, and one at a time was given up: twenty kept all memory for twenty minutes.
    let net = Net::holding(MIB);
    let server = net.serve(serving(echo()).limits(limits(32 * MIB)));
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(stall(net.peer().await, 1, 60 * MIB, 59 * MIB).await);
        tokio::time::sleep(ms(100)).await;
    }
    let held = server.counts().in_flight_bytes as usize;
    assert!(
        (16 * MIB..=(32 + 64) * MIB).contains(&held),
        "they hold the memory, one more than there is: {held}"
    );
    // A minute, to be told at the next look, and the rest is thrown away for a second.
    tokio::time::sleep(secs(60 + 2 * 15 + 2)).await;
    assert_eq!((server.connections(), server.counts().in_flight_bytes), (0, 0));
    assert_eq!(server.counts().given_up, 20);
    let client = connect(&net, native());
    let reply = client.call_within(Bytes::from(vec![1; 8 * MIB]), secs(1)).await;
    assert_eq!(reply.unwrap().len(), 8 * MIB);
}

/// A server that waits ten seconds for memory, which a request of as many bytes of a peer takes most of.
async fn held_by_one(net: &Net, router: Router<RawBytes>, bytes: usize) -> (Server, Peer) {
    let health = Health::every(secs(1), 1000).packet_within(secs(10));
    let server = net.serve(serving(router).limits(limits(4 * MIB)).health(health));
    let mut peer = greeted(net).await;
    peer.send(REQUEST, 1, vec![1; bytes]).await;
    (server, peer)
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_waits_too_long_for_memory_is_told_what_was_taken_and_keeps_its_answers() {
    let (net, (router, go_on, _)) = (Net::holding(MIB), keeping());
    let (server, _holds) = held_by_one(&net, router, 3 * MIB).await;
    let mut peer = greeted(&net).await;
    peer.send(REQUEST, 1, vec![2; MIB]).await;
    settle().await;
    let before = server.counts().in_flight_bytes as usize;
    assert!(before >= 4 * MIB, "{before}");
    // It goes on writing, as one does whose packets are larger than what its channel takes at once.
    let mut packet = Frame::new(REQUEST, 2, vec![3; 4 * MIB]).bytes();
    packet.extend(Frame::new(REQUEST, 3, "behind it").bytes());
    let (mut read, mut write) = tokio::io::split(peer.io);
    let writing = tokio::spawn(async move { write.write_all(&packet).await });
    let mut told = Vec::new();
    let start = Instant::now();
    while !told.windows(2).any(|two| two == [0x4C, GOODBYE]) {
        let mut some = [0; 4096];
        let count = read.read(&mut some).await.unwrap();
        assert!(count > 0, "it is told before the end");
        told.extend_from_slice(&some[..count]);
    }
    let took = start.elapsed();
    assert!(took >= secs(9) && took <= secs(13), "{took:?}");
    settle().await;
    assert!(server.counts().in_flight_bytes as usize <= before, "what had come of it is given back");
    assert!(writing.is_finished(), "the rest is taken, and thrown away");
    let payload = goodbye(OVERLOADED, 1, 0, 1000);
    assert!(told.windows(payload.len()).any(|part| part == payload), "one request was taken: {told:?}");
    go_on.notify_waiters();
    let mut rest = Vec::new();
    read.read_to_end(&mut rest).await.unwrap();
    assert!(rest.windows(4).any(|part| part == b"done"), "the one that was taken is answered: {rest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_busy_channel_keeps_no_memory_in_store_while_another_one_waits_for_it() {
    // A read buffer that had grown was given back at rest alone: a channel on which only pings went kept it, and
    // another one was held up inside its packet until it was ended as overloaded.
    const KIB: usize = 1 << 10;
    let net = Net::holding(MIB);
    let server = net.serve(serving(echo()).limits(limits(512 * KIB)));
    let mut busy = net.peer().await;
    busy.send_bytes(&Frame::new(ONE_WAY, 0, vec![1; KIB]).bytes().repeat(1000)).await;
    settle().await;
    let kept = server.counts().in_flight_bytes as usize;
    assert!(kept >= 200 * KIB, "its read buffer has grown: {kept}");
    tokio::spawn(async move {
        loop {
            busy.send(PING, 0, "").await;
            tokio::time::sleep(ms(50)).await;
        }
    });
    // The one that may go beyond the limit does so, and stops.
    let _stalled = stall(net.peer().await, 1, 600 * KIB, 599 * KIB).await;
    settle().await;
    let held = server.counts().in_flight_bytes as usize;
    assert!(held >= kept + 599 * KIB, "{held}");
    let client = connect(&net, native());
    let reply = client.call_within(Bytes::from(vec![2; 200 * KIB]), secs(5)).await;
    assert_eq!(reply.unwrap().len(), 200 * KIB);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_an_overloaded_server_has_no_memory_for_is_refused_as_never_executed() {
    let (net, (router, go_on, kept)) = (Net::holding(MIB), keeping());
    let (server, _holds) = held_by_one(&net, router, 6 * MIB).await;
    let client = net.dial(dialling(native()));
    client.call(Bytes::from("small")).await.unwrap();
    let (took, outcome) = timed(client.call_within(Bytes::from(vec![2; 6 * MIB]), secs(120))).await;
    assert!(outcome.as_ref().is_err_and(CallError::never_executed), "{outcome:?}");
    assert_fails!(outcome, CallError::Refused(Refusal::ByPeer(RemoteRefusal::Overloaded)));
    assert!(took >= secs(9) && took <= secs(13), "{took:?}");
    client.call(Bytes::from("small")).await.unwrap();
    assert!(server.counts().accepted > 2, "the client has come again");
    go_on.notify_one();
    assert_eq!(kept.load(SeqCst), 1);
}

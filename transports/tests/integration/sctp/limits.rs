//! Limits of what a peer can use up, and associations that it begins and ends in its own way.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use listenrain::buffer::BufferPool;
use listenrain_transports::sctp::SctpOptions;
use tokio::time::sleep;

use super::packet::*;
use super::peer::{Hostile, Peer, hostile, listener_address};
use super::{both_ends, on};
use crate::support::network::Network;
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn any_number_of_half_open_associations_takes_up_nothing() {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().associations(1));
    let (mut listener, mut dialer) = both_ends(&transport).await;
    let peer = Peer::new(&network, "10.0.0.9:9000");
    for host in 0..=255u8 {
        for port in 1..20u16 {
            let from = SocketAddr::from(([10, 1, 2, host], port));
            network.inject(from, listener_address(), &peer.init());
        }
    }
    let (mut near, mut far) = connect(&mut *listener, &mut *dialer).await;
    carries(&mut near, &mut far, "in").await;
    // And the limit holds for those that are not half open.
    let mut second = transport.dialer(&"sctp://10.0.0.2:7000".parse().unwrap()).unwrap();
    assert_eq!(second.next().await.unwrap_err().kind, ErrorKind::ConnectionRefused);
    assert_eq!(transport.evicted(), 0, "one that has a channel makes way for nobody");
    drop((near, far, dialer));
    sleep(Duration::from_secs(2)).await;
    connect(&mut *listener, &mut *second).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_while_nothing_can_be_sent_does_not_pile_up() {
    let Hostile { network, mut peer, mut listener, transport } = hostile().await;
    let _far = peer.open(&mut *listener).await;
    network.set(|faults| faults.is_full = true);
    let before = network.sent().len();
    let heartbeat = packet(peer.tag, &[chunk(HEARTBEAT, 0, &[0, 1, 0, 8, 1, 2, 3, 4])]);
    for round in 0..20_000u32 {
        let from = SocketAddr::from(([10, 1, (round >> 8) as u8, round as u8], 9));
        network.inject(from, listener_address(), &peer.init());
        network.inject("10.0.0.9:9000".parse().unwrap(), listener_address(), &heartbeat);
        if round % 256 == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
    sleep(Duration::from_millis(100)).await;
    network.set(|faults| faults.is_full = false);
    sleep(Duration::from_millis(100)).await;
    let answers: Vec<_> =
        network.sent()[before..].iter().filter(|sent| sent.from == listener_address()).cloned().collect();
    let unknown = answers.iter().filter(|sent| sent.to != "10.0.0.9:9000".parse().unwrap()).count();
    assert!((1..5000).contains(&unknown), "{unknown} unknown were answered");
    let known = answers.len() - unknown;
    assert!((1..100).contains(&known), "{known} answers to the peer");
    let mut dialer = transport.dialer(&"sctp://10.0.0.2:7000".parse().unwrap()).unwrap();
    connect(&mut *listener, &mut *dialer).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_opens_and_aborts_lanes_and_acknowledges_nothing_is_aborted() {
    let Hostile { network, mut peer, listener: _listener, .. } = hostile().await;
    for round in 0..2000 {
        peer.send(0, 50, &[1, 0, 1, 0, 0]);
        peer.send(0, 50, &[6]);
        if round % 64 == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    }
    sleep(Duration::from_millis(10)).await;
    // Long before it would count as one that nothing reaches.
    let is_abort = |bytes: &[u8]| parse(bytes).1.iter().any(|chunk| chunk.0 == ABORT && chunk.1 == 0);
    let sent = network.sent();
    assert!(sent.iter().any(|sent| sent.from == listener_address() && is_abort(&sent.bytes)));
}

#[tokio::test(start_paused = true)]
async fn a_stale_cookie_or_one_of_another_peer_begins_nothing() {
    let Hostile { network, mut listener, .. } = hostile().await;
    let mut peer = Peer::new(&network, "10.0.0.11:9000");
    let cookie = peer.cookie().await;
    let mut thief = Peer::new(&network, "10.0.0.10:9000");
    thief.tag = peer.tag;
    thief.say(&[chunk(COOKIE_ECHO, 0, &cookie)]);
    sleep(Duration::from_secs(61)).await;
    peer.own_tag = peer.tag;
    peer.say(&[chunk(COOKIE_ECHO, 0, &cookie)]);
    let (flags, _) = peer.hear(ABORT).await;
    assert_eq!(flags, 1, "the tag is given back");
    peer.own_tag = 77;
    peer.associate().await;
    peer.open(&mut *listener).await;
}

#[tokio::test(start_paused = true)]
async fn an_association_without_a_lane_is_ended_and_counted() {
    let Hostile { peer, listener: _listener, transport, .. } = hostile().await;
    let start = tokio::time::Instant::now();
    assert_eq!(transport.timed_out(), 0);
    let (_, value) = peer.hear(SHUTDOWN).await;
    assert_eq!((transport.timed_out(), transport.evicted()), (1, 0));
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(number(&value, 0), peer.tsn.wrapping_sub(1), "what was received, which is nothing");
    peer.say(&[chunk(SHUTDOWN_ACK, 0, &[])]);
    peer.hear(SHUTDOWN_COMPLETE).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_begins_anew_resets_what_it_had() {
    let Hostile { mut peer, mut listener, .. } = hostile().await;
    let mut old = peer.open(&mut *listener).await;
    (peer.own_tag, peer.tsn, peer.sequence) = (78, 1, 0);
    peer.associate().await;
    let mut new = peer.open(&mut *listener).await;
    assert_eq!(read_to_end(&mut *old.read).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    peer.send(0, 53, b"new");
    assert_eq!(read_exactly(&mut *new.read, 3).await.unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_shuts_down_gets_what_was_written_and_its_lanes_are_reset() {
    let Hostile { mut peer, mut listener, .. } = hostile().await;
    let mut channel = peer.open(&mut *listener).await;
    write_all(&mut *channel.write, "last words".into()).await.unwrap();
    let (_, value) = peer.hear(DATA).await;
    assert_eq!(value[12..], *b"last words");
    peer.say(&[chunk(SHUTDOWN, 0, &value[..4])]);
    peer.hear(SHUTDOWN_ACK).await;
    assert_eq!(read_to_end(&mut *channel.read).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    peer.say(&[chunk(SHUTDOWN_COMPLETE, 0, &[])]);
    sleep(Duration::from_secs(1)).await;
    peer.own_tag = peer.tag;
    peer.send(0, 53, b"anybody?");
    peer.hear(ABORT).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_had_ended_is_read_even_though_it_then_aborts() {
    let Hostile { mut peer, mut listener, .. } = hostile().await;
    let mut channel = peer.open(&mut *listener).await;
    peer.send(0, 53, b"all of it");
    peer.send(0, 50, &[4]);
    peer.say(&[chunk(ABORT, 0, &[])]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(read_to_end(&mut *channel.read).await.unwrap(), "all of it");
    assert_eq!(write_all(&mut *channel.write, "x".into()).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn chunks_that_are_far_ahead_or_never_complete_are_bounded() {
    let Hostile { network, mut peer, mut listener, .. } = hostile().await;
    let mut channel = peer.open(&mut *listener).await;
    sleep(Duration::from_millis(300)).await;
    let first = peer.tsn;
    // The first one is missing, so none of the others can be delivered.
    for ahead in 1..20_000 {
        let message = data(first.wrapping_add(ahead), 0, 1 + ahead as u16, 53, b"x");
        peer.say(&[message]);
        if ahead % 512 == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    sleep(Duration::from_secs(1)).await;
    let farthest = network
        .sent()
        .iter()
        .filter(|sent| sent.from == listener_address())
        .flat_map(|sent| parse(&sent.bytes).1)
        .filter(|(kind, _, value)| *kind == SACK && value[8..10] != [0, 0])
        .map(|(_, _, value)| u16::from_be_bytes([value[14], value[15]]))
        .max()
        .unwrap();
    assert!(farthest <= 4096, "{farthest}");
    // And it goes on once the first one comes.
    peer.say(&[data(first, 0, 1, 53, b"x")]);
    assert_eq!(read(&mut *channel.read, &mut Default::default()).await.unwrap(), usize::from(farthest));
}

#[tokio::test(start_paused = true)]
async fn no_packet_makes_many() {
    let Hostile { network, mut peer, mut listener, .. } = hostile().await;
    let _channel = peer.open(&mut *listener).await;
    sleep(Duration::from_secs(1)).await;
    let answers =
        |network: &Network| network.sent().iter().filter(|sent| sent.from == listener_address()).count();
    for question in [HEARTBEAT, COOKIE_ECHO, SHUTDOWN, SHUTDOWN_ACK] {
        let before = answers(&network);
        peer.say(&vec![chunk(question, 0, &[0, 0, 0, 0]); 1000]);
        sleep(Duration::from_millis(100)).await;
        let count = answers(&network) - before;
        assert!(count <= 2, "{count} answers to chunks of kind {question}");
    }
}

#[tokio::test(start_paused = true)]
async fn single_bytes_cost_little_more_than_a_byte() {
    // One allocation for each would cost the receiver dozens of bytes for every one that the window lets in.
    let Hostile { mut peer, mut listener, .. } = hostile().await;
    let mut channel = peer.open(&mut *listener).await;
    for _ in 0..10_000 {
        peer.send(0, 53, b"x");
    }
    sleep(Duration::from_secs(1)).await;
    let pool = Arc::new(Lends::default());
    let mut into = ReadBuffer::new(pool.clone());
    while into.len() < 10_000 {
        read(&mut *channel.read, &mut into).await.unwrap();
    }
    // It lies in one piece, so nothing has to be gathered.
    assert_eq!(into.take(10_000), vec![b'x'; 10_000]);
    assert_eq!(pool.0.load(Ordering::Relaxed), 0);
}

/// Counts what is lent.
#[derive(Debug, Default)]
struct Lends(AtomicUsize);

impl BufferPool for Lends {
    fn lend(&self, len: usize, _: usize) -> BytesMut {
        self.0.fetch_add(1, Ordering::Relaxed);
        BytesMut::with_capacity(len)
    }

    fn give_back(&self, _: BytesMut) {}
}

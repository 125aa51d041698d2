//! Memory that peers can make a server hold: of claims, of connections that never send, of packets that have partly come.
//! Where every allocation is counted, in a process of its own.

use std::sync::atomic::Ordering::Relaxed;

use listenrain::buffer::RecyclingPool;
use listenrain::{Server, ServerLimits};
use listenrain_transports::{InProcess, Quic, Tcp, Tls};

use crate::support::calls::*;
use crate::support::child::alone;
use crate::support::counted::LIVE;
use crate::support::*;

/// The header of a native request that claims `len` bytes of payload.
fn claim(len: u32) -> Bytes {
    let mut header = vec![0x4C, 1, 0, 0];
    header.extend(len.to_be_bytes());
    header.extend([0; 12]);
    header.into()
}

#[tokio::test]
async fn claims_of_the_largest_packet_cost_only_what_has_come() {
    // LR18: four bytes made the original reserve up to 4 GiB for one connection.
    alone("memory::claims_of_the_largest_packet_cost_only_what_has_come", claims_cost_little()).await;
}

async fn claims_cost_little() {
    const PEERS: usize = 400;
    let transport = Tcp::default();
    let server = serve(&transport, &transport.scratch_endpoint()).await;
    let before = LIVE.load(Relaxed);
    let mut dialer = transport.dialer(server.endpoint()).unwrap();
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        let mut peer = watched(dialer.next()).await.unwrap();
        watched(write_all(&mut *peer.write, claim(64 << 20))).await.unwrap();
        peers.push(peer);
    }
    until(|| server.counts().received_bytes == 20 * PEERS as u64).await;
    let each = LIVE.load(Relaxed).saturating_sub(before) / PEERS;
    assert!(each <= 320 * 1024, "{each} bytes for each claim of 64 MiB");
}

#[tokio::test]
async fn reading_from_a_connection_that_never_sends_costs_no_buffer() {
    // The first poll of each made a read buffer of 16 KiB: 160 MB for 10,000 connections that do nothing.
    alone("memory::reading_from_a_connection_that_never_sends_costs_no_buffer", reading_costs_nothing())
        .await;
}

async fn reading_costs_nothing() {
    const CHANNELS: usize = 50;
    for transport in listenrain_transports::all().list() {
        let (mut listener, mut dialer) = both_ends(&**transport).await;
        let pool = Arc::new(RecyclingPool::default());
        let mut ends = Vec::new();
        for _ in 0..CHANNELS {
            let (near, far) = watched(connect(&mut *listener, &mut *dialer)).await;
            ends.push((near, far, ReadBuffer::new(pool.clone())));
        }
        let before = LIVE.load(Relaxed);
        for _ in 0..3 {
            for (_, far, into) in &mut ends {
                assert!(once(|cx| far.read.poll_read(cx, into)).await.is_none());
            }
            // Lets the runtime hear of whatever it may still hear of.
            tokio::task::yield_now().await;
        }
        let each = LIVE.load(Relaxed).saturating_sub(before) / CHANNELS;
        println!("on {}: {each} bytes for each", transport.scheme());
        assert!(each < 1024, "on {}: {each} bytes for each", transport.scheme());
        for (near, far, into) in &mut ends {
            write_all(&mut *near.write, "now".into()).await.unwrap();
            while into.len() < 3 {
                assert!(watched(read(&mut *far.read, into)).await.unwrap() > 0);
            }
            assert_eq!(into.take(3), "now");
        }
    }
}

/// How many MiB a server holds of packets that have partly come, beside a limit of 4.
async fn held_of_parts(transport: &dyn Transport) -> u64 {
    let mut limits = ServerLimits::default();
    limits.all_bytes = 4 << 20;
    let listener = watched(transport.listen(&transport.scratch_endpoint())).await.unwrap();
    let server = Server::builder(native(), echo()).limits(limits).listen(listener).unwrap();
    let mut peers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut peer = watched(transport.dialer(server.endpoint()).unwrap().next()).await.unwrap();
        watched(write_all(&mut *peer.write, claim(60 << 20))).await.unwrap();
        peers.spawn(async move {
            for _ in 0..30 * 16 {
                let sent = write_all(&mut *peer.write, Bytes::from(vec![7; 64 << 10]));
                if !matches!(tokio::time::timeout(Duration::from_secs(2), sent).await, Ok(Ok(()))) {
                    break;
                }
            }
            peer
        });
    }
    let _kept = peers.join_all().await;
    server.counts().in_flight_bytes >> 20
}

#[tokio::test]
async fn partly_received_packets_are_bounded_on_every_transport() {
    // Also where a transport moves chunks and copies nothing.
    let all: [&dyn Transport; 4] =
        [&Tcp::default(), &Tls::default(), &InProcess::default(), &Quic::default()];
    for transport in all {
        let held = held_of_parts(transport).await;
        // One packet at a time may go beyond the limit.
        assert!(held <= 4 + 64, "{}: {held} MiB", transport.scheme());
    }
}

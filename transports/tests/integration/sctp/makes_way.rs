//! Associations without a channel: they are bounded, hold little, and keep nobody out.

use listenrain_transports::Sctp;
use listenrain_transports::sctp::SctpOptions;
use tokio::time::{Duration, timeout};

use super::packet::*;
use super::peer::Peer;
use super::{both_ends, on};
use crate::support::network::Network;
use crate::support::*;

/// An association with the listener, of a peer at port `port` of host `host`.
async fn associated(network: &Network, host: u8, port: u16) -> Peer {
    let mut peer = Peer::new(network, &format!("10.0.0.{host}:{port}"));
    peer.associate().await;
    peer
}

async fn is_aborted(peer: &Peer) -> bool {
    timeout(Duration::from_secs(1), peer.hear(ABORT)).await.is_ok()
}

async fn dial(transport: &Sctp, listener: &mut dyn ChannelGenerator) -> impl Sized + use<> {
    let mut dialer = transport.dialer(&"sctp://10.0.0.2:7000".parse().unwrap()).unwrap();
    let channels = watched(connect(listener, &mut *dialer)).await;
    (dialer, channels)
}

#[tokio::test(start_paused = true)]
async fn the_oldest_association_without_a_channel_makes_way_from_one_beyond_the_limit_on() {
    // With real addresses, a peer could keep all places taken and everybody out.
    const LIMIT: usize = 3;
    for count in LIMIT - 1..=LIMIT + 1 {
        let network = Network::new(1);
        let transport = on(&network, SctpOptions::default().associations(LIMIT));
        let (mut listener, _) = both_ends(&transport).await;
        let mut silent = Vec::new();
        for host in 0..count {
            silent.push(associated(&network, 100 + host as u8, 9000).await);
        }
        let _dialled = dial(&transport, &mut *listener).await;
        let beyond = count + 1 - LIMIT;
        assert_eq!(transport.evicted(), beyond as u64, "{count} of {LIMIT}");
        for (at, peer) in silent.iter().enumerate() {
            assert_eq!(is_aborted(peer).await, at < beyond, "{at} of {count}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_at_its_limit_makes_way_for_itself_and_no_other_does() {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().per_address(Some(2)));
    let (_listener, _) = both_ends(&transport).await;
    let other = associated(&network, 99, 1).await;
    let own = [associated(&network, 100, 1).await, associated(&network, 100, 2).await];
    assert_eq!(transport.evicted(), 0);
    let last = associated(&network, 100, 3).await;
    assert!(is_aborted(&own[0]).await);
    for peer in [&own[1], &last, &other] {
        assert!(!is_aborted(peer).await);
    }
    assert_eq!(transport.evicted(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_a_channel_can_make_nobody_keep_what_it_sends() {
    // Fragments of messages that never become whole took 30 MiB, of a peer that had proved no more than its address.
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default());
    let (mut listener, _) = both_ends(&transport).await;
    for (flags, len) in [(2u8, 1000), (3, 6)] {
        let mut peer = associated(&network, 100, 9000 + u16::from(flags)).await;
        let mut fragment = peer.message(0, 53, &vec![7; len]);
        fragment[1] = flags;
        peer.say(&[fragment]);
        assert!(is_aborted(&peer).await, "flags {flags}, {len} bytes");
    }
    // With one it may.
    let mut peer = associated(&network, 101, 9000).await;
    peer.send(0, 50, &[1, 0, 1, 0, 0]);
    peer.hear(DATA).await;
    let mut far = listener.next().await.unwrap();
    peer.send(0, 53, &[7; 1000]);
    assert_eq!(read_exactly(&mut *far.read, 1000).await.unwrap(), vec![7; 1000]);
}

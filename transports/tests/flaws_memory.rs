//! Memory that hostile peers can make a server hold. In a program of its own, whose every allocation is counted.

#[path = "integration/support/counted.rs"]
mod counted;
#[allow(dead_code, reason = "what other programs use")]
#[path = "integration/support/mod.rs"]
mod support;

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use counted::LIVE;
use listenrain::Transport;
use listenrain_transports::Tcp;
use support::calls::*;
use support::{until, watched, write_all};

#[tokio::test]
async fn claims_of_the_largest_packet_cost_only_what_has_come() {
    // LR18: four bytes made the original reserve up to 4 GiB for one connection.
    const PEERS: usize = 400;
    let transport = Tcp::default();
    let server = serve(&transport, &transport.scratch_endpoint()).await;
    let before = LIVE.load(Relaxed);
    let mut dialer = transport.dialer(server.endpoint()).unwrap();
    let mut header = vec![0x4C, 1, 0, 0];
    header.extend((64u32 << 20).to_be_bytes());
    header.extend([0; 12]);
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        let mut peer = watched(dialer.next()).await.unwrap();
        watched(write_all(&mut *peer.write, Bytes::from(header.clone()))).await.unwrap();
        peers.push(peer);
    }
    until(|| server.counts().received_bytes == 20 * PEERS as u64).await;
    let each = LIVE.load(Relaxed).saturating_sub(before) / PEERS;
    assert!(each <= 320 * 1024, "{each} bytes for each claim of 64 MiB");
}

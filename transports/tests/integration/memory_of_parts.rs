//! Memory of packets that have partly come, also where a transport moves chunks and copies nothing.

use std::time::Duration;

use crate::support::calls::*;
use crate::support::{watched, write_all};
use bytes::Bytes;
use listenrain::{Server, ServerLimits, Transport};
use listenrain_transports::{InProcess, Quic, Tcp, Tls};

/// How many MiB a server holds of packets that have partly come, beside a limit of 4.
async fn held_of_parts(transport: &dyn Transport) -> u64 {
    let mut limits = ServerLimits::default();
    limits.all_bytes = 4 << 20;
    let listener = watched(transport.listen(&transport.scratch_endpoint())).await.unwrap();
    let server = Server::builder(native(), echo()).limits(limits).listen(listener).unwrap();
    let mut header = vec![0x4C, 1, 0, 0];
    header.extend((60u32 << 20).to_be_bytes());
    header.extend([0; 12]);
    let mut peers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut peer = watched(transport.dialer(server.endpoint()).unwrap().next()).await.unwrap();
        watched(write_all(&mut *peer.write, Bytes::from(header.clone()))).await.unwrap();
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
    let all: [&dyn Transport; 4] =
        [&Tcp::default(), &Tls::default(), &InProcess::default(), &Quic::default()];
    for transport in all {
        let held = held_of_parts(transport).await;
        // One packet at a time may go beyond the limit.
        assert!(held <= 4 + 64, "{}: {held} MiB", transport.scheme());
    }
}

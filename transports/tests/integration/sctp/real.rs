//! Lanes over the system's sockets, on several threads; those of QUIC too.

use listenrain_transports::quic::QuicOptions;
use listenrain_transports::{Quic, Sctp};
use tokio::task::JoinSet;

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_dialers_with_many_lanes_get_their_own_bytes_back() {
    for_dialers_with_lanes(Arc::new(Sctp::default())).await;
    for_dialers_with_lanes(Arc::new(Quic::new(QuicOptions::default().streams(4)).unwrap())).await;
}

async fn for_dialers_with_lanes(transport: Arc<dyn Transport>) {
    let mut listener = transport.listen(&transport.scratch_endpoint()).await.unwrap();
    let endpoint = listener.endpoint().clone();
    let serving = tokio::spawn(async move {
        let mut served = JoinSet::new();
        for _ in 0..8 * 8 {
            served.spawn(send_back(listener.next().await.unwrap()));
        }
        served.join_all().await;
    });
    let mut dialers = JoinSet::new();
    for dialer in 0..8usize {
        let mut generator = transport.dialer(&endpoint).unwrap();
        dialers.spawn(async move {
            let mut lanes = JoinSet::new();
            for lane in 0..8usize {
                let channel = generator.next().await.unwrap();
                let bytes = pattern(100_000 + 10_007 * (8 * dialer + lane));
                lanes.spawn(async move { assert!(echoed(channel, bytes.clone()).await == bytes) });
            }
            lanes.join_all().await;
        });
    }
    watched(dialers.join_all()).await;
    watched(serving).await.unwrap();
}

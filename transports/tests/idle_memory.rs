//! Memory of a connection that never sends. In a program of its own, whose every allocation is counted.

#[path = "integration/support/counted.rs"]
mod counted;
#[allow(dead_code, reason = "what other programs use")]
#[path = "integration/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use counted::LIVE;
use listenrain::buffer::{ReadBuffer, RecyclingPool};
use support::*;

#[tokio::test]
async fn reading_from_a_connection_that_never_sends_costs_no_buffer() {
    // The first poll of each made a read buffer of 16 KiB: 160 MB for 10,000 connections that do nothing.
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

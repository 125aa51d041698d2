//! What channels that are encrypted give back. In a program of its own with one test, since it counts what the whole process
//! holds.
#![cfg(target_os = "linux")]

mod support;

use std::sync::Arc;

use listenrain::Transport;
use listenrain_transports::{Quic, Tls};
use support::*;

fn held() -> (usize, usize) {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    (descriptors, tokio::runtime::Handle::current().metrics().num_alive_tasks())
}

#[tokio::test]
async fn channels_that_come_and_go_leave_no_descriptor_and_no_task_behind() {
    // LR06: each client that left cost the server a socket and a task, for ever.
    let transports: [Arc<dyn Transport>; 2] = [Arc::new(Tls::default()), Arc::new(Quic::default())];
    let before = held();
    for transport in transports {
        println!("on {}", transport.scheme());
        let mut listener = transport.listen(&transport.scratch_endpoint()).await.unwrap();
        for round in 0..100 {
            let mut dialer = transport.dialer(listener.endpoint()).unwrap();
            let (mut near, mut far) = watched(connect(&mut *listener, &mut *dialer)).await;
            write_all(&mut *near.write, "question".into()).await.unwrap();
            match round % 4 {
                0 => near.write.abort(),
                1 => drop(watched(read_exactly(&mut *far.read, 8)).await.unwrap()),
                2 => shutdown(&mut *near.write).await.unwrap(),
                _ => {}
            }
        }
        drop(listener);
    }
    watched(async {
        while held() != before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

//! What a connection gives back. In a program of its own with one test, since it counts what the whole process holds.
#![cfg(target_os = "linux")]

#[path = "support/calls.rs"]
mod calls;
mod support;

use bytes::Bytes;
use calls::*;
use listenrain::Transport;
use listenrain_transports::{Tcp, Unix};
use support::watched;

fn held() -> (usize, usize) {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    (descriptors, tasks)
}

#[tokio::test]
async fn a_thousand_connections_leave_no_descriptor_and_no_task_behind() {
    // LR06: each client that left cost the server a socket and a task, for ever.
    come_and_go(&Tcp::default()).await;
    come_and_go(&Unix::default()).await;
}

async fn come_and_go(transport: &dyn Transport) {
    let at_first = held();
    let server = serve(transport, &transport.scratch_endpoint()).await;
    let before = held();
    for round in 0..1000 {
        let client = client(transport, server.endpoint());
        watched(client.call(Bytes::from("x"))).await.unwrap();
        if round % 2 == 0 {
            watched(client.close()).await;
        }
    }
    until(|| server.connections() == 0 && held() == before).await;
    assert_eq!(server.counts().accepted, 1000);
    drop(server);
    until(|| held() == at_first).await;
}

//! What failing over gives back. In a program of its own, since it counts what the whole process holds.
#![cfg(target_os = "linux")]

#[path = "support/calls.rs"]
mod calls;
#[path = "support/processes.rs"]
mod processes;
mod support;

use bytes::Bytes;
use calls::*;
use listenrain::{Endpoint, Transport};
use listenrain_transports::all;
use processes::{Process, serve_if_told};
use support::watched;

const NAME: &str = "a_hundred_failovers_leave_no_descriptor_and_no_task_behind";

#[test]
fn a_hundred_failovers_leave_no_descriptor_and_no_task_behind() {
    // LR15: an inverted condition left the connection of every failover open.
    serve_if_told();
    fail_over_and_over();
}

fn held() -> (usize, usize) {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    (descriptors, tasks)
}

#[tokio::main(flavor = "current_thread")]
async fn fail_over_and_over() {
    let mut members = [(); 2].map(|()| Process::start(NAME, "tcp://127.0.0.1:0"));
    let list = Endpoint::list("ha", members.iter().map(|member| &member.endpoint)).unwrap();
    let client =
        client(&**all().get("ha").unwrap() as &dyn Transport, &list.with_option("first_wait", "1ms"));
    watched(client.call(Bytes::from("who"))).await.unwrap();
    let before = held();
    for round in 0..100 {
        let used = watched(async {
            loop {
                // A call that goes down with its server is lost; the next one is not.
                if let Ok(id) = client.call(Bytes::from("who")).await {
                    break id;
                }
            }
        });
        let id = used.await;
        let killed = members.iter().position(|member| member.id().to_string().as_bytes() == id).unwrap();
        let endpoint = members[killed].endpoint.to_string();
        let reconnects = client.counts().reconnects;
        // What is there is dropped, and so killed, before its successor takes the port.
        let [first, second] = members;
        let (gone, stays) = if killed == 0 { (first, second) } else { (second, first) };
        drop(gone);
        until(|| client.counts().reconnects > reconnects).await;
        let fresh = Process::start(NAME, &endpoint);
        members = if killed == 0 { [fresh, stays] } else { [stays, fresh] };
        assert!(client.counts().reconnects > round, "round {round}");
    }
    until(|| held() == before).await;
}

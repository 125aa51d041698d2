//! The library over real sockets: links that are lost, and how it goes on.

use std::time::Instant;

use crate::support::calls::*;
use crate::support::*;
use listenrain::{CallError, Client, Sent};
use listenrain_transports::{InProcess, Tcp};

#[tokio::test]
async fn the_first_call_after_the_server_restarts_on_its_port_succeeds() {
    // LR02: the first request after every disconnect was written into the dead socket, and lost.
    let transport = Tcp::default();
    let mut server = serve(&transport, &transport.scratch_endpoint()).await;
    let endpoint = server.endpoint().clone();
    let client = client(&transport, &endpoint);
    watched(client.call(Bytes::from("before"))).await.unwrap();
    for round in 1..=5 {
        watched(server.drain(Duration::ZERO)).await;
        drop(server);
        server = serve(&transport, &endpoint).await;
        // The redial starts without any traffic.
        until(|| client.counts().reconnects == round).await;
        assert_eq!(watched(client.call(Bytes::from("after"))).await.unwrap(), "after");
        assert_eq!(client.counts().timeouts, 0);
    }
}

#[tokio::test]
async fn a_hundred_calls_in_flight_end_at_once_when_the_server_is_killed() {
    // LR03: what waited for a reply was told nothing until its timer fired.
    let transport = Tcp::default();
    let server = serve(&transport, &transport.scratch_endpoint()).await;
    let client = client(&transport, server.endpoint());
    let calls: Vec<_> = (0..100).map(|_| spawn_call(&client)).collect();
    until(|| server.counts().in_flight == 100).await;
    let killed = Instant::now();
    drop(server);
    for call in calls {
        let lost = watched(call).await.unwrap().unwrap_err();
        assert!(matches!(lost, CallError::Lost { sent: Sent::Maybe, .. }), "{lost:?}");
    }
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    assert_eq!(client.counts().timeouts, 0);
}

fn spawn_call(client: &Client<listenrain::RawBytes>) -> tokio::task::JoinHandle<listenrain::Outcome<Bytes>> {
    let client = client.clone();
    tokio::spawn(async move { client.call_within(Bytes::from("wait"), WATCHDOG).await })
}

#[tokio::test]
async fn an_idle_connection_closes_at_once_over_every_transport() {
    // LR08: closing waited for two tasks that nothing would wake.
    for transport in listenrain_transports::all().list() {
        let server = serve(&**transport, &transport.scratch_endpoint()).await;
        let client = client(&**transport, server.endpoint());
        watched(client.ready()).await.unwrap();
        let begun = Instant::now();
        watched(client.close()).await;
        let drained = watched(server.drain(Duration::from_secs(20))).await;
        let took = begun.elapsed();
        assert!(drained.complete && took < Duration::from_secs(2), "{}: {took:?}", transport.scheme());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_idle_connection_to_a_program_closes_at_once() {
    // Not among all of them, since its other end is a program's own.
    let client = client(&listenrain_transports::Exec::default(), &"exec://cat".parse().unwrap());
    watched(client.ready()).await.unwrap();
    let begun = Instant::now();
    watched(client.close()).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_senders_on_a_dead_link_are_told_though_it_is_closed_twice() {
    // LR05, LR09: senders that saw a dead link each closed its queue, which was a panic; close and error waited for
    // each other.
    let transport = Tcp::default();
    let server = serve(&transport, &transport.scratch_endpoint()).await;
    let client = client(&transport, server.endpoint());
    let calls: Vec<_> = (0..64).map(|_| spawn_call(&client)).collect();
    until(|| server.counts().in_flight == 64).await;
    let close = |connection: listenrain::Connection| async move { connection.close(Duration::ZERO).await };
    let closing = [0, 1].map(|_| tokio::spawn(close(client.connection().clone())));
    // The link dies while it is closed.
    drop(server);
    for call in calls {
        let lost = watched(call).await.unwrap().unwrap_err();
        assert!(matches!(lost, CallError::Lost { sent: Sent::Maybe, .. }), "{lost:?}");
    }
    let late = watched(client.call(Bytes::from("late"))).await.unwrap_err();
    assert!(late.never_executed(), "{late:?}");
    for closed in closing {
        watched(closed).await.unwrap();
    }
    assert_eq!(client.counts().in_flight, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_end_once_each_while_their_links_are_cut_again_and_again() {
    // LR36: reply, timeout, cancel and loss at once must end a call once.
    let transport = InProcess::default();
    let endpoint = transport.scratch_endpoint();
    let control = transport.control(endpoint.address());
    let server = serve(&transport, &endpoint).await;
    let client = client(&transport, server.endpoint());
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..2000u32 {
        if number % 100 == 50 {
            control.cut();
        }
        let sender = sender.clone();
        let within = Duration::from_millis(u64::from(number % 7));
        let machine = move |outcome: listenrain::Outcome<Bytes>| drop(sender.send((number, outcome)));
        client.send_within(Bytes::from(number.to_string()), within, machine).await;
    }
    drop(sender);
    let (mut seen, mut answered) = (vec![0; 2000], 0);
    while let Some((number, outcome)) = watched(told.recv()).await {
        seen[number as usize] += 1;
        if let Ok(reply) = outcome {
            assert_eq!(reply, number.to_string(), "another call's reply");
            answered += 1;
        }
    }
    assert!(seen.iter().all(|times| *times == 1) && answered > 0, "{answered} were answered");
    // A state machine tells before it has ended, and what its call held is given back after that.
    until(|| client.counts().in_flight == 0).await;
}

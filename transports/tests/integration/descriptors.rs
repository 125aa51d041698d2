//! Descriptors and tasks that channels and connections give back.

use listenrain_transports::{Tcp, Unix};

use crate::support::calls::*;
use crate::support::child::alone;
use crate::support::*;

#[tokio::test]
async fn what_comes_and_goes_leaves_no_descriptor_and_no_task_behind() {
    // LR06: each client that left cost the server a socket and a task, for ever.
    alone("descriptors::what_comes_and_goes_leaves_no_descriptor_and_no_task_behind", come_and_go()).await;
}

async fn come_and_go() {
    for transport in listenrain_transports::all().list() {
        println!("on {}", transport.scheme());
        channels_come_and_go(&**transport).await;
    }
    clients_come_and_go(&Tcp::default()).await;
    clients_come_and_go(&Unix::default()).await;
}

async fn channels_come_and_go(transport: &dyn Transport) {
    let before = held();
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
    until(|| held() == before).await;
}

async fn clients_come_and_go(transport: &dyn Transport) {
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

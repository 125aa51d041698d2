//! Places of handlers: who has them in which order, and when they are free again.

use crate::support::*;

/// Peers that have asked three times each, one peer after the other.
async fn three_peers(net: &Net) -> Vec<Peer> {
    let mut peers = Vec::new();
    for name in ["a", "b", "c"] {
        let mut peer = net.peer().await;
        for number in 1..=3 {
            peer.send(REQUEST, number, format!("{name}{number}")).await;
        }
        settle().await;
        peers.push(peer);
    }
    peers
}

#[tokio::test(start_paused = true)]
async fn places_of_handlers_that_answer_at_once_go_round_in_turn_too_and_stay_with_nobody() {
    let net = Net::new();
    let (go_on, order) = (Arc::new(Notify::new()), Arc::new(Mutex::new(Vec::new())));
    let router = handling(&(go_on.clone(), order.clone()), |(go_on, order), request| async move {
        order.lock().unwrap().push(request.message.clone());
        if request.message == "a1" {
            go_on.notified().await;
        }
        Ok(request.message)
    });
    let _server = net.serve(Server::builder(bounded(1), router));
    let mut peers = three_peers(&net).await;
    go_on.notify_one();
    settle().await;
    assert_eq!(*order.lock().unwrap(), ["a1", "a2", "b1", "c1", "a3", "b2", "c2", "b3", "c3"]);
    // Each channel was the last one to run a handler, and rests.
    for peer in &mut peers {
        peer.send(REQUEST, 4, "again").await;
        settle().await;
    }
    assert_eq!(order.lock().unwrap().len(), 12);
}

#[tokio::test(start_paused = true)]
async fn requests_in_line_for_a_handler_stay_there_while_unread_answers_weigh_too_much() {
    const MIB: usize = 1 << 20;
    let net = Net::holding(1024);
    let (go_on, begun) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let router = handling(&(go_on.clone(), begun.clone()), |(go_on, begun), request| async move {
        begun.fetch_add(1, SeqCst);
        if request.message == "first" {
            go_on.notified().await;
        }
        Ok(Bytes::from(vec![0; MIB]))
    });
    let server =
        net.serve(Server::builder(bounded(1), router).limits(serving_up_to(|limits| limits.bytes = 4 * MIB)));
    let mut peer = net.peer().await;
    peer.send(REQUEST, 1, "first").await;
    peer.ask(2..=50, "in line").await;
    settle().await;
    assert_eq!((server.counts().in_flight, begun.load(SeqCst)), (50, 1));
    go_on.notify_one();
    settle().await;
    let answered = begun.load(SeqCst);
    assert!((4..=6).contains(&answered), "{answered} answers of 1 MiB");
    // Once they are read, the others are served.
    for _ in 1..=50 {
        assert_eq!(peer.expect(REPLY).await.payload.len(), MIB);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handlers_place_is_free_when_it_ends_though_nobody_reads_its_reply() {
    let builder = Server::builder(bounded(1), echo());
    let (net, server, mut unread) = served_on(Net::holding(1024), builder).await;
    unread.send(REQUEST, 1, vec![1; 100_000]).await;
    settle().await;
    assert_eq!(server.counts().in_flight, 1, "its reply waits to be written");
    let mut other = net.peer().await;
    other.send(REQUEST, 2, "x").await;
    assert_eq!(other.expect(REPLY).await.payload, b"x");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_does_so_for_want_of_handlers_too() {
    let (router, mut begun) = gated();
    let (_net, server, mut peer) =
        served(Server::builder(bounded(2), router).overflow(Overflow::Refuse)).await;
    peer.ask(1..=3, "x").await;
    assert_eq!(peer.refusal().await, (3, vec![1, 0]));
    assert_eq!((server.counts().in_flight, server.counts().refused), (2, 1));
    begun.recv().await.unwrap().1.notify_one();
    peer.expect(REPLY).await;
    peer.send(REQUEST, 4, "x").await;
    settle().await;
    assert_eq!(server.counts().in_flight, 2);
}

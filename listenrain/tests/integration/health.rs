//! The health check: who counts as gone, and who does not.

use crate::support::*;

fn health() -> Health {
    Health::every(secs(1), 3).packet_within(secs(30))
}

/// How long the call on this connection takes to be lost, and by what.
async fn lost(call: Call) -> (std::time::Duration, LinkError) {
    let (took, outcome) = timed(call).await;
    match outcome.unwrap().unwrap_err() {
        CallError::Lost { cause, .. } => (took, cause),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_cannot_be_pinged_may_be_silent_for_longer() {
    // The original's packets have no ping: only its own limit counts.
    for (idle, expected) in [(secs(10), secs(10)), (secs(25), secs(25))] {
        let (_net, _peers, _peer, client) =
            dialled(dialling(in_order()).health(health().idle_within(idle))).await;
        let call = start(&client, "x").await;
        let (took, cause) = lost(call).await;
        assert!(matches!(cause, LinkError::Silent(_)), "{cause:?}");
        assert!(took >= expected - ms(1) && took <= expected + secs(1), "{idle:?}: {took:?}");
        assert_eq!(client.counts().given_up, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_pinged_when_it_is_quiet_and_only_then() {
    let (net, _peers, mut peer, client) = dialled(dialling(native()).health(health())).await;
    for _ in 0..10 {
        let call = start(&client, "x").await;
        // Were there a ping, this would be it.
        peer.answer("").await;
        call.await.unwrap().unwrap();
        tokio::time::sleep(ms(700)).await;
    }
    let (took, ping) = timed(peer.expect(PING)).await;
    assert!(took <= secs(2), "{took:?}");
    peer.send_bytes(&Frame { flags: ANSWER, ..ping }.bytes()).await;
    // Each that is answered earns it another interval.
    for _ in 0..10 {
        peer.pong().await;
    }
    assert_eq!(net.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_not_read_is_not_called_silent() {
    // This side is at its limit, with handlers that take long; what the peer sends meanwhile is not looked at.
    let go_on = Arc::new(Notify::new());
    let builder = serving(held(&go_on).0).max_requests(1).health(health());
    let (_net, server, mut peer) = served(builder).await;
    peer.send(REQUEST, 1, "a").await;
    peer.send(REQUEST, 2, "b").await;
    tokio::time::sleep(secs(60)).await;
    assert_eq!(server.connections(), 1);
    go_on.notify_one();
    while peer.read().await.expect("it is still served").kind != REPLY {}
    // Now it is read, and says nothing for three intervals.
    go_on.notify_one();
    tokio::time::sleep(ms(5100)).await;
    assert_eq!(server.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_packet_may_take_its_time() {
    let net = Net::new();
    let _server = net.serve(serving(echo()).health(health().packet_within(secs(10))));
    let bytes = Frame::new(REQUEST, 1, vec![1; 100]).bytes();
    // A byte a second, of a packet that takes eight.
    let mut peer = net.peer().await;
    peer.send_bytes(&bytes[..bytes.len() - 8]).await;
    for at in bytes.len() - 8..bytes.len() {
        tokio::time::sleep(secs(1)).await;
        peer.send_bytes(&bytes[at..=at]).await;
    }
    while peer.read().await.expect("it is answered").kind != REPLY {}
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stood_still_asks_before_it_gives_up_a_peer() {
    let (_net, mut peer, client) = by_hand(native()).await;
    settle().await;
    // As after a machine was suspended, or a thread was blocked: time has passed in one step.
    tokio::time::advance(secs(61)).await;
    peer.pong().await;
    exchange(&client, &mut peer, "still there", "").await;
    // One that does not answer is given up all the same.
    let (took, ()) = timed(async { while peer.read_any().await.is_some() {} }).await;
    assert!(took >= secs(45) && took <= secs(75), "{took:?}");
}

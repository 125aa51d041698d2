//! Each limit just below, at, and just above what it allows.

use crate::support::*;

/// The payload of a refusal for want of room.
const OVERLOADED: [u8; 2] = [1, 0];

/// A connected client that refuses what finds no room, and its peer.
async fn refusing(limit: impl FnOnce(&mut ConnectionLimits)) -> (Peer, Client<RawBytes>) {
    let builder = dialling(native()).limits(calling_up_to(limit)).overflow(Overflow::Refuse);
    let (_, _, peer, client) = dialled(builder).await;
    (peer, client)
}

async fn is_refused(client: &Client<RawBytes>, message: &'static str) -> bool {
    let call = start(client, message).await;
    if !call.is_finished() {
        return false;
    }
    assert_fails!(call.await.unwrap(), CallError::Refused(Refusal::Full { .. }));
    true
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_connection() {
    let (mut peer, client) = refusing(|limits| limits.requests = 3).await;
    for in_flight in 1..=3 {
        assert!(!is_refused(&client, "x").await);
        assert_eq!(client.counts().in_flight, in_flight);
    }
    assert!(is_refused(&client, "x").await);
    peer.answer("").await;
    settle().await;
    assert!(!is_refused(&client, "x").await, "one has ended");
    assert!(is_refused(&client, "x").await);
}

#[tokio::test(start_paused = true)]
async fn bytes_of_a_connections_requests() {
    let (_peer, client) = refusing(|limits| limits.bytes = 10).await;
    assert!(!is_refused(&client, "123456789").await);
    assert!(is_refused(&client, "12").await, "one too many");
    assert!(!is_refused(&client, "1").await);
    assert_eq!(client.counts().in_flight_bytes, 10);
    assert!(is_refused(&client, "1").await);
    assert!(!is_refused(&client, "").await, "what weighs nothing has room");
}

#[tokio::test(start_paused = true)]
async fn bytes_of_replies_that_are_not_taken() {
    let (mut peer, client) = refusing(|limits| limits.reply_bytes = 10).await;
    // The calls are polled once, so that their replies wait until they are polled again.
    let mut calls: Vec<_> = (0..3).map(|_| Box::pin(client.call(Bytes::new()))).collect();
    for (call, reply) in calls.iter_mut().zip(["123456789", "1", "1"]) {
        assert!(poll_once(call.as_mut()).is_pending());
        peer.answer(reply).await;
        settle().await;
    }
    let [first, second, third]: [_; 3] = calls.try_into().ok().unwrap();
    assert_eq!((first.await.unwrap().len(), second.await.unwrap().len()), (9, 1));
    assert_fails!(third.await, CallError::Failed(Failure::ReplyOverflow { size: 1, waiting: 10, limit: 10 }));
    assert_eq!(client.counts().dropped_replies, 1);
}

/// A server whose handlers wait to be let go on, and that refuses what finds no room.
fn full(limit: impl FnOnce(&mut ServerLimits)) -> (Net, Server, Arc<Notify>) {
    let (net, go_on) = (Net::new(), Arc::new(Notify::new()));
    let builder = serving(held(&go_on).0).limits(serving_up_to(limit)).overflow(Overflow::Refuse);
    (net.clone(), net.serve(builder), go_on)
}

/// Asks; whether it is refused at once.
async fn ask(peer: &mut Peer, payload: usize) -> bool {
    peer.send(REQUEST, 1, vec![1; payload]).await;
    peer.send(PING, 9, "").await;
    let frame = peer.read().await.unwrap();
    if frame.kind == PING {
        return false;
    }
    assert_eq!((frame.kind, &frame.payload[..]), (REFUSED, &OVERLOADED[..]));
    peer.expect(PING).await;
    true
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_servers_channel() {
    let (net, server, go_on) = full(|limits| limits.requests = 3);
    let mut peer = net.peer().await;
    for in_flight in 1..=3 {
        assert!(!ask(&mut peer, 1).await);
        assert_eq!(server.counts().in_flight, in_flight);
    }
    assert!(ask(&mut peer, 1).await);
    let mut other = net.peer().await;
    assert!(!ask(&mut other, 1).await, "another channel has its own");
    go_on.notify_one();
    peer.expect(REPLY).await;
    assert!(!ask(&mut peer, 1).await);
    assert!(ask(&mut peer, 1).await);
}

#[tokio::test(start_paused = true)]
async fn bytes_of_a_servers_channel() {
    let (net, server, _go_on) = full(|limits| limits.bytes = 100);
    let mut peer = net.peer().await;
    assert!(!ask(&mut peer, 99).await);
    assert!(ask(&mut peer, 2).await);
    assert!(!ask(&mut peer, 1).await);
    assert_eq!(server.counts().in_flight_bytes, 100);
    assert!(ask(&mut peer, 1).await);
    assert!(!ask(&mut net.peer().await, 100).await, "another channel has its own");
}

/// Four peers that ask for as much as they get of what suffices for four requests of `size`: each takes no more than it
/// leaves, two of four, one of two, and the last.
async fn four_that_share(net: &Net, size: usize) -> Vec<Peer> {
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(net.peer().await);
    }
    for (at, takes) in [2, 1, 1, 0].into_iter().enumerate() {
        for _ in 0..takes {
            assert!(!ask(&mut peers[at], size).await, "{at}");
        }
        assert!(ask(&mut peers[at], size).await, "{at}");
    }
    peers
}

#[tokio::test(start_paused = true)]
async fn requests_of_all_channels() {
    let (net, server, go_on) = full(|limits| limits.all_requests = 4);
    let mut peers = four_that_share(&net, 1).await;
    assert_eq!(server.counts().in_flight, 4);
    go_on.notify_one();
    peers[0].expect(REPLY).await;
    assert!(ask(&mut peers[0], 1).await, "it would hold more than it leaves");
    assert!(!ask(&mut peers[3], 1).await);
}

#[tokio::test(start_paused = true)]
async fn bytes_of_all_channels() {
    let (net, server, _go_on) = full(|limits| limits.all_bytes = 400);
    let mut peers = four_that_share(&net, 100).await;
    assert_eq!(server.counts().in_flight_bytes, 400);
    assert!(ask(&mut peers[3], 1).await);
}

#[tokio::test(start_paused = true)]
async fn ages_of_channels() {
    let largest = Duration::from_secs(3650 * 86_400);
    for (age, is_legal) in [
        (ms(999), false),
        (secs(1), true),
        (largest, true),
        (largest + Duration::from_nanos(1), false),
        (Duration::MAX, false),
    ] {
        let net = Net::new();
        let server = serving(echo()).max_age(age).listen(net.listener());
        let error = server.err().map(|error| error.to_string());
        assert_eq!(error.is_none(), is_legal, "{age:?}: {error:?}");
        assert!(error.is_none_or(|error| error.contains("max_age") && error.contains("3650 days")));
    }
}

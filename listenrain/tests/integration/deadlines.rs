//! Deadlines: what they cover, and what a call that ended early gives back.

use crate::support::*;

fn is_timeout(outcome: Outcome<Bytes>) -> bool {
    matches!(outcome, Err(CallError::Timeout))
}

/// Its deadline passed before it left, which is another end: it can be made again.
fn is_expired(outcome: Outcome<Bytes>) -> bool {
    outcome.is_err_and(|error| matches!(error, CallError::Expired) && error.never_executed())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_covers_queueing_and_writing() {
    // LR10: the original started the timer after the queue had taken the packet, which a stalled peer could put off
    // for ever.
    let net = Net::holding(64);
    let _peers = net.peers();
    let client = net.dial(dialling(native()).max_requests(4));
    let calls = (0..10).map(|_| {
        let (client, message) = (client.clone(), Bytes::from(vec![0; 100_000]));
        tokio::spawn(async move { timed(client.call_within(message, ms(100))).await })
    });
    let mut unsent = 0;
    for call in calls.collect::<Vec<_>>() {
        let (took, outcome) = call.await.unwrap();
        assert!(took >= ms(100) && took < ms(110), "{took:?}");
        unsent += usize::from(is_expired(outcome));
    }
    // There was room for four, of which the link takes 256 KiB at a time to write them: three.
    let counts = client.counts();
    assert_eq!((counts.in_flight, counts.in_flight_bytes, counts.timeouts), (0, 0, 10));
    assert_eq!((unsent, counts.expired), (7, 7));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_covers_waiting_for_a_dial() {
    // LR04: calls queued while the link was down were never ended.
    let (_net, _peers, client) = hanging(dialling(native()));
    let (took, outcome) = timed(client.call_within(Bytes::new(), ms(70))).await;
    assert!(is_expired(outcome) && took >= ms(70) && took < ms(75), "{took:?}");
    assert_eq!(client.counts().queued, 0, "its packet stays behind");
}

#[tokio::test(start_paused = true)]
async fn each_call_has_its_own_deadline_whatever_becomes_of_the_link() {
    // LR04: after a failed redial the original's timer ended, and with it every deadline that was still to come.
    let (net, _peer, client) = by_hand(native()).await;
    let mut calls = Vec::new();
    for _ in 0..5 {
        calls.push(start_within(&client, "asked", secs(5)).await);
        tokio::time::advance(ms(900)).await;
    }
    net.refuse_after(0);
    net.cut();
    settle().await;
    let (took, late) = timed(client.call_within(Bytes::new(), secs(5))).await;
    assert!(is_expired(late) && took >= secs(5), "{took:?}");
    for call in calls {
        assert!(matches!(call.await.unwrap(), Err(CallError::Lost { .. })));
    }
    assert_eq!(client.counts().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn deadlines_are_kept_to_the_call_in_any_order() {
    let (_net, _server, client) = linked(silent()).await;
    let mut calls = Vec::new();
    for asked in [500, 20, 300, 20, 100].map(ms) {
        let client = client.clone();
        let call = async move { timed(client.call_within(Bytes::new(), asked)).await };
        calls.push((asked, tokio::spawn(call)));
    }
    for (asked, call) in calls {
        let (took, outcome) = call.await.unwrap();
        assert!(is_timeout(outcome) && took >= asked && took <= asked + ms(2), "{asked:?}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_in_the_queue_is_never_sent() {
    let (net, mut peers, client) = hanging(dialling(native()));
    start(&client, "taken back").await.abort();
    settle().await;
    let _kept = start(&client, "kept").await;
    net.hang(false);
    assert_eq!(peers.next().await.expect(REQUEST).await.payload, b"kept");
}

#[tokio::test(start_paused = true)]
async fn a_full_connection_drops_and_counts_one_way_messages_where_it_may() {
    let builder = dialling(native()).max_requests(1).overflow(Overflow::Drop);
    let (_net, _, mut peer, client) = dialled(builder).await;
    let _call = start(&client, "call").await;
    client.one_way(Bytes::from("dropped")).await.unwrap();
    assert_eq!(client.counts().dropped_one_ways, 1);
    assert_fails!(
        client.call(Bytes::new()).await,
        CallError::Refused(Refusal::Full { count: 1, max_count: 1, .. })
    );
    peer.expect(REQUEST).await;
    settle().await;
    assert_eq!(client.counts().queued, 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_the_whole_budget_is_admitted_alone() {
    let (_net, _server, client) = between(serving(echo()), dialling(native()).max_bytes(10)).await;
    let large = Bytes::from(vec![7; 100_000]);
    let (first, second) = tokio::join!(client.call(large.clone()), client.call(large.clone()));
    assert_eq!((first.unwrap(), second.unwrap()), (large.clone(), large));
}

#[tokio::test(start_paused = true)]
async fn calls_are_refused_at_once_when_the_endpoint_is_down() {
    // LR27: the original's state stayed at recovering, and senders queued to nobody.
    let net = Net::new();
    let client = net.dial(dialling(native()).backoff(Backoff::between(ms(10), ms(10)).down_after(3)));
    let queued = start(&client, "queued").await;
    assert_fails!(queued.await.unwrap(), CallError::Refused(Refusal::Down { .. }));
    let (took, refused) = timed(client.call(Bytes::new())).await;
    assert_fails!(refused, CallError::Refused(Refusal::Down { .. }));
    assert_eq!((took, net.dials()), (Duration::ZERO, 3));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_beyond_all_time_is_no_panic() {
    let (_net, server, client) = linked(echo()).await;
    let reply = client.call_within(Bytes::from("x"), Duration::MAX).await;
    assert_eq!(reply.unwrap(), "x");
    client.connection().close(Duration::MAX).await;
    server.drain(Duration::MAX).await;
}

#[tokio::test(start_paused = true)]
async fn an_answered_call_leaves_no_timer_behind() {
    // LR33: the original kept a heap entry for the whole timeout of every call that had been answered long ago.
    let watched = Watched::default();
    let made = watched.clone();
    let protocol = Protocol::builder("watched", RawBytes).timers(move || made.clone()).build().unwrap();
    let (_net, _server, client) = between(serving(obeying()), dialling(protocol)).await;
    for _ in 0..100 {
        client.call_within(Bytes::new(), secs(3600)).await.unwrap();
    }
    assert_eq!((watched.added(), watched.len()), (100, 0));
    let call = start(&client, "never").await;
    assert_eq!((watched.added(), watched.len()), (101, 1));
    call.abort();
    settle().await;
    assert_eq!((watched.added(), watched.len()), (101, 0));
    // A send removes its own too.
    let told = send_to(&client, "x", secs(5)).await;
    only(told).await.unwrap();
    assert_eq!((watched.added(), watched.len()), (102, 0));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_counts_from_when_its_own_request_came() {
    let router = Router::new().fallback(|request: Request<Bytes>| async move {
        let left = request.deadline.expect("one was sent").duration_since(Instant::now());
        Ok(Bytes::from(left.as_millis().to_string()))
    });
    let (_net, _server, mut peer) = served(serving(router)).await;
    for _ in 0..2 {
        peer.ask_within(1, "left", 1000).await;
        assert_eq!(peer.expect(REPLY).await.payload, b"1000");
        tokio::time::sleep(secs(10)).await;
    }
}

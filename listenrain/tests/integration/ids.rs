//! Ids and order: a reply reaches its own call, or nobody.

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn an_id_is_never_used_twice_and_its_late_reply_reaches_nobody() {
    // LR23: the original reused an id's slot, so a late reply or a stale timer hit its next user.
    let (_net, mut peer, client) = by_hand(native()).await;
    assert!(client.call_within(Bytes::from("old"), ms(10)).await.is_err());
    let old = peer.expect(REQUEST).await;
    peer.expect(CANCEL).await;
    let (call, new) = started(&client, &mut peer, "new").await;
    assert_ne!(old.id, new.id);
    peer.send(REPLY, old.id, "late").await;
    peer.ends(call, &new, "mine").await;
    assert_eq!(client.counts().late_replies, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answered_calls_timer_does_not_hit_its_next_user() {
    // LR23: the stale timer of an answered call fired on whoever used its id next.
    let (_net, mut peer, client) = by_hand(native()).await;
    let first = start_within(&client, "first", ms(100)).await;
    peer.answer("").await;
    first.await.unwrap().unwrap();
    let second = start_within(&client, "second", ms(500)).await;
    let asked = peer.expect(REQUEST).await;
    tokio::time::advance(ms(300)).await;
    settle().await;
    peer.ends(second, &asked, "in time").await;
    assert_eq!(client.counts().timeouts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_reply_reaches_nobody() {
    // LR36: two replies to one call could complete two callers.
    let (_net, mut peer, client) = by_hand(native()).await;
    let (first, asked) = started(&client, &mut peer, "first").await;
    for reply in ["one", "two", "three"] {
        peer.send(REPLY, asked.id, reply).await;
    }
    assert_eq!(first.await.unwrap().unwrap(), "one");
    exchange(&client, &mut peer, "second", "mine").await;
    assert_eq!(client.counts().late_replies, 2);
}

#[tokio::test(start_paused = true)]
async fn replies_nobody_asked_for_are_counted_and_harm_nobody() {
    // LR38: the original wrote a line of log for each.
    let (_net, mut peer, client) = by_hand(native()).await;
    for id in [0, 1, u64::MAX, 1 << 32, 0xFFFF_FFFF] {
        peer.send(REPLY, id, "stray").await;
    }
    exchange(&client, &mut peer, "asked", "mine").await;
    assert_eq!(client.counts().late_replies, 5);
}

#[tokio::test(start_paused = true)]
async fn an_id_of_the_users_that_is_in_flight_is_refused_and_harms_nobody() {
    // LR23: a duplicate id silently took the place of the caller before it, who then waited for ever.
    let (_net, mut peer, client) = by_hand(first_byte_is_id()).await;
    let first = start(&client, "1first").await;
    let refused = client.call(Bytes::from("1second")).await.unwrap_err();
    let CallError::Refused(Refusal::DuplicateId { state, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(state, IdState::InFlight);
    assert!(state.to_string().contains("in flight"), "{state}");
    assert_eq!(peer.read_original().await.unwrap(), b"1first");
    peer.send_original("1reply").await;
    assert_eq!(first.await.unwrap().unwrap(), "1reply");
    exchange_originals(&client, &mut peer, "1again", "1yes").await;
}

#[tokio::test(start_paused = true)]
async fn an_id_of_the_users_is_quarantined_until_its_reply_has_come() {
    // LR23: a late reply reached the next user of its id.
    let (_net, mut peer, client) = by_hand(first_byte_is_id()).await;
    assert!(client.call_within(Bytes::from("1old"), ms(10)).await.is_err());
    let refused = client.call(Bytes::from("1new")).await.unwrap_err();
    let state = IdState::Quarantined;
    assert!(state.to_string().contains("quarantined"), "{state}");
    assert!(is_quarantined(&refused), "{refused:?}");
    peer.send_original("1late").await;
    settle().await;
    exchange_originals(&client, &mut peer, "1new", "1mine").await;
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_ends_with_the_link() {
    let (net, mut peers, _first, client) = dialled(dialling(first_byte_is_id())).await;
    assert!(client.call_within(Bytes::from("1old"), ms(10)).await.is_err());
    net.cut();
    let mut second = peers.next().await;
    exchange_originals(&client, &mut second, "1new", "1mine").await;
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_outlasts_the_loss_of_a_lane_while_others_are_open() {
    // The reply that is late may still come on one of those.
    let net = Net::new();
    let _peers = net.peers();
    let client = net.dial(dialling(first_byte_is_id()).lanes(2));
    settle().await;
    assert!(client.call_within(Bytes::from("1old"), ms(10)).await.is_err());
    let unused = (0..2).find(|lane| net.line(*lane).written() == 0).unwrap();
    net.line(unused).cut();
    tokio::time::sleep(secs(1)).await;
    assert_eq!((net.dials(), client.counts().reconnects), (3, 1));
    let refused = client.call(Bytes::from("1new")).await.unwrap_err();
    assert!(is_quarantined(&refused), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn as_many_ids_are_in_quarantine_as_may_be_and_then_the_oldest_is_let_go() {
    let id_of =
        |bytes: &[u8]| bytes.try_into().map(u16::from_be_bytes).map_err(|_| MessageError::new("no id"));
    let protocol = Protocol::builder("two bytes", RawBytes)
        .packets(OriginalPackets::default())
        .correlation(Correlation::by_message(id_of))
        .build();
    let (_net, _peer, client) = by_hand(protocol.unwrap()).await;
    let call = |id: u16| client.call_within(Bytes::copy_from_slice(&id.to_be_bytes()), ms(1));
    for id in 0..4096 {
        let error = call(id).await.unwrap_err();
        assert!(matches!(error, CallError::Timeout), "{id}: {error:?}");
    }
    assert!(is_quarantined(&call(0).await.unwrap_err()), "as many as may be");
    assert!(matches!(call(4096).await, Err(CallError::Timeout)), "one more");
    assert!(is_quarantined(&call(1).await.unwrap_err()), "the oldest but one");
    assert!(matches!(call(0).await, Err(CallError::Timeout)), "the oldest");
}

#[tokio::test(start_paused = true)]
async fn a_reply_with_the_id_of_another_request_is_an_error_of_who_gives_it() {
    // It would be the answer to somebody else's call.
    let (router, mut asked) = handed_over();
    let (_net, server, mut peer) = served(Server::builder(first_byte_is_id(), router)).await;
    peer.send_original("1ask").await;
    assert_fails!(asked.recv().await.unwrap().1.reply("2mine".into()), RespondError::Encode(_));
    peer.send_original("2ask").await;
    asked.recv().await.unwrap().1.reply("2yours".into()).unwrap();
    assert_eq!(peer.read_original().await.unwrap(), b"2yours", "and nothing before it");
    assert_eq!((server.counts().errors, server.counts().in_flight), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_message_without_an_id_is_refused_to_its_caller() {
    // LR30: an error of a codec was never told to the caller.
    let (_net, _peer, client) = by_hand(first_byte_is_id()).await;
    assert_fails!(client.call(Bytes::new()).await, CallError::Refused(Refusal::Encode(_)));
    assert_eq!(client.counts().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_keeps_its_place_where_order_is_all_there_is() {
    let (_net, mut peer, client) = by_hand(in_order()).await;
    assert_fails!(client.call_within(Bytes::from("a"), ms(10)).await, CallError::Timeout);
    start(&client, "b").await.abort();
    settle().await;
    let call = start(&client, "c").await;
    for reply in ["to a", "to b", "to c"] {
        peer.send_original(reply).await;
    }
    assert_eq!(call.await.unwrap().unwrap(), "to c");
    assert_eq!(client.counts().late_replies, 2);
}

#[tokio::test(start_paused = true)]
async fn order_starts_afresh_on_a_new_link() {
    let (net, mut peers, mut first, client) = dialled(dialling(in_order())).await;
    let lost = start(&client, "lost").await;
    first.read_original().await.unwrap();
    net.cut();
    assert!(matches!(lost.await.unwrap(), Err(CallError::Lost { .. })));
    let mut second = peers.next().await;
    exchange_originals(&client, &mut second, "asked", "mine").await;
}

#[tokio::test(start_paused = true)]
async fn a_server_answers_in_the_order_of_requests_where_order_is_all_there_is() {
    let (_net, _server, client) = between(Server::builder(in_order(), obeying()), dialling(in_order())).await;
    let (slow, quick) = (start(&client, "slow").await, start(&client, "quick").await);
    assert_eq!(slow.await.unwrap().unwrap(), "slow");
    assert_eq!(quick.await.unwrap().unwrap(), "quick");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_does_not_shift_the_others_where_order_is_all_there_is() {
    let (_net, _server, client) = between(Server::builder(in_order(), obeying()), dialling(in_order())).await;
    let (bad, good) = (start(&client, "bad").await, start(&client, "good").await);
    assert!(matches!(bad.await.unwrap(), Err(CallError::Lost { .. })));
    assert!(!good.await.unwrap().is_ok_and(|reply| reply != "good"));
    assert_eq!(client.call(Bytes::from("next")).await.unwrap(), "next");
}

#[tokio::test(start_paused = true)]
async fn answers_that_wait_for_their_turn_are_let_go_with_their_channel() {
    // The handler of the request before them runs on, and would keep them as long as it likes.
    let (_net, server, mut peer) = served(Server::builder(in_order(), obeying())).await;
    peer.send_original("never").await;
    peer.send_original([0; 1000]).await;
    settle().await;
    assert_eq!((server.counts().in_flight, server.counts().in_flight_bytes), (2, 1000 + 5));
    peer.send_bytes(&[0xff; 4]).await;
    settle().await;
    assert_eq!((server.connections(), server.counts().in_flight, server.counts().in_flight_bytes), (0, 1, 5));
}

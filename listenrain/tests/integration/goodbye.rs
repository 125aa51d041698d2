//! Hello and goodbye: how channels begin and end in an orderly way, with peers of today and of before.

use crate::support::*;
use std::sync::OnceLock;

#[tokio::test(start_paused = true)]
async fn a_client_says_hello_first_and_its_first_call_waits_for_no_answer() {
    let (_net, _peers, mut peer, client) = dialled(dialling(native())).await;
    let _call = start(&client, "at once").await;
    let hello = peer.read_any().await.unwrap();
    assert_eq!((hello.kind, hello.flags, hello.id, &hello.payload[..]), (HELLO, 0, 0, &OWN_HELLO[..]));
    assert_eq!(peer.read_any().await.unwrap().payload, b"at once");
}

#[tokio::test(start_paused = true)]
async fn golden_bytes_of_a_session_with_a_peer_of_before_there_were_hellos() {
    // What a server of then got and said, byte for byte, but for the hello that it refuses by its number.
    let (_net, _peers, mut server, client) = dialled(dialling(native())).await;
    let call = start(&client, "ask").await;
    let mut got = vec![0; 20 + 10 + 20 + 3];
    server.io.read_exact(&mut got).await.unwrap();
    let (hello, request) = got.split_at(30);
    assert_eq!(hello, [&[0x4C, 8, 0, 0, 0, 0, 0, 10][..], &[0; 12], &OWN_HELLO].concat());
    let id = &request[8..16];
    assert_eq!(request[..8], [0x4C, 1, 0, 0, 0, 0, 0, 3]);
    assert_eq!(request[16..], [&60_000u32.to_be_bytes()[..], b"ask"].concat());
    server.send_bytes(&[0x4C, 4, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 8]).await;
    server.send_bytes(&[&[0x4C, 2, 0, 0, 0, 0, 0, 3][..], id, &[0; 4], b"yes"].concat()).await;
    assert_eq!(call.await.unwrap().unwrap(), "yes");
    assert_eq!((client.counts().late_replies, client.counts().refused), (0, 0));
    // And what a client of then said and got.
    let (_net, server, mut client) = served(serving(echo())).await;
    client.send_bytes(&[&[0x4C, 1, 0, 0, 0, 0, 0, 3][..], id, &[0; 4], b"ask"].concat()).await;
    let mut got = vec![0; 23];
    client.io.read_exact(&mut got).await.unwrap();
    assert_eq!(got, [&[0x4C, 2, 0, 0, 0, 0, 0, 3][..], id, &[0; 4], b"ask"].concat());
    // Its channel is ended without a word that it would not know.
    let drained = server.drain(secs(5)).await;
    assert!(drained.complete, "{drained:?}");
    assert_eq!(client.read_any().await, None);
}

#[tokio::test(start_paused = true)]
async fn golden_bytes_of_the_originals_protocol_stay_what_they_were() {
    let (_net, _peers, mut server, client) = dialled(dialling(in_order())).await;
    let call = start(&client, "ask").await;
    let mut got = vec![0; 7];
    server.io.read_exact(&mut got).await.unwrap();
    assert_eq!(got, [0, 0, 0, 3, b'a', b's', b'k']);
    server.send_bytes(&[0, 0, 0, 3, b'y', b'e', b's']).await;
    assert_eq!(call.await.unwrap().unwrap(), "yes");
}

#[tokio::test(start_paused = true)]
async fn a_hello_is_answered_once_and_what_a_newer_peer_adds_is_ignored() {
    let (_net, _server, mut peer) = served(serving(echo())).await;
    let newer = [&[0, 1, 0xFF, 0, 0, 0, 0, 0, 0, 1][..], b"more"].concat();
    peer.send(HELLO, 0, &newer).await;
    peer.send(HELLO, 0, &newer).await;
    peer.send(HELLO, 0, "short").await;
    peer.send(REQUEST, 1, "x").await;
    assert_eq!(peer.read_any().await.unwrap().payload, OWN_HELLO);
    assert_eq!(peer.read_any().await.unwrap().kind, REPLY, "one answer to three hellos");
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_another_version_is_told_so() {
    let (_net, _server, mut peer) = served(serving(echo())).await;
    peer.send(HELLO, 0, [0, 2, 0, 0, 0, 0, 0, 0, 0, 1]).await;
    assert_eq!(peer.expect(GOODBYE).await.payload, goodbye(VERSION, 0, 0, 30_000));
}

#[tokio::test(start_paused = true)]
async fn a_drain_says_what_was_taken_and_refuses_what_still_comes_until_it_is_answered() {
    // After its end was said, what still came was thrown away, and its callers were told that it may have run.
    let (net, go_on) = (Net::new(), Arc::new(Notify::new()));
    let (router, begun) = held(&go_on);
    let server = serve(&net, router);
    let mut peer = greeted(&net).await;
    peer.ask(1..=3, "taken").await;
    peer.send(ONE_WAY, 0, "taken").await;
    settle().await;
    let draining = tokio::spawn(async move { server.drain(secs(30)).await });
    assert_eq!(peer.expect(GOODBYE).await.payload, goodbye(DRAINING, 3, 1, 1000));
    peer.send(REQUEST, 4, "late").await;
    peer.send(ONE_WAY, 0, "late").await;
    assert_eq!(peer.refusal().await, (4, vec![2, 0]));
    go_on.notify_waiters();
    let mut answered: Vec<_> =
        [peer.expect(REPLY).await.id, peer.expect(REPLY).await.id, peer.expect(REPLY).await.id].into();
    answered.sort_unstable();
    assert_eq!(answered, [1, 2, 3]);
    peer.send_bytes(&Frame { flags: ANSWER, ..Frame::new(GOODBYE, 0, "") }.bytes()).await;
    assert_eq!(peer.read_any().await, None);
    drop(peer);
    let drained = draining.await.unwrap();
    assert_eq!((drained.complete, drained.answered, drained.refused, drained.cut_off), (true, 3, 1, 0));
    assert_eq!(begun.load(SeqCst), 4, "three requests and a one-way message, and nothing that came late");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_a_goodbye_holds_up_a_drain_no_longer_than_a_second() {
    let net = Net::new();
    let server = serve(&net, echo());
    let mut peer = greeted(&net).await;
    let (took, drained) = timed(server.drain(secs(60))).await;
    // A second for the answer, and another one for its end.
    assert!(drained.complete && took <= ms(2100), "{took:?}");
    assert_eq!(peer.expect(GOODBYE).await.payload[0], DRAINING);
}

#[tokio::test(start_paused = true)]
async fn a_hello_that_is_on_its_way_as_a_drain_begins_is_waited_for() {
    let (_net, server, mut peer) = served(serving(echo())).await;
    let draining = tokio::spawn(async move { server.drain(secs(60)).await });
    settle().await;
    peer.send(HELLO, 0, OWN_HELLO).await;
    peer.send(REQUEST, 1, "late").await;
    assert_eq!(peer.read_any().await.unwrap().kind, HELLO);
    assert_eq!(peer.expect(GOODBYE).await.payload, goodbye(DRAINING, 0, 0, 1000));
    assert_eq!(peer.expect(REFUSED).await.id, 1);
    drop(peer);
    assert!(draining.await.unwrap().complete);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_decoded_just_as_a_drain_begins_is_not_counted_by_the_goodbye() {
    // It was counted and refused by itself, so its caller heard of the drain although it could have been sent elsewhere.
    let (net, server) = (Net::new(), Arc::new(OnceLock::<Server>::new()));
    let router = handling(&server, |server, request| async move {
        assert!(poll_once(std::pin::pin!(server.get().unwrap().drain(secs(30)))).is_pending());
        Ok(request.message)
    });
    assert!(server.set(serve(&net, router)).is_ok());
    let mut peer = greeted(&net).await;
    let both = [Frame::new(REQUEST, 1, "begins it").bytes(), Frame::new(REQUEST, 2, "late").bytes()];
    peer.send_bytes(&both.concat()).await;
    let mut said = Vec::new();
    while said.len() < 3 {
        said.push(peer.read_any().await.unwrap());
    }
    let by_kind = |kind| said.iter().find(|frame| frame.kind == kind).unwrap();
    assert_eq!(by_kind(GOODBYE).payload, goodbye(DRAINING, 1, 0, 1000));
    assert_eq!((by_kind(REPLY).id, by_kind(REFUSED).id), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_found_no_room_when_a_drain_begins_is_not_counted_by_the_goodbye() {
    let (net, go_on) = (Net::new(), Arc::new(Notify::new()));
    let server = net.serve(serving(held(&go_on).0).max_requests(1));
    let mut peer = greeted(&net).await;
    peer.send(REQUEST, 1, "taken").await;
    peer.send(REQUEST, 2, "waits").await;
    settle().await;
    let _draining = tokio::spawn(async move { server.drain(secs(30)).await });
    assert_eq!(peer.expect(GOODBYE).await.payload, goodbye(DRAINING, 1, 0, 1000));
    assert_eq!(peer.expect(REFUSED).await.id, 2);
}

/// A server with places for two handlers, a peer that has asked it five times, and how many handlers have begun.
async fn two_of_five_run() -> (Server, Peer, Arc<AtomicUsize>) {
    let (net, (router, begun)) = (Net::new(), held(&Arc::default()));
    let server = net.serve(Server::builder(bounded(2), router));
    let mut peer = greeted(&net).await;
    peer.ask(1..=5, "x").await;
    settle().await;
    (server, peer, begun)
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_line_when_a_drain_ends_is_refused_and_what_runs_is_cut_off() {
    let (server, mut peer, begun) = two_of_five_run().await;
    let drained = server.drain(secs(1)).await;
    assert_eq!((drained.complete, drained.refused, drained.cut_off), (false, 3, 2));
    let frames = peer.read_all().await;
    let refused: Vec<_> = frames.iter().filter(|frame| frame.kind == REFUSED).map(|frame| frame.id).collect();
    assert_eq!((refused, begun.load(SeqCst)), (vec![3, 4, 5], 2));
}

#[tokio::test(start_paused = true)]
async fn drains_side_by_side_and_one_after_the_other_tell_the_same() {
    let (server, _peer, _) = two_of_five_run().await;
    let (one, other) = tokio::join!(server.drain(secs(1)), server.drain(secs(2)));
    assert_eq!((one.complete, one.answered, one.refused, one.cut_off), (false, 0, 3, 2));
    assert_eq!((other, server.drain(secs(3)).await), (one, one));
}

#[tokio::test(start_paused = true)]
async fn a_client_sends_again_elsewhere_what_a_goodbye_does_not_count() {
    let (_net, mut peers, mut first, client) = dialled(dialling(native())).await;
    let taken = start(&client, "taken").await;
    let untaken = start(&client, "untaken").await;
    let (asked, late) = (first.expect(REQUEST).await, first.expect(REQUEST).await);
    first.send(GOODBYE, 0, goodbye(DRAINING, 1, 0, 0)).await;
    let answer = first.read_any().await.unwrap();
    assert_eq!((answer.kind, answer.flags, answer.payload.len()), (GOODBYE, ANSWER, 0));
    let mut second = peers.next().await;
    let again = second.expect(REQUEST).await;
    assert_eq!((again.id, &again.payload[..]), (late.id, &b"untaken"[..]));
    // The first peer refuses what it did not take, and answers what it did: both on the old channel.
    first.send(REFUSED, late.id, [2, 0]).await;
    first.ends(taken, &asked, "answered").await;
    assert_eq!(first.read_any().await, None, "it ends when the last call on it has");
    second.ends(untaken, &again, "answered too").await;
    assert_eq!((client.counts().in_flight, client.counts().late_replies), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_goodbye_does_not_count_is_sent_again_once_also_where_the_old_channel_had_not_taken_it() {
    // Broken by a channel that, ended at last, hands back what was taken back from it at the goodbye.
    let (_net, mut peers, mut first, client) = dialled_on(Net::holding(1000), dialling(native())).await;
    let (taken, asked) = started(&client, &mut first, "taken").await;
    let cut = calling(&client, vec![1; 5000], secs(60));
    let behind = start(&client, "behind").await;
    // The peer reads no further than the first request, says so, and is gone.
    first.send(REPLY, asked.id, "answered").await;
    first.send(GOODBYE, 0, goodbye(DRAINING, 1, 0, 0)).await;
    assert_eq!(taken.await.unwrap().unwrap(), "answered");
    drop(first);
    let mut second = peers.next().await;
    let again = [second.expect(REQUEST).await, second.expect(REQUEST).await];
    assert_eq!(again.each_ref().map(|frame| frame.payload.len()), [5000, 6]);
    for frame in &again {
        second.send(REPLY, frame.id, "answered").await;
    }
    cut.await.unwrap().unwrap();
    behind.await.unwrap().unwrap();
    let (last, next) = started(&client, &mut second, "last").await;
    assert_eq!(next.payload.len(), 4, "nothing comes twice");
    second.ends(last, &next, "answered").await;
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_on_a_channel_whose_peer_has_said_goodbye() {
    let (_net, mut peers, mut first, client) = dialled(dialling(native())).await;
    let (_taken, _) = started(&client, &mut first, "taken").await;
    first.send(GOODBYE, 0, goodbye(DRAINING, 1, 0, 0)).await;
    settle().await;
    let _next = start(&client, "next").await;
    client.one_way(Bytes::from("a one-way message")).await.unwrap();
    let mut second = peers.next().await;
    assert_eq!(second.expect(REQUEST).await.payload, b"next");
    assert_eq!(second.expect(ONE_WAY).await.payload, b"a one-way message");
    let answer = first.read_any().await.unwrap();
    assert_eq!((answer.kind, answer.flags), (GOODBYE, ANSWER), "and nothing else");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_sent_again_a_call_that_was_not_taken_is_known_not_to_have_run() {
    let (_net, _peers, mut peer, client) = dialled(dialling(native()).resend_unsent(false)).await;
    let (call, _) = started(&client, &mut peer, "untaken").await;
    peer.send(GOODBYE, 0, goodbye(DRAINING, 0, 0, 0)).await;
    let error = call.await.unwrap().unwrap_err();
    assert!(error.never_executed() && matches!(error, CallError::Refused(Refusal::ByPeer(_))), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn only_the_first_goodbye_of_a_channel_counts_and_is_answered() {
    // Each of them had an answer, in a queue without end, and its one-way messages counted again.
    let (_net, _peers, mut peer, client) = dialled(dialling(native())).await;
    let (_taken, _) = started(&client, &mut peer, "taken").await;
    for _ in 0..3 {
        client.one_way(Bytes::from("one of three is taken")).await.unwrap();
        peer.expect(ONE_WAY).await;
    }
    let again = Frame::new(GOODBYE, 0, goodbye(DRAINING, 1, 1, 0)).bytes();
    peer.send_bytes(&again.repeat(100)).await;
    peer.send(PING, 7, "").await;
    let answer = peer.read_any().await.unwrap();
    assert_eq!((answer.kind, answer.flags), (GOODBYE, ANSWER));
    let pong = peer.read_any().await.unwrap();
    assert_eq!((pong.kind, pong.flags, pong.id), (PING, ANSWER, 7));
    assert_eq!(client.counts().untaken_one_ways, 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_stays_away_as_long_as_it_is_asked_to_unless_its_generator_knows_better() {
    for knows_better in [false, true] {
        let net = Net::new();
        let mut peers = net.peers();
        let (telling, mut ends) = net.dialer_with_ends();
        let dialer = if knows_better { telling } else { net.dialer() };
        let _client = dialling(native()).dial(dialer).unwrap();
        let mut first = peers.next().await;
        first.send(GOODBYE, 0, goodbye(DRAINING, 0, 0, 2000)).await;
        let (took, _second) = timed(peers.next()).await;
        if knows_better {
            assert!(took < ms(10), "{took:?}");
            let end = ends.recv().await.unwrap();
            assert!(matches!(end.cause, LinkError::Goodbye(GoodbyeReason::Draining)) && end.answered);
            assert_eq!(end.stay_away, Some(secs(2)));
        } else {
            assert!(took >= secs(2) && took <= secs(3), "{took:?}");
        }
    }
}

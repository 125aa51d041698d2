//! Channels that a server does not take or keep: it is full, their peer is not admitted or has too many, or they are too old.

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_full_server_is_down_for_one_client_more_and_ready_says_why() {
    // LR24: it accepted and closed, and calls were lost, maybe executed, on a connection that counted as working.
    let (net, server, first) = between(serving(echo()).max_connections(1), dialling(native())).await;
    first.call(Bytes::new()).await.unwrap();
    let backoff = Backoff::between(ms(10), ms(20)).seeded(1);
    let second = net.dial(dialling(native()).backoff(backoff));
    let error = second.call_within(Bytes::from("one too many"), secs(30)).await.unwrap_err();
    assert!(error.never_executed(), "{error:?}");
    let CallError::Refused(down @ Refusal::Down { .. }) = error else { panic!("{error:?}") };
    let said = chain(&down);
    assert!(said.contains("it is full"), "{said}");
    let ready = second.ready().await.unwrap_err();
    assert!(chain(&ready).contains("it is full"), "{ready:?}");
    assert!(server.counts().turned_away >= 3 && second.counts().failed_dials >= 3);
    // It goes on trying, and finds room when there is some.
    first.close().await;
    let mut states = second.connection().watch();
    states.wait_for(|state| matches!(state, ConnectionState::Working)).await.unwrap();
    second.call(Bytes::new()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_admitted_is_down_at_once_and_hears_why() {
    // It took three dials, at least thirty seconds apart, and calls waited until their deadline.
    let net = Net::new();
    let _server = net.serve(serving(echo()).admit(|_| false));
    let client = net.dial(Client::builder(native()));
    let (took, outcome) = timed(client.call_within(Bytes::from("x"), secs(20))).await;
    let error = outcome.unwrap_err();
    let CallError::Refused(down @ Refusal::Down { .. }) = error else { panic!("{error:?}") };
    assert!(took < secs(1) && chain(&down).contains("it does not admit this peer"), "{took:?}, {down:?}");
    let (took, ready) = timed(client.ready()).await;
    let said = chain(&ready.unwrap_err());
    assert!(took < secs(1) && said.contains("it does not admit this peer"), "{took:?}, {said}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_another_version_is_down_at_once_unless_the_generator_has_others() {
    for has_others in [false, true] {
        let net = Net::new();
        let mut peers = net.peers();
        let generator =
            net.dialer_with(move |channel| if has_others { channel.on_end(|_| {}) } else { channel });
        let client = Client::builder(native()).dial(generator).unwrap();
        let mut peer = peers.next().await;
        peer.send(GOODBYE, 0, goodbye(VERSION, 0, 0, 30_000)).await;
        assert_eq!(peer.expect(GOODBYE).await.flags, ANSWER);
        settle().await;
        let is_down = matches!(client.connection().state(), ConnectionState::Down { .. });
        assert_eq!(is_down, !has_others);
        let (took, _next) = timed(peers.next()).await;
        assert_eq!(took >= secs(30), !has_others, "{took:?}");
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

#[tokio::test(start_paused = true)]
async fn a_refused_channel_of_the_originals_protocol_is_closed_without_a_word() {
    let (net, server, _first) = served(Server::builder(in_order(), echo()).max_connections(1)).await;
    let mut second = net.peer().await;
    assert_eq!(second.drain().await, 0);
    assert_eq!((server.connections(), server.counts().turned_away), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_to_so_many_at_a_time_and_take_no_longer_than_they_may() {
    let (net, server, _first) = served(serving(echo()).max_connections(1)).await;
    let (mut told, mut refused) = (0, Vec::new());
    for _ in 0..300 {
        refused.push(net.peer().await);
    }
    tokio::time::sleep(secs(5)).await;
    for mut peer in refused {
        told += peer.read_all().await.len();
    }
    assert_eq!((told, server.counts().turned_away), (256, 299 + 1));
    let mut one_more = net.peer().await;
    assert_eq!(one_more.expect(GOODBYE).await.payload[0], FULL);
}

#[tokio::test(start_paused = true)]
async fn only_peers_that_are_admitted_are_served() {
    let net = Net::new();
    let admits = |facts: &ChannelFacts| match facts.peer.as_ref().map(|peer| peer.address()) {
        Some("10.0.0.66:1") => panic!("an admission panics"),
        address => address.is_some_and(|address| address.starts_with("10.0.0.1:")),
    };
    let server = net.serve(serving(echo()).admit(admits));
    for (address, is_served) in [("10.0.0.1:1", true), ("10.0.0.2:1", false), ("10.0.0.66:1", false)] {
        let mut peer = net.peer_at(address).await;
        peer.send(REQUEST, 1, "x").await;
        if is_served {
            assert_eq!(peer.expect(REPLY).await.payload, b"x");
        } else {
            // It is told at once, and what it has sent by then is refused for itself.
            assert_eq!(peer.expect(GOODBYE).await.payload, goodbye(NOT_ADMITTED, 0, 0, 30_000));
            assert_eq!(peer.refusal().await, (1, vec![4, 0]));
        }
    }
    let counts = server.counts();
    assert_eq!((counts.accepted, counts.turned_away, counts.panics), (1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_of_an_address_makes_way_where_it_has_too_many_and_no_newcomer_is_refused() {
    let net = Net::new();
    let limits = serving_up_to(|limits| limits.address_connections = Some(2));
    let server = net.serve(serving(echo()).limits(limits));
    let mut asking = net.peer_at("10.0.0.1:1").await;
    asking.send(REQUEST, 1, "x").await;
    asking.expect(REPLY).await;
    let mut idle = net.peer_at("10.0.0.1:2").await;
    let mut others = [net.peer_at("10.0.0.2:1").await, net.peer_at("10.0.0.2:2").await];
    assert_eq!(server.connections(), 4, "as many as may be, and nobody makes way");
    let mut newcomer = net.peer_at("10.0.0.1:3").await;
    // It is younger than the one that has asked, and makes way before it.
    assert_eq!(idle.expect(GOODBYE).await.payload[0], FULL);
    for peer in others.iter_mut().chain([&mut asking, &mut newcomer]) {
        peer.send(REQUEST, 2, "still there").await;
        assert_eq!(peer.expect(REPLY).await.payload, b"still there");
    }
    let _one_more = net.peer_at("10.0.0.1:4").await;
    let goodbye = asking.expect(GOODBYE).await;
    assert_eq!(goodbye.payload[..10], [FULL, 0, 0, 0, 0, 0, 0, 0, 0, 2], "two of its requests were taken");
    // It has a second to answer the goodbye, and one to end.
    asking.read_all().await;
    drop(asking);
    settle().await;
    let counts = server.counts();
    assert_eq!((server.connections(), counts.accepted, counts.turned_away), (4, 6, 2));
    // Of one network of IPv6 each address would be another peer.
    let mut first = net.peer_at("[2001:db8::1]:1").await;
    let _second = net.peer_at("[2001:db8::2]:1").await;
    let _elsewhere = net.peer_at("[2001:db8:0:1::1]:1").await;
    let _third = net.peer_at("[2001:db8::3]:1").await;
    assert_eq!(first.expect(GOODBYE).await.payload[0], FULL);
}

#[tokio::test(start_paused = true)]
async fn one_that_makes_way_at_work_answers_what_it_has_taken_and_no_more_than_as_many_do_so() {
    let net = Net::new();
    let go_on = Arc::new(Notify::new());
    let limits = serving_up_to(|limits| limits.address_connections = Some(2));
    let server = net.serve(serving(held(&go_on).0).limits(limits));
    let mut at_work = Vec::new();
    for address in ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "10.0.0.1:4", "10.0.0.1:5"] {
        let mut peer = net.peer_at(address).await;
        peer.send(HELLO, 0, OWN_HELLO).await;
        peer.send(REQUEST, 1, "x").await;
        settle().await;
        at_work.push(peer);
    }
    assert_eq!(server.connections(), 4, "two at work, and two that are leaving");
    let cut_off: Vec<_> = at_work[0].read_all().await.into_iter().map(|frame| frame.kind).collect();
    assert!(cut_off.contains(&GOODBYE) && !cut_off.contains(&REPLY), "{cut_off:?}");
    go_on.notify_waiters();
    for peer in &mut at_work[1..3] {
        let said = peer.read_all().await;
        let goodbye = said.iter().find(|frame| frame.kind == GOODBYE).expect("it is told");
        assert_eq!(goodbye.payload[..10], [FULL, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!(
            said.iter().any(|frame| (frame.kind, frame.id) == (REPLY, 1)),
            "what was counted is answered"
        );
    }
    for peer in &mut at_work[3..] {
        while peer.read().await.expect("it stays").kind != REPLY {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_too_old_ends_in_an_orderly_way_and_no_call_notices() {
    let builder = serving(echo()).max_age(secs(10)).seeded(1);
    let (_net, server, client) = between(builder, dialling(native())).await;
    let (mut calls, start) = (0, Instant::now());
    while start.elapsed() < secs(60) {
        client.call_within(Bytes::from("x"), secs(1)).await.unwrap();
        calls += 1;
        tokio::time::sleep(ms(7)).await;
    }
    // Each lives for nine to eleven seconds.
    let channels = server.counts().accepted;
    assert!((6..=7).contains(&channels), "{channels}");
    assert!(calls > 8000 && client.counts().late_replies == 0, "{calls}");
    assert_eq!((server.connections(), server.counts().aged), (1, channels - 1));
}

#[tokio::test(start_paused = true)]
async fn the_ages_at_which_channels_end_are_spread() {
    let net = Net::new();
    let _server = net.serve(serving(echo()).max_age(secs(10)).seeded(1));
    let mut peers = Vec::new();
    for _ in 0..20 {
        let mut peer = greeted(&net).await;
        peers.push(tokio::spawn(async move { timed(peer.expect(GOODBYE)).await }));
    }
    let mut ages = Vec::new();
    for peer in peers {
        let (age, said) = peer.await.unwrap();
        assert_eq!(said.payload, goodbye(AGE, 0, 0, 0));
        assert!(age >= ms(8900) && age <= ms(11_000), "{age:?}");
        ages.push(age);
    }
    ages.sort();
    assert!(ages[19] - ages[0] > secs(1), "{ages:?}");
}

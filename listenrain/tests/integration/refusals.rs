//! Channels that a server does not take or keep: it is full, their peer is not admitted or has too many, or they are too old.

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_full_server_is_down_for_one_client_more_and_ready_says_why() {
    // It accepted and closed, and calls were lost, maybe executed, on a connection that counted as working.
    let net = Net::new();
    let server = Server::builder(native(), echo()).max_connections(1).listen(net.listener()).unwrap();
    let first = connect(&net, native());
    first.call(Bytes::new()).await.unwrap();
    let builder = Client::builder(native()).backoff(Backoff::between(ms(10), ms(20)).seeded(1));
    let second = builder.dial(net.dialer()).unwrap();
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
    let _server = Server::builder(native(), echo()).admit(|_| false).listen(net.listener()).unwrap();
    let client = Client::builder(native()).dial(net.dialer()).unwrap();
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
    let net = Net::new();
    let protocol =
        Protocol::builder("original", RawBytes).packets(OriginalPackets::default()).build().unwrap();
    let server = Server::builder(protocol, echo()).max_connections(1).listen(net.listener()).unwrap();
    let _first = net.raw().await;
    let mut second = Peer::new(net.raw().await);
    assert_eq!(second.drain().await, 0);
    assert_eq!((server.connections(), server.counts().turned_away), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_to_so_many_at_a_time_and_take_no_longer_than_they_may() {
    let net = Net::new();
    let server = Server::builder(native(), echo()).max_connections(1).listen(net.listener()).unwrap();
    let _first = net.raw().await;
    let mut told = 0;
    let mut refused = Vec::new();
    for _ in 0..300 {
        refused.push(Peer::new(net.raw().await));
    }
    tokio::time::sleep(secs(5)).await;
    for mut peer in refused {
        told += peer.read_all().await.len();
    }
    assert_eq!((told, server.counts().turned_away), (256, 299 + 1));
    let mut one_more = Peer::new(net.raw().await);
    assert_eq!(one_more.expect(GOODBYE).await.payload[0], FULL);
}

/// Channels whose peers have these addresses, and their other ends.
fn addressed() -> (mpsc::UnboundedSender<(&'static str, tokio::io::DuplexStream)>, Box<dyn ChannelGenerator>)
{
    let (sender, receiver) = mpsc::unbounded_channel::<(&'static str, tokio::io::DuplexStream)>();
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let listener = generator("test://addressed".parse().unwrap(), move || {
        let receiver = Arc::clone(&receiver);
        async move {
            let Some((peer, io)) = receiver.lock().await.recv().await else {
                return std::future::pending().await;
            };
            let peer = format!("test://{peer}").parse().unwrap();
            let facts = ChannelFacts::new("test").between(None, Some(peer));
            Ok(Channel::from_io(io, facts))
        }
    });
    (sender, listener)
}

async fn from(
    peers: &mpsc::UnboundedSender<(&'static str, tokio::io::DuplexStream)>,
    address: &'static str,
) -> Peer {
    let (near, far) = tokio::io::duplex(1 << 16);
    peers.send((address, far)).unwrap();
    settle().await;
    Peer::new(near)
}

#[tokio::test(start_paused = true)]
async fn only_peers_that_are_admitted_are_served() {
    let (peers, listener) = addressed();
    let admits = |facts: &ChannelFacts| match facts.peer.as_ref().map(|peer| peer.address()) {
        Some("10.0.0.66:1") => panic!("an admission panics"),
        address => address.is_some_and(|address| address.starts_with("10.0.0.1:")),
    };
    let server = Server::builder(native(), echo()).admit(admits).listen(listener).unwrap();
    for (address, is_served) in [("10.0.0.1:1", true), ("10.0.0.2:1", false), ("10.0.0.66:1", false)] {
        let mut peer = from(&peers, address).await;
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
    let (peers, listener) = addressed();
    let server = Server::builder(native(), echo())
        .limits(serving_up_to(|limits| limits.address_connections = Some(2)))
        .listen(listener)
        .unwrap();
    let mut asking = from(&peers, "10.0.0.1:1").await;
    asking.send(REQUEST, 1, "x").await;
    asking.expect(REPLY).await;
    let mut idle = from(&peers, "10.0.0.1:2").await;
    let mut others = [from(&peers, "10.0.0.2:1").await, from(&peers, "10.0.0.2:2").await];
    assert_eq!(server.connections(), 4, "as many as may be, and nobody makes way");
    let mut newcomer = from(&peers, "10.0.0.1:3").await;
    // It is younger than the one that has asked, and makes way before it.
    assert_eq!(idle.expect(GOODBYE).await.payload[0], FULL);
    for peer in others.iter_mut().chain([&mut asking, &mut newcomer]) {
        peer.send(REQUEST, 2, "still there").await;
        assert_eq!(peer.expect(REPLY).await.payload, b"still there");
    }
    let _one_more = from(&peers, "10.0.0.1:4").await;
    let goodbye = asking.expect(GOODBYE).await;
    assert_eq!(goodbye.payload[..10], [FULL, 0, 0, 0, 0, 0, 0, 0, 0, 2], "two of its requests were taken");
    // It has a second to answer the goodbye, and one to end.
    asking.read_all().await;
    drop(asking);
    settle().await;
    let counts = server.counts();
    assert_eq!((server.connections(), counts.accepted, counts.turned_away), (4, 6, 2));
    // Of one network of IPv6 each address would be another peer.
    let mut first = from(&peers, "[2001:db8::1]:1").await;
    let _second = from(&peers, "[2001:db8::2]:1").await;
    let _elsewhere = from(&peers, "[2001:db8:0:1::1]:1").await;
    let _third = from(&peers, "[2001:db8::3]:1").await;
    assert_eq!(first.expect(GOODBYE).await.payload[0], FULL);
}

#[tokio::test(start_paused = true)]
async fn one_that_makes_way_at_work_answers_what_it_has_taken_and_no_more_than_as_many_do_so() {
    let (peers, listener) = addressed();
    let go_on = Arc::new(tokio::sync::Notify::new());
    let (router, _) = held(&go_on);
    let server = Server::builder(native(), router)
        .limits(serving_up_to(|limits| limits.address_connections = Some(2)))
        .listen(listener)
        .unwrap();
    let mut at_work = Vec::new();
    for address in ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "10.0.0.1:4", "10.0.0.1:5"] {
        let mut peer = from(&peers, address).await;
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
    let net = Net::new();
    let server =
        Server::builder(native(), echo()).max_age(secs(10)).seeded(1).listen(net.listener()).unwrap();
    let client = connect(&net, native());
    let mut calls = 0;
    let start = Instant::now();
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
    let server =
        Server::builder(native(), echo()).max_age(secs(10)).seeded(1).listen(net.listener()).unwrap();
    let mut peers = Vec::new();
    for _ in 0..20 {
        peers.push(tokio::spawn({
            let mut peer = greeted(&net).await;
            async move { timed(peer.expect(GOODBYE)).await }
        }));
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
    drop(server);
}

//! Limits under load: what a channel holds, and that others go on beside it.

use crate::support::*;

/// Looks once a second, and gives up what stands still for three.
fn health() -> Health {
    Health::every(secs(1), 3).packet_within(secs(3))
}

/// Asks, and reads nothing.
async fn stuff(net: &Net, payload: usize) -> Peer {
    let mut peer = net.peer().await;
    let one = Frame::new(REQUEST, 7, vec![1; payload]).bytes();
    while tokio::time::timeout(ms(10), peer.send_bytes(&one)).await.is_ok() {}
    peer
}

#[tokio::test(start_paused = true)]
async fn peers_that_read_nothing_stop_nobody_else_and_are_given_up() {
    // The places of handlers went with the replies until they were written, and five such peers held all of them.
    let net = Net::holding(64 * 1024);
    let server = net.serve(Server::builder(bounded(16), echo()).health(health()));
    let client = connect(&net, native());
    client.call(Bytes::from("before")).await.unwrap();
    let mut stuck = Vec::new();
    for _ in 0..5 {
        stuck.push(stuff(&net, 20 << 10).await);
    }
    assert_eq!(server.connections(), 6);
    for _ in 0..10 {
        let (took, reply) = timed(client.call(Bytes::from("beside them"))).await;
        assert!(reply.is_ok() && took < ms(10), "{took:?}: {reply:?}");
    }
    tokio::time::sleep(secs(5)).await;
    assert_eq!(server.connections(), 1, "what takes nothing is given up");
    assert_eq!((server.counts().in_flight, server.counts().in_flight_bytes), (0, 0));
    client.call(Bytes::from("after")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn output_that_nobody_takes_ends_its_channel_whatever_the_read_half_does() {
    // A link that was held up, half-closed or draining was exempt.
    for (half_closes, drains) in [(false, false), (true, false), (false, true), (true, true)] {
        let net = Net::holding(64 * 1024);
        let server = Arc::new(net.serve(serving(echo()).max_requests(64).health(health())));
        let mut peer = stuff(&net, 20 << 10).await;
        if half_closes {
            peer.io.shutdown().await.unwrap();
        }
        let draining = drains.then(|| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { server.drain(secs(60)).await })
        });
        let start = Instant::now();
        while server.connections() > 0 {
            tokio::time::sleep(ms(5)).await;
        }
        let took = start.elapsed();
        // Three seconds of standing still, told at the next look.
        assert!(took >= secs(2) && took <= ms(4100), "{half_closes} {drains}: {took:?}");
        if let Some(draining) = draining {
            assert!(draining.await.unwrap().complete, "a dead peer does not make a drain incomplete");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_its_output_slowly_is_kept() {
    let net = Net::holding(64 * 1024);
    let server = net.serve(serving(echo()).max_requests(64).health(health()));
    let mut peer = stuff(&net, 20 << 10).await;
    // Less than a packet a second, and more than nothing.
    for _ in 0..20 {
        let mut some = [0; 100];
        peer.io.read_exact(&mut some).await.unwrap();
        tokio::time::sleep(ms(1500)).await;
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn room_that_another_channel_frees_wakes_one_that_is_held_up_inside_a_packet() {
    // It looked at what it had, found part of a packet, and asked the channel for no more.
    let net = Net::new();
    let (router, mut begun) = gated();
    let _server = net.serve(serving(router).limits(serving_up_to(|limits| limits.all_requests = 1)));
    let (mut first, mut second) = (net.peer().await, net.peer().await);
    first.send(REQUEST, 1, "first").await;
    let (_, go_on) = begun.recv().await.unwrap();
    let whole =
        [Frame::new(REQUEST, 2, "second").bytes(), Frame::new(REQUEST, 3, vec![3; 1000]).bytes()].concat();
    let (now, later) = whole.split_at(whole.len() - 500);
    second.send_bytes(now).await;
    settle().await;
    second.send_bytes(later).await;
    settle().await;
    go_on.notify_one();
    first.expect(REPLY).await;
    for message in [&b"second"[..], &[3; 1000]] {
        let (asked, go_on) = begun.recv().await.unwrap();
        assert_eq!(asked, message);
        go_on.notify_one();
    }
    assert_eq!((second.expect(REPLY).await.id, second.expect(REPLY).await.id), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_channel_holds_no_more_of_what_all_share_than_it_leaves() {
    // Whoever came first took all there was, and nothing was left for a newcomer.
    for greedy in 1..=4 {
        let net = Net::new();
        let (router, mut begun) = gated();
        let server = net.serve(serving(router).limits(serving_up_to(|limits| limits.all_requests = 60)));
        let mut peers = Vec::new();
        for _ in 0..greedy {
            let mut peer = net.peer().await;
            peer.ask(1..=60, "greedy").await;
            peers.push(peer);
        }
        settle().await;
        // Each takes half of what it finds, but for what does not divide.
        let left = 60 - server.counts().in_flight as usize;
        assert!((60 >> greedy..=(60 >> greedy) + 1).contains(&left), "{greedy}: {left} left");
        while begun.try_recv().is_ok() {}
        let mut newcomer = net.peer().await;
        newcomer.send(REQUEST, 1, "newcomer").await;
        let (asked, go_on) = begun.recv().await.unwrap();
        assert_eq!(asked, "newcomer");
        go_on.notify_one();
        newcomer.expect(REPLY).await;
    }
}

#[tokio::test(start_paused = true)]
async fn requests_are_served_although_the_buffers_that_they_are_read_into_take_up_their_room() {
    // A request of 16 to 64 KiB waited for room beside the memory of its own channel's read buffer, which was given back only
    // after the wait: with a limit below the two together it stood there for ever, and so did channels that held each
    // other's room like that.
    let small = serving_up_to(|limits| limits.all_bytes = 96 << 10);
    let narrow = serving_up_to(|limits| limits.bytes = 40 << 10);
    // Several that wait for each other.
    let tight = serving_up_to(|limits| limits.all_bytes = 3 << 20);
    for (limits, channels, size) in [
        (&small, 1, 48 << 10),
        (&small, 6, 48 << 10),
        (&narrow, 1, 48 << 10),
        (&narrow, 6, 48 << 10),
        (&tight, 6, 2 << 20),
    ] {
        let net = Net::new();
        let server = net.serve(serving(echo()).limits(limits.clone()));
        let clients: Vec<_> = (0..channels).map(|_| connect(&net, native())).collect();
        let callers = clients.iter().cycle().take(10 * channels);
        let calls: Vec<_> = callers.map(|client| calling(client, vec![9; size], secs(60))).collect();
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap().len(), size);
        }
        drop(clients);
        settle().await;
        assert_eq!(server.counts().in_flight_bytes, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_caller_in_line_was_granted_lapses_with_its_deadline() {
    // Whoever was granted a place and was not polled kept it for ever, and those behind with it.
    let (_net, _peers, mut peer, client) = dialled(dialling(native()).max_requests(1)).await;
    let (first, asked) = started(&client, &mut peer, "first").await;
    // Polled once, so that it stands in line, and then never again.
    let mut forgotten = Box::pin(client.call_within(Bytes::from("forgotten"), ms(500)));
    assert!(poll_once(forgotten.as_mut()).is_pending());
    let behind = start(&client, "behind").await;
    peer.ends(first, &asked, "").await;
    settle().await;
    assert_eq!(client.counts().in_flight, 1, "it is granted to the one that is not polled");
    tokio::time::sleep(ms(600)).await;
    let asked = peer.expect(REQUEST).await;
    assert_eq!(asked.payload, b"behind");
    peer.ends(behind, &asked, "").await;
    assert_fails!(forgotten.await, CallError::Expired);
    assert_eq!(client.counts().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn as_many_are_in_line_as_may_be_and_one_more_is_refused() {
    let (_net, _peers, client) = hanging(dialling(native()).max_requests(1));
    let mut calls = Vec::new();
    for _ in 0..1 + 65_536 {
        let mut call = Box::pin(client.call_within(Bytes::new(), secs(60)));
        assert!(poll_once(call.as_mut()).is_pending());
        calls.push(call);
    }
    assert_fails!(
        client.call(Bytes::new()).await,
        CallError::Refused(Refusal::Full { count: 1, max_count: 1, .. })
    );
    calls.pop();
    let mut one_more = Box::pin(client.call(Bytes::new()));
    assert!(poll_once(one_more.as_mut()).is_pending(), "there is room in line again");
}

#[tokio::test(start_paused = true)]
async fn one_way_messages_beyond_the_limits_are_dropped_where_that_is_wanted() {
    let (router, ran) = held(&Arc::default());
    let (_net, server, mut peer) = served(serving(router).max_requests(2).overflow(Overflow::Drop)).await;
    for _ in 0..5 {
        peer.send(ONE_WAY, 0, "x").await;
    }
    peer.send(REQUEST, 1, "x").await;
    assert_eq!(peer.refusal().await, (1, vec![1, 0]));
    assert_eq!((ran.load(SeqCst), server.counts().dropped_one_ways), (2, 3));
}

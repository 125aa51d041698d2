//! Links that fail: who is told what, and how it goes on.

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn every_call_in_flight_ends_at_once_when_the_link_is_lost() {
    // LR03: calls that waited for replies were told nothing until their timers fired.
    let (net, mut peer, client) = by_hand(native()).await;
    let calls = start_many(&client, 100, "asked").await;
    peer.requests(100).await;
    net.cut();
    let start = Instant::now();
    for call in calls {
        assert_fails!(call.await.unwrap(), CallError::Lost { sent: Sent::Maybe, cause: LinkError::Io(_) });
    }
    assert!(start.elapsed() < ms(50), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_link_that_the_peer_ends_is_dialled_again_without_traffic() {
    // LR02: the original noticed only when the next request had been written into the dead socket, and lost that one.
    let (_net, mut peers, first, client) = dialled(dialling(native())).await;
    tokio::time::advance(secs(1)).await;
    drop(first);
    let (took, mut second) = timed(peers.next()).await;
    assert!(took < ms(100), "only the health check noticed: {took:?}");
    exchange(&client, &mut second, "first after the loss", "answered").await;
    assert_eq!(client.counts().reconnects, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_executed_at_most_once_wherever_its_channel_is_cut() {
    // LR24: a packet whose write failed was sent again on the next channel, though the server may have got it.
    const PACKET: usize = 20 + 5;
    const HELLO: usize = 20 + 10;
    for cut in 1..=HELLO + 2 * PACKET {
        let (net, (router, executed)) = (Net::new(), counting_echo());
        let _server = serve(&net, router);
        net.cut_next_after(cut);
        let client = connect(&net, native());
        let (first, second) =
            tokio::join!(client.call(Bytes::from("hello")), client.call(Bytes::from("world")));
        settle().await;
        let outcomes = [first, second];
        let replies = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let maybe = |outcome: &&_| matches!(outcome, Err(CallError::Lost { sent: Sent::Maybe, .. }));
        let unsure = outcomes.iter().filter(maybe).count();
        assert_eq!(replies + unsure, 2, "cut at {cut}: {outcomes:?}");
        let executed = executed.load(SeqCst);
        assert!((replies..=2).contains(&executed), "cut at {cut}: executed {executed} times");
        // What was not wholly written cannot have been executed, so it is sent again and answered.
        assert_eq!(unsure, cut.saturating_sub(HELLO) / PACKET, "cut at {cut}: {outcomes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn sixty_four_senders_on_a_dead_link_are_each_told() {
    // LR05: two senders that saw a dead link closed the queue twice, and the process died.
    let (net, mut peer, client) = by_hand(native()).await;
    let sent = async |within| {
        let mut all = Vec::new();
        for _ in 0..64 {
            all.push(send_to(&client, "x", within).await);
        }
        all
    };
    let on_it = sent(secs(20)).await;
    peer.requests(64).await;
    net.hang(true);
    net.cut();
    for told in on_it {
        assert_fails!(only(told).await, CallError::Lost { sent: Sent::Maybe, .. });
    }
    for told in sent(secs(1)).await {
        assert_fails!(only(told).await, CallError::Expired);
    }
    let at_the_end = sent(secs(20)).await;
    tokio::join!(client.close(), client.close());
    for told in at_the_end {
        assert_fails!(only(told).await, CallError::Refused(Refusal::Closed));
    }
}

#[tokio::test(start_paused = true)]
async fn the_states_of_a_connection_are_seen_as_they_come() {
    // LR27: the original's state stayed at recovering after it had recovered.
    let net = Net::new();
    let client = net.dial(dialling(native()).backoff(Backoff::between(ms(10), ms(10)).down_after(2)));
    let mut states = client.connection().watch();
    assert!(matches!(*states.borrow_and_update(), ConnectionState::Recovering));
    states.wait_for(|state| matches!(state, ConnectionState::Down { .. })).await.unwrap();
    assert!(matches!(client.ready().await, Err(Refusal::Down { .. })));
    let mut peers = net.peers();
    let mut peer = peers.next().await;
    // A channel after failures has to prove itself.
    peer.greet().await;
    states.wait_for(|state| matches!(state, ConnectionState::Working)).await.unwrap();
    tokio::time::advance(secs(1)).await;
    net.hang(true);
    drop(peer);
    states.wait_for(|state| matches!(state, ConnectionState::Recovering)).await.unwrap();
    net.hang(false);
    states.wait_for(|state| matches!(state, ConnectionState::Working)).await.unwrap();
    client.close().await;
    assert!(client.connection().state().is_closed());
    assert!(matches!(client.ready().await, Err(Refusal::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up_within_its_intervals() {
    // LR31: a half-open link was never noticed. Three intervals are three looks, and time is paused: the fourth is late.
    let (_net, mut peers, mut peer, client) =
        dialled(dialling(native()).health(Health::every(secs(1), 3))).await;
    let (took, lost) = timed(client.call_within(Bytes::new(), secs(60))).await;
    assert!(took > secs(2) && took <= secs(3), "{took:?}");
    assert!(matches!(lost, Err(CallError::Lost { cause: LinkError::Silent(_), .. })), "{lost:?}");
    peer.expect(REQUEST).await;
    peer.expect(PING).await;
    peers.next().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_gives_a_silent_peer_up_and_keeps_one_that_answers_pings() {
    // LR31: the server kept half-open channels for ever.
    let builder = serving(echo()).health(Health::every(secs(1), 3));
    let (net, server, client) = between(builder, dialling(native()).health(no_health())).await;
    let silent = net.dialer().next().await.unwrap();
    settle().await;
    assert_eq!(server.connections(), 2);
    tokio::time::sleep(secs(10)).await;
    assert_eq!((server.connections(), client.counts().reconnects), (1, 0));
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_dribbles_in_is_given_up() {
    // LR31: a peer that sends a byte now and then held a channel for ever. The packet begins after 300 ms, and has had five
    // seconds at the sixth look.
    let health = Health::every(secs(1), 3).packet_within(secs(5));
    let (_net, _peers, mut peer, client) = dialled(dialling(native()).health(health)).await;
    let lost = tokio::spawn(async move { timed(client.call_within(Bytes::new(), secs(60))).await });
    for byte in Frame::new(REPLY, 1, [0; 100]).bytes() {
        tokio::time::sleep(ms(300)).await;
        if peer.io.write_all(&[byte]).await.is_err() {
            break;
        }
    }
    let (took, lost) = lost.await.unwrap();
    assert!(took > ms(5300) && took <= secs(6), "{took:?}");
    assert!(matches!(lost, Err(CallError::Lost { cause: LinkError::SlowPacket(_), .. })), "{lost:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_a_lane_which_never_opens_leave_on_one_that_does() {
    let net = Net::new();
    let _server = serve(&net, echo());
    net.hang(true);
    net.refuse_after(1);
    let client = net.dial(dialling(native()).lanes(3));
    let calls = start_many(&client, 6, "x").await;
    net.hang(false);
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), "x");
    }
}

//! Packets beyond the limits: each costs its own request, and no channel that can say so.

use crate::support::*;

/// Bytes that a packet may have here.
const LIMIT: usize = 1000;

fn up_to(limit: usize) -> Protocol<RawBytes> {
    in_packets(NativePackets::default().with_max_packet(limit))
}

#[tokio::test(start_paused = true)]
async fn a_request_beyond_the_limit_is_refused_by_its_id_with_the_limit() {
    let (router, ran) = counting_echo();
    let (_net, server, mut peer) = served(Server::builder(up_to(LIMIT), router)).await;
    for size in [LIMIT - 1, LIMIT] {
        peer.send(REQUEST, 1, vec![1; size]).await;
        assert_eq!(peer.expect(REPLY).await.payload.len(), size);
    }
    for size in [LIMIT + 1, 10_000_000] {
        // In pieces, so that what is skipped comes bit by bit.
        for part in Frame::new(REQUEST, 2, vec![1; size]).bytes().chunks(250_000) {
            peer.send_bytes(part).await;
            settle().await;
            let held = server.counts().in_flight_bytes as usize;
            assert!(held <= ReadBuffer::MAX_READ, "no more than a read, of what is thrown away: {held}");
        }
        let told = [&[5, 0][..], &(LIMIT as u64).to_be_bytes()].concat();
        assert_eq!(peer.refusal().await, (2, told));
    }
    peer.send(REQUEST, 3, "next").await;
    assert_eq!(peer.expect(REPLY).await.payload, b"next");
    assert_eq!((ran.load(SeqCst), server.counts().refused), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_one_way_message_beyond_the_limit_is_dropped_and_counted() {
    let (_net, server, mut peer) = served(Server::builder(up_to(LIMIT), echo())).await;
    peer.send(ONE_WAY, 0, vec![1; LIMIT + 1]).await;
    peer.send(REQUEST, 3, "next").await;
    assert_eq!(peer.expect(REPLY).await.payload, b"next");
    assert_eq!(server.counts().dropped_one_ways, 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_of_a_request_beyond_the_peers_limit_is_told_and_its_neighbours_go_on() {
    // It cost the channel, and the next one, and so on until its deadline.
    let (net, _server, client) = between(Server::builder(up_to(LIMIT), echo()), dialling(native())).await;
    let calls = [LIMIT, LIMIT + 1, 100_000, 10].map(|size| (size, calling(&client, vec![1; size], secs(5))));
    for (size, call) in calls {
        let outcome = call.await.unwrap();
        if size <= LIMIT {
            assert_eq!(outcome.unwrap().len(), size);
        } else {
            assert!(outcome.as_ref().is_err_and(CallError::never_executed), "{outcome:?}");
            assert_fails!(
                outcome,
                CallError::Refused(Refusal::ByPeer(RemoteRefusal::TooLarge { limit: 1000 }))
            );
        }
    }
    assert_eq!(net.dials(), 1, "no channel was lost");
}

#[tokio::test(start_paused = true)]
async fn a_reply_beyond_the_callers_limit_fails_that_call_only() {
    let router: Router<RawBytes> = Router::new().fallback(|request: Request<Bytes>| async move {
        let size = usize::from(request.message[0]) << 8 | usize::from(request.message[1]);
        Ok(Bytes::from(vec![1; size]))
    });
    let (net, _server, client) = between(serving(router), dialling(up_to(LIMIT))).await;
    let wanting = |size: usize| client.call(Bytes::copy_from_slice(&(size as u16).to_be_bytes()));
    let neighbour = wanting(7);
    for size in [LIMIT - 1, LIMIT] {
        assert_eq!(wanting(size).await.unwrap().len(), size);
    }
    let failed = wanting(LIMIT + 1).await;
    assert_fails!(failed, CallError::Failed(Failure::ReplyTooLarge { size: 1001, limit: LIMIT }));
    assert_eq!(neighbour.await.unwrap().len(), 7);
    assert_eq!(net.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_does_not_send_a_reply_beyond_its_own_limit() {
    let router: Router<RawBytes> = Router::new().fallback(|request: Request<Bytes>| async move {
        Ok(Bytes::from(vec![1; LIMIT + usize::from(request.message[0]) - 1]))
    });
    let (_net, server, mut peer) = served(Server::builder(up_to(LIMIT), router)).await;
    for more in [0, 1] {
        peer.send(REQUEST, 1, [more]).await;
        assert_eq!(peer.expect(REPLY).await.payload.len(), LIMIT + usize::from(more) - 1);
    }
    peer.send(REQUEST, 2, [2]).await;
    let error = peer.expect(ERROR).await;
    assert_eq!(error.id, 2);
    let text = String::from_utf8_lossy(&error.payload[2..]).into_owned();
    assert!(text.contains("1001") && text.contains("1000"), "{text}");
    assert_eq!(server.counts().errors, 1);
}

#[tokio::test(start_paused = true)]
async fn an_errors_text_is_cut_to_what_a_packet_holds() {
    // It ended the channel and every call on it.
    for (limit, expected) in [(64, 64), (10_000, 2 + RemoteError::MAX_MESSAGE)] {
        let router: Router<RawBytes> =
            Router::new().fallback(|_| async { Err(HandlerError::new("é".repeat(5_000))) });
        let (_net, _server, mut peer) = served(Server::builder(up_to(limit), router)).await;
        peer.send(REQUEST, 1, "x").await;
        let error = peer.expect(ERROR).await;
        let text = std::str::from_utf8(&error.payload[2..]).expect("cut between characters");
        assert!(text.chars().all(|char| char == 'é'));
        assert!((expected - 1..=expected).contains(&error.payload.len()), "{limit}: {}", error.payload.len());
        peer.send(PING, 2, "").await;
        peer.expect(PING).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_itself_be_what_channels_are_lost_by_is_given_up() {
    // It was sent again on each channel that it had cost, for ever.
    let net = Net::holding(1000);
    let mut peers = net.peers();
    let client = connect(&net, native());
    let poison = calling(&client, Bytes::from(vec![1; 100_000]), secs(600));
    for _ in 0..3 {
        let mut peer = peers.next().await;
        peer.io.read_exact(&mut [0; 5000]).await.unwrap();
        settle().await;
        assert!(!poison.is_finished());
    }
    let outcome = poison.await.unwrap();
    assert!(outcome.as_ref().is_err_and(CallError::never_executed));
    assert_fails!(outcome, CallError::Refused(Refusal::GivenUp { channels: 3 }));
    assert_eq!(client.counts().refused, 1);
    // What stood behind it is served.
    exchange(&client, &mut peers.next().await, "neighbour", "").await;
}

#[tokio::test(start_paused = true)]
async fn where_packets_have_no_ids_one_beyond_the_limit_ends_its_channel() {
    let protocol = in_packets(OriginalPackets::default().with_max_packet(LIMIT));
    let (_net, server, mut peer) = served(Server::builder(protocol, echo())).await;
    peer.send_original(vec![1; LIMIT]).await;
    assert_eq!(peer.read_original().await.unwrap().len(), LIMIT);
    peer.send_original(vec![1; LIMIT + 1]).await;
    assert_eq!(peer.read_original().await, None);
    settle().await;
    assert_eq!(server.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_leaves_no_room_for_an_answer_is_refused_when_the_protocol_is_built() {
    for (limit, is_legal) in [(63, false), (64, true)] {
        let packets = NativePackets::default().with_max_packet(limit);
        let built = Protocol::builder("native", RawBytes).packets(packets).build();
        assert_eq!(built.is_ok(), is_legal, "{limit}");
        if let Err(error) = built {
            let said = error.to_string();
            assert!(said.contains("63") && said.contains("64"), "{said}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_behind_the_header_of_a_packet_beyond_the_limit_says_how_much_had_come() {
    for rest in [0, 100] {
        let (_net, mut peer, client) = by_hand(native()).await;
        let (call, asked) = started(&client, &mut peer, "x").await;
        let mut bytes = Frame::new(REPLY, asked.id + 1, vec![0; rest]).bytes();
        bytes[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        peer.send_bytes(&bytes).await;
        drop(peer);
        let error = call.await.unwrap().unwrap_err();
        let CallError::Lost { cause: LinkError::Truncated { had }, .. } = error else { panic!("{error:?}") };
        assert_eq!(had, 20 + rest);
    }
}

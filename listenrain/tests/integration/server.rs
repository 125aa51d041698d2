//! Servers: what handlers, limits and hostile peers can do, and to whom.

use crate::support::*;

fn remote(outcome: Outcome<Bytes>) -> ErrorCode {
    match outcome {
        Err(CallError::Failed(Failure::Remote(error))) => error.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn every_way_to_fail_has_its_own_error_and_harms_only_its_call() {
    // LR30: an error while routing or decoding was never told to the caller, who waited for the timeout.
    let (net, _server, client) = between(scripted(), Client::builder(script())).await;
    let neighbour = calling(&client, "neighbour", secs(5));
    for (message, code) in [
        ("unknown", ErrorCode::UnknownCommand),
        ("decode fails", ErrorCode::Decode),
        ("decode panics", ErrorCode::Panic),
        ("panic at once", ErrorCode::Panic),
        ("panic later", ErrorCode::Panic),
        ("fail", ErrorCode::Handler),
        ("reply fails to encode", ErrorCode::Encode),
        ("reply panics in encode", ErrorCode::Encode),
    ] {
        let (took, outcome) = timed(client.call(message.into())).await;
        assert_eq!(remote(outcome), code, "{message}");
        assert!(took < ms(1), "{message}: {took:?}");
    }
    assert_eq!(neighbour.await.unwrap().unwrap(), "neighbour");
    assert_eq!(net.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_codec_that_panics_on_the_calling_side_fails_that_call() {
    // LR20: a panic in a decoder was the process's end.
    let (net, _server, client) = between(scripted(), Client::builder(script())).await;
    assert_fails!(client.call("encode panics".into()).await, CallError::Refused(Refusal::Encode(_)));
    assert_fails!(client.call("reply panics in decode".into()).await, CallError::Failed(Failure::Panic(_)));
    assert_eq!(client.call("fine".into()).await.unwrap(), "fine");
    assert_eq!((net.dials(), client.counts().in_flight, client.counts().panics), (1, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_responder_answers_with_an_error() {
    // LR40: a handler of the original could forget its answer, or give two.
    let router = Router::new().respond(Command(0), |_, responder| async move { drop(responder) });
    let (_net, server, client) = linked(router).await;
    assert_eq!(remote(client.call(Bytes::new()).await), ErrorCode::NoReply);
    assert_eq!(server.counts().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_lost_channel_is_an_error_and_is_counted() {
    // LR07: the original's answers to a dead link succeeded, until the 129th waited for ever.
    let (router, mut asked) = handed_over();
    let before = tasks();
    let (_net, server, mut peer) = served(serving(router).health(Health::every(ms(100), 3))).await;
    peer.ask(1..=200, "").await;
    drop(peer);
    tokio::time::sleep(secs(1)).await;
    for _ in 0..200 {
        let (request, responder) = asked.recv().await.unwrap();
        assert!(!responder.is_awaited());
        assert_fails!(responder.reply(request.message), RespondError::Disconnected);
    }
    let counts = server.counts();
    assert_eq!((counts.in_flight, counts.unanswered), (0, 200));
    drop(server);
    settle().await;
    assert_eq!(tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn handlers_of_a_lost_channel_end_where_that_is_wanted() {
    let (net, server, mut peer) =
        served(serving(silent()).on_disconnect(OnDisconnect::Cancel).health(Health::every(secs(1), 3))).await;
    peer.send(REQUEST, 1, "asked").await;
    settle().await;
    assert_eq!(server.counts().in_flight, 1);
    // The end of its stream may be a half-close, and cannot be told from its being gone.
    peer.io.shutdown().await.unwrap();
    settle().await;
    assert_eq!((server.counts().in_flight, server.connections()), (0, 0));
    // It says nothing more, and does not end its stream.
    let mut peer = net.peer().await;
    peer.send(REQUEST, 1, "asked").await;
    tokio::time::sleep(ms(2500)).await;
    assert_eq!((server.counts().in_flight, server.connections()), (1, 1));
    tokio::time::sleep(ms(2500)).await;
    assert_eq!((server.counts().in_flight, server.connections()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn handlers_of_a_lost_channel_go_on_by_default() {
    for half_closes in [true, false] {
        let (sender, mut ended) = unbounded_channel();
        let router = handling(&sender, |sender, request| async move {
            tokio::time::sleep(secs(20)).await;
            let _ = sender.send(());
            Ok(request.message)
        });
        let (_net, server, mut peer) = served(serving(router).health(Health::every(secs(1), 3))).await;
        peer.send(REQUEST, 1, "asked").await;
        if half_closes {
            peer.io.shutdown().await.unwrap();
        }
        let (took, _) = timed(ended.recv()).await;
        if half_closes {
            // It looks silent for ever, and still gets its answer.
            while peer.read().await.expect("the channel stays until the answer").kind != REPLY {}
        }
        assert!(took >= ms(19_900), "{took:?}");
        settle().await;
        assert_eq!(server.counts().in_flight, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_limits_are_not_taken_in() {
    // LR22: a task for each message, however many, while the handlers stood still.
    let by_count = serving_up_to(|limits| limits.requests = 8);
    let by_bytes = serving_up_to(|limits| limits.bytes = 8 * 1000);
    // A channel holds no more of what is for all than it leaves to the others.
    let by_all = serving_up_to(|limits| limits.all_bytes = 16 * 1000);
    // One request at a time may go beyond that: it lies in a buffer that its channel keeps, and might wait for this.
    for (limits, held) in [(by_count, 8000), (by_bytes, 8000), (by_all, 9000)] {
        let net = Net::holding(64 * 1024);
        let server = net.serve(serving(silent()).limits(limits));
        flood(net.raw().await, &Frame::new(REQUEST, 1, [0; 1000]), 5_000).await;
        let counts = server.counts();
        assert_eq!(counts.in_flight_bytes, held);
        // One more may be at hand, and wait for room.
        assert!((held / 1000..=held / 1000 + 1).contains(&counts.in_flight), "{counts:?}");
        assert!(counts.received_bytes < 500_000, "{counts:?}");
    }
}

/// Writes `frame` up to `times` times, as long as the other side reads; gives the stream back.
async fn flood(io: tokio::io::DuplexStream, frame: &Frame, times: usize) -> Peer {
    let mut peer = Peer::new(io);
    let bytes = frame.bytes();
    for _ in 0..times {
        if tokio::time::timeout(ms(10), peer.send_bytes(&bytes)).await.is_err() {
            break;
        }
    }
    peer
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_no_answers_is_read_no_further() {
    // LR22: small requests for large answers, none of which is read, filled the memory.
    let net = Net::holding(64 * 1024);
    let counted = Arc::new(AtomicUsize::new(0));
    let router = handling(&counted, |counted, _| async move {
        counted.fetch_add(1, SeqCst);
        Ok(Bytes::from(vec![0; 100_000]))
    });
    let server = net.serve(serving(router).max_bytes(1 << 20));
    let peer = flood(net.raw().await, &Frame::new(REQUEST, 1, "x"), 1000).await;
    assert!(counted.load(SeqCst) <= 20, "{counted:?}");
    drop(peer);
    settle().await;
    assert_eq!((server.counts().in_flight_bytes, server.connections()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_and_nonsense_whose_answers_nobody_reads_is_bounded() {
    for kind in [PING, 99] {
        let net = Net::holding(4096);
        let server = net.serve(serving(echo()).max_requests(16));
        let _peer = flood(net.raw().await, &Frame::new(kind, 1, ""), 100_000).await;
        assert!(server.counts().queued < 200, "{:?}", server.counts());
        let mut peers = net.peers();
        let client = net.dial(dialling(native()).max_requests(16));
        let _peer = flood(peers.next().await.io, &Frame::new(kind, 1, ""), 100_000).await;
        assert!(client.counts().queued < 200, "{:?}", client.counts());
    }
}

#[tokio::test(start_paused = true)]
async fn a_draining_server_refuses_new_requests_by_name() {
    // Of a peer that says no hello, and so understands no goodbye.
    let (_net, server, mut peer) = served(serving(silent())).await;
    peer.send(REQUEST, 1, "first").await;
    settle().await;
    let draining = tokio::spawn(async move { server.drain(secs(1)).await });
    settle().await;
    peer.send(REQUEST, 2, "second").await;
    assert_eq!(peer.refusal().await, (2, vec![2, 0]));
    let drained = draining.await.unwrap();
    assert_eq!((drained.complete, drained.refused, drained.cut_off), (false, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_channel_beyond_the_limit_is_turned_away() {
    // LR31: the original took every connection there was.
    let (net, server, client) = between(serving(echo()).max_connections(1), dialling(native())).await;
    client.call(Bytes::new()).await.unwrap();
    let mut second = net.peer().await;
    assert_eq!(second.expect(GOODBYE).await.payload, goodbye(FULL, 0, 0, 1000));
    assert_eq!(second.read().await, None);
    let counts = server.counts();
    assert_eq!((counts.accepted, counts.turned_away, server.connections()), (1, 1, 1));
    client.call(Bytes::new()).await.unwrap();
    client.close().await;
    settle().await;
    let mut third = net.peer().await;
    third.send(REQUEST, 1, "").await;
    third.expect(REPLY).await;
}

#[tokio::test(start_paused = true)]
async fn a_one_way_message_is_executed_and_not_answered() {
    let (router, executed) = counting_echo();
    let (_net, server, client) = linked(router).await;
    client.one_way(Bytes::from("x")).await.unwrap();
    client.call(Bytes::new()).await.unwrap();
    // What was received is a hello and one reply.
    assert_eq!((executed.load(SeqCst), client.counts().received), (2, 2));
    assert_eq!(server.counts().in_flight, 0);
    let (_net, _peer, plain) = by_hand(in_order()).await;
    assert_fails!(plain.one_way(Bytes::new()).await, CallError::Refused(Refusal::CannotExpress(_)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_asked_says_that_it_serves_nothing() {
    let (_net, mut peer, client) = by_hand(native()).await;
    peer.send(REQUEST, 5, "who are you").await;
    let refused = peer.expect(REFUSED).await;
    assert_eq!((refused.id, client.counts().refused), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_fails_is_asked_again_after_waits_that_double_up_to_a_second() {
    // One that is out of descriptors fails until some come back: asking it all the time takes what time there is.
    let asked: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let moments = Arc::clone(&asked);
    let listener = generator("test://net".parse::<Endpoint>().unwrap(), move || {
        moments.lock().unwrap().push(Instant::now());
        let endpoint = "test://net".parse().unwrap();
        async move { Err(NextError::passing("accept", &endpoint, io::Error::other("none left"))) }
    });
    let _server = serving(echo()).listen(listener).unwrap();
    tokio::time::sleep(secs(5)).await;
    let asked = asked.lock().unwrap();
    let waits: Vec<_> = asked.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert_eq!(waits[..8], [5, 10, 20, 40, 80, 160, 320, 640]);
    assert!(waits.len() >= 10 && waits[8..].iter().all(|wait| *wait == 1000), "{waits:?}");
}

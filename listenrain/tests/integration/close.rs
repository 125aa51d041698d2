//! Closing: what was queued, what waits, and how long it takes.

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn queued_packets_are_each_written_once_at_close() {
    // LR01: the original wrote its first queued packet again and again at close.
    for within in [secs(5), ms(0)] {
        let (_net, mut peer, client) = by_hand(native()).await;
        for message in ["a", "b", "c"] {
            client.one_way(Bytes::from(message)).await.unwrap();
        }
        let (took, ()) = timed(client.connection().close(within)).await;
        let payloads: Vec<_> = peer.read_all().await.into_iter().map(|frame| frame.payload).collect();
        assert_eq!(payloads, [b"a", b"b", b"c"]);
        assert!(took < secs(1), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_does_not_wait_for_what_it_writes_itself() {
    // LR26: a message that is queued when close begins, and a cancel that follows, held it up for its whole time.
    let (_net, mut peer, client) = by_hand(native()).await;
    let (call, _) = started(&client, &mut peer, "asked").await;
    let closing = close_within(&client, secs(30));
    settle().await;
    call.abort();
    settle().await;
    assert!(closing.await.unwrap() < secs(1));
    peer.expect(CANCEL).await;
    assert_eq!(peer.read().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_closes_at_once() {
    // LR08: the original waited for two tasks that were parked, and only then closed the socket that would wake them.
    let (net, server, client) = linked(echo()).await;
    let (took, ()) = timed(client.close()).await;
    assert!(took < ms(10), "{took:?}");
    assert_eq!(net.open_lines(), 0);
    let (took, drained) = timed(server.drain(secs(30))).await;
    assert!(took < ms(10) && drained.complete, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_close_while_dialling_ends_every_call_and_task() {
    // LR04, LR09: a transport that never connected kept its callers, its timer and what was queued for ever.
    for is_hanging in [true, false] {
        let (net, before) = (Net::new(), tasks());
        net.hang(is_hanging);
        net.refuse_after(0);
        let client = connect(&net, native());
        client.one_way(Bytes::from("message")).await.unwrap();
        let call = start(&client, "asked").await;
        let (took, ()) = timed(client.connection().close(ms(20))).await;
        assert!(took <= ms(120), "{took:?}");
        assert_fails!(call.await.unwrap(), CallError::Refused(Refusal::Closed));
        let counts = client.counts();
        assert_eq!((counts.in_flight, counts.in_flight_bytes, counts.queued), (0, 0, 0), "{is_hanging}");
        assert_eq!(tasks(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn closing_twice_is_closing_once() {
    // LR05: a second close of the original's queue was a panic.
    let (net, _server, client) = linked(silent()).await;
    let calls = start_many(&client, 64, "waits").await;
    tokio::join!(client.connection().close(ms(50)), client.connection().close(ms(50)));
    client.connection().close(ms(50)).await;
    for call in calls {
        assert_fails!(call.await.unwrap(), CallError::Lost { sent: Sent::Maybe, cause: LinkError::Closed });
    }
    assert_fails!(client.call(Bytes::new()).await, CallError::Refused(Refusal::Closed));
    assert_eq!((net.open_lines(), client.counts().in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_close_waits_for_calls_in_flight_as_long_as_it_may() {
    // LR12, LR26: the original threw away a packet that it had decoded if close had begun meanwhile, and its time to drain was
    // never set, so it was zero.
    let (_net, mut peer, client) = by_hand(native()).await;
    let (soon, never) = (start(&client, "soon").await, start(&client, "never").await);
    let asked = peer.expect(REQUEST).await;
    let closing = close_within(&client, secs(5));
    settle().await;
    tokio::time::advance(secs(4)).await;
    peer.ends(soon, &asked, "late enough").await;
    let took = closing.await.unwrap();
    assert!(took >= secs(5) && took < ms(5200), "{took:?}");
    assert_fails!(never.await.unwrap(), CallError::Lost { sent: Sent::Maybe, cause: LinkError::Closed });
}

#[tokio::test(start_paused = true)]
async fn a_call_in_line_as_a_close_begins_is_refused_though_room_comes_as_is_a_new_one() {
    // It has looked at the state before it stood in line, and not again.
    let (_net, _peers, mut peer, client) = dialled(dialling(native()).max_requests(1)).await;
    let (first, asked) = started(&client, &mut peer, "first").await;
    let in_line = start(&client, "in line").await;
    let closing = close_within(&client, secs(5));
    settle().await;
    assert_fails!(client.call(Bytes::new()).await, CallError::Refused(Refusal::Draining));
    peer.ends(first, &asked, "").await;
    assert_fails!(in_line.await.unwrap(), CallError::Refused(Refusal::Draining));
    assert!(closing.await.unwrap() < secs(1));
    assert_eq!(peer.read().await, None, "and nothing more was sent");
}

#[tokio::test(start_paused = true)]
async fn a_close_beside_a_call_that_is_not_answered_still_writes_what_is_queued() {
    // The channel was cut off with the call: what it could not take in one step was lost.
    let (_net, _, mut peer, client) = dialled_on(Net::holding(64), dialling(native())).await;
    let (call, _) = started(&client, &mut peer, "asked").await;
    for _ in 0..20 {
        client.one_way(Bytes::from(vec![7; 100])).await.unwrap();
    }
    let reads = tokio::spawn(async move { peer.read_all().await });
    client.connection().close(ms(0)).await;
    let frames = reads.await.unwrap();
    assert_eq!(frames.iter().filter(|frame| frame.kind == ONE_WAY && frame.payload.len() == 100).count(), 20);
    assert_fails!(call.await.unwrap(), CallError::Lost { sent: Sent::Maybe, .. });
}

#[tokio::test(start_paused = true)]
async fn a_dropped_client_gives_everything_back() {
    // LR06: a connection whose peer or owner was gone kept its tasks and its socket.
    let before = tasks();
    let (net, mut peer, client) = by_hand(native()).await;
    drop(client);
    settle().await;
    assert_eq!((tasks(), net.open_lines()), (before, 0));
    assert_eq!(peer.read().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_on_its_way_into_the_queue_during_close_leaves_nothing_there() {
    // The queue of a closed connection still took in what came late.
    let barrier = Barrier::default();
    let (_net, _peer, client) = by_hand(late_ids(&barrier)).await;
    let caller = std::thread::spawn({
        let client = client.clone();
        move || client.call_blocking(Bytes::from("late"))
    });
    barrier.wait();
    client.connection().close(ms(1)).await;
    barrier.wait();
    assert_fails!(caller.join().unwrap(), CallError::Refused(Refusal::Closed));
    let counts = client.counts();
    assert_eq!((counts.queued, counts.in_flight, counts.in_flight_bytes), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_cannot_hold_a_close_up() {
    // LR08: closing waited for a writer that was stuck in the channel.
    let net = Net::holding(16);
    let _peers = net.peers();
    let client = connect(&net, native());
    let calls = start_many(&client, 3, "more than the channel holds").await;
    let (took, ()) = timed(client.connection().close(secs(1))).await;
    assert!(took <= ms(1200), "{took:?}");
    for call in calls {
        assert!(call.await.unwrap().is_err());
    }
    assert_eq!(net.open_lines(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_server_gives_everything_back() {
    let (net, before) = (Net::new(), tasks());
    let server = serve(&net, silent());
    let mut client = net.dialer().next().await.unwrap();
    drop(client.write);
    settle().await;
    drop(server);
    settle().await;
    let mut into = ReadBuffer::default();
    let end = std::future::poll_fn(|cx| client.read.poll_read(cx, &mut into)).await;
    assert_eq!((end.unwrap_or(0), tasks()), (0, before));
}

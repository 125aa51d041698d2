//! Deadlines and cancels of requests: they reach each in every state, on every executor.

use crate::support::*;

/// The code of an error packet: the deadline has passed.
const DEADLINE: [u8; 2] = [0, 7];

/// What becomes of handlers that never end by themselves.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Polled,
    Dropped,
}

struct Guard(mpsc::UnboundedSender<Seen>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send(Seen::Dropped);
    }
}

fn endless() -> (Router<RawBytes>, mpsc::UnboundedReceiver<Seen>) {
    let (sender, receiver) = unbounded_channel();
    let router = handling(&sender, |sender, _| {
        let guard = Guard(sender);
        async move {
            let _ = guard.0.send(Seen::Polled);
            std::future::pending().await
        }
    });
    (router, receiver)
}

/// Hands jobs over to a task, which runs them side by side.
fn worker() -> impl Executor {
    let (sender, mut jobs) = unbounded_channel();
    tokio::spawn(async move {
        let mut running = tokio::task::JoinSet::new();
        while let Some(job) = jobs.recv().await {
            running.spawn(job);
        }
    });
    executor(16, true, move |job| drop(sender.send(job)))
}

/// With each executor: a server of endless handlers, a peer of it, and what becomes of them.
async fn on_each_executor<F: Future<Output = ()>>(
    test: impl Fn(&'static str, Server, Peer, mpsc::UnboundedReceiver<Seen>) -> F,
) {
    let each: [(_, Protocol<RawBytes>); 4] = [
        ("inline", on(Inline::default())),
        ("spawned", on(Spawned::default())),
        ("blocking", on(Blocking::default())),
        ("a worker", on(worker())),
    ];
    for (name, protocol) in each {
        let (router, seen) = endless();
        let (_net, server, peer) = served(Server::builder(protocol, router)).await;
        test(name, server, peer, seen).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_ends_at_its_requests_deadline_on_every_executor() {
    on_each_executor(|name, server, mut peer, mut seen| async move {
        peer.ask_within(5, "x", 300).await;
        assert_eq!(seen.recv().await, Some(Seen::Polled), "{name}");
        tokio::time::advance(ms(299)).await;
        settle().await;
        assert_eq!(server.counts().in_flight, 1, "{name}: a millisecond is left");
        // One beyond, since timers are not exact to the millisecond.
        tokio::time::advance(ms(2)).await;
        let error = peer.expect(ERROR).await;
        assert_eq!((error.id, &error.payload[..2]), (5, &DEADLINE[..]), "{name}");
        assert_eq!(seen.recv().await, Some(Seen::Dropped), "{name}");
        assert_eq!((server.counts().expired, server.counts().in_flight), (1, 0), "{name}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_ends_a_handler_on_every_executor() {
    on_each_executor(|name, server, mut peer, mut seen| async move {
        peer.send(REQUEST, 5, "x").await;
        assert_eq!(seen.recv().await, Some(Seen::Polled), "{name}");
        peer.send(CANCEL, 5, "").await;
        assert_eq!(seen.recv().await, Some(Seen::Dropped), "{name}");
        // Nothing answers it, and the next request is served.
        peer.send(PING, 9, "").await;
        assert_eq!(peer.expect(PING).await.id, 9, "{name}");
        assert_eq!((server.counts().in_flight, server.counts().answered), (0, 0), "{name}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_its_executor_has_not_run_yet_ends_too() {
    for is_cancelled in [true, false] {
        let ((router, mut seen), (keeping, kept)) = (endless(), keeping_jobs(16, true));
        let (_net, server, mut peer) = served(Server::builder(on(keeping), router)).await;
        peer.ask_within(5, "x", 300).await;
        settle().await;
        if is_cancelled {
            peer.send(CANCEL, 5, "").await;
            settle().await;
        } else {
            let error = peer.expect(ERROR).await;
            assert_eq!((error.id, &error.payload[..2]), (5, &DEADLINE[..]));
        }
        assert_eq!(seen.recv().await, Some(Seen::Dropped), "its handler was never polled");
        assert_eq!(server.counts().in_flight, 0);
        let job = kept.lock().unwrap().pop().unwrap();
        job.run_now().expect("a job whose request has ended is done");
        assert!(seen.try_recv().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn requests_in_line_for_a_handlers_place_end_too() {
    let (router, mut seen) = endless();
    let (_net, server, mut peer) = served(Server::builder(on(Inline::new(1)), router)).await;
    for (id, within) in [(1, 0), (2, 300), (3, 0), (4, 0)] {
        peer.ask_within(id, "x", within).await;
    }
    settle().await;
    assert_eq!(server.counts().in_flight, 4);
    // It never ran, and is told so.
    assert_eq!(peer.refusal().await, (2, vec![6, 0]));
    peer.send(CANCEL, 3, "").await;
    settle().await;
    assert_eq!(server.counts().in_flight, 2);
    peer.send(CANCEL, 1, "").await;
    for expected in [Seen::Polled, Seen::Dropped, Seen::Polled] {
        assert_eq!(seen.recv().await, Some(expected), "the first, and then the last");
    }
    assert_eq!((server.counts().in_flight, server.counts().expired), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn of_requests_with_one_id_a_cancel_ends_the_oldest() {
    /// Tells its name when it is dropped.
    struct Tells(Bytes, mpsc::UnboundedSender<Bytes>);

    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.1.send(self.0.clone());
        }
    }

    let (sender, mut seen) = unbounded_channel();
    let router = handling(&sender, |sender, request| {
        let tells = Tells(request.message, sender);
        async move {
            let _tells = tells;
            std::future::pending().await
        }
    });
    let (_net, server, mut peer) = served(Server::builder(on(Inline::new(2)), router)).await;
    // Two that run, and one in line.
    for name in ["a", "b", "c"] {
        peer.send(REQUEST, 7, name).await;
    }
    for name in ["a", "b", "c"] {
        peer.send(CANCEL, 7, "").await;
        assert_eq!(seen.recv().await.unwrap(), name);
    }
    settle().await;
    assert_eq!(server.counts().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_go_on_past_its_requests_deadline_where_its_router_says_so() {
    let (_net, server, mut peer) = served(serving(obeying().run_past_deadlines())).await;
    peer.ask_within(5, "slow", 300).await;
    assert_eq!(peer.expect(REPLY).await.payload, b"slow");
    assert_eq!(server.counts().expired, 0);
}

#[tokio::test(start_paused = true)]
async fn a_one_way_message_ends_at_its_deadline_without_a_word() {
    let (router, mut seen) = endless();
    let (_net, server, mut peer) = served(serving(router)).await;
    peer.send_bytes(&Frame::new(ONE_WAY, 0, "x").within(300).bytes()).await;
    assert_eq!(seen.recv().await, Some(Seen::Polled));
    assert_eq!(seen.recv().await, Some(Seen::Dropped));
    peer.send(PING, 1, "").await;
    peer.expect(PING).await;
    assert_eq!((server.counts().in_flight, server.counts().answered), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_packet_carries_what_is_left_of_its_calls_time() {
    let (_net, mut peer, client) = by_hand(native()).await;
    // Zero is no deadline, so that less than a millisecond is one.
    let nanos = Duration::from_nanos;
    for (within, told) in [(secs(5), 5000), (ms(1), 1), (nanos(400_000), 1), (nanos(1), 1)] {
        let call = calling(&client, "x", within);
        let asked = peer.expect(REQUEST).await;
        assert_eq!(asked.deadline, told, "{within:?}");
        peer.send(REPLY, asked.id, "x").await;
        let _ = call.await;
    }
    let _call = start_within(&client, "x", Duration::MAX).await;
    assert_eq!(peer.expect(REQUEST).await.deadline, u32::MAX, "as long as it can say");
}

#[tokio::test(start_paused = true)]
async fn time_in_the_queue_counts_as_well() {
    let (net, mut peers, client) = hanging(dialling(native()));
    let _call = start_within(&client, "x", secs(5)).await;
    tokio::time::sleep(secs(2)).await;
    net.hang(false);
    assert_eq!(peers.next().await.expect(REQUEST).await.deadline, 3000);
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_when_its_caller_stops_waiting() {
    let (sender, mut told) = unbounded_channel();
    let router = handling(&sender, |sender, request| async move {
        let _ = sender.send(request.deadline.map(|deadline| deadline - Instant::now()));
        Ok(request.message)
    });
    let (net, _server, client) = linked(router).await;
    client.call_within(Bytes::new(), ms(2500)).await.unwrap();
    assert_eq!(told.recv().await.unwrap(), Some(ms(2500)));
    net.peer().await.send(REQUEST, 1, "").await;
    assert_eq!(told.recv().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_caller_hears_the_same_of_a_deadline_whichever_side_looks_first() {
    let (_net, mut peer, client) = by_hand(native()).await;
    let (call, asked) = started(&client, &mut peer, "x").await;
    peer.send(ERROR, asked.id, DEADLINE).await;
    assert!(matches!(call.await.unwrap(), Err(CallError::Timeout)));
    let (call, asked) = started(&client, &mut peer, "x").await;
    // It had to wait there, and never ran.
    peer.send(REFUSED, asked.id, [6, 0]).await;
    assert_fails!(call.await.unwrap(), CallError::Expired);
    assert_eq!(client.counts().timeouts, 2);
}

#[tokio::test]
async fn a_handler_that_blocks_keeps_its_place_though_its_caller_is_told() {
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let router: Router<RawBytes> = Router::new().on_blocking(Command(0), move |request: Request<Bytes>| {
        wait.lock().unwrap().recv().map_err(HandlerError::from)?;
        Ok(request.message)
    });
    let (_net, server, mut peer) = served(Server::builder(on(Inline::new(1)), router)).await;
    peer.ask_within(1, "first", 20).await;
    assert_eq!(peer.expect(ERROR).await.payload[..2], DEADLINE);
    peer.send(REQUEST, 2, "second").await;
    settle().await;
    assert_eq!(server.counts().in_flight, 1, "it waits for the place");
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    let reply = peer.expect(REPLY).await;
    assert_eq!((reply.id, &reply.payload[..]), (2, &b"second"[..]));
}

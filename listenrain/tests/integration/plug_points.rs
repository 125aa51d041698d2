//! Plug points, each implemented outside the crate, well and badly.

use crate::support::*;

/// Last in, first out; forgets what is longer than it likes.
#[derive(Default)]
struct Stack {
    items: Vec<(Ticket, Queued)>,
    forgets_from: Option<usize>,
}

impl SendQueue<Queued> for Stack {
    fn push(&mut self, ticket: Ticket, item: Queued) {
        if self.forgets_from.is_none_or(|longest| item.len() < longest) {
            self.items.push((ticket, item));
        }
    }

    fn push_front(&mut self, ticket: Ticket, item: Queued) {
        self.items.push((ticket, item));
    }

    fn pop(&mut self) -> Option<(Ticket, Queued)> {
        self.items.pop()
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Queued> {
        let at = self.items.iter().position(|(other, _)| *other == ticket)?;
        Some(self.items.remove(at).1)
    }

    fn len(&self) -> usize {
        self.items.len()
    }
}

fn raw() -> ProtocolBuilder<RawBytes> {
    Protocol::builder("plugged", RawBytes)
}

#[tokio::test(start_paused = true)]
async fn a_queue_of_the_users_orders_what_is_written() {
    // LR34: the original's plug points named types that nobody outside could name.
    let (net, mut peers, client) = hanging(dialling(raw().queue(Stack::default).build().unwrap()));
    for message in ["first", "second", "third"] {
        client.one_way(Bytes::from(message)).await.unwrap();
    }
    net.hang(false);
    let mut peer = peers.next().await;
    for message in ["third", "second", "first"] {
        assert_eq!(peer.expect(ONE_WAY).await.payload, message.as_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_forgets_costs_its_calls_only_and_no_room() {
    let forgetful = || Stack { forgets_from: Some(10), ..Stack::default() };
    let (_net, _server, client) =
        between(serving(echo()), dialling(raw().queue(forgetful).build().unwrap())).await;
    let lost = client.call_within(Bytes::from("longer than ten"), ms(50)).await;
    assert!(lost.is_err());
    assert_eq!(client.call(Bytes::from("short")).await.unwrap(), "short");
    assert_eq!((client.counts().in_flight, client.counts().in_flight_bytes), (0, 0));
}

/// A table whose `take` gives a call of somebody else.
#[derive(Default)]
struct Confused(BTreeMap<u8, CallId>);

impl StateMachinePool<u8> for Confused {
    fn put(&mut self, id: u8, call: CallId) -> bool {
        self.0.insert(id, call);
        true
    }

    fn take(&mut self, _: &u8) -> Option<CallId> {
        self.0.values().next().copied()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_of_the_users_cannot_end_a_call_twice() {
    // LR36: any table but the default one could complete a call twice, or somebody else's.
    let protocol = raw().packets(OriginalPackets::default());
    let protocol = protocol.correlation(Correlation::by_message_with(first_byte, Confused::default));
    let (_net, mut peer, client) = by_hand(protocol.build().unwrap()).await;
    let (first, second) = (send_to(&client, "1", ms(50)).await, send_to(&client, "2", ms(50)).await);
    for _ in 0..5 {
        peer.send_original("2").await;
    }
    assert_eq!(only(first).await.unwrap(), "2");
    assert_fails!(only(second).await, CallError::Timeout);
    assert_eq!(client.counts().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn an_id_reader_that_panics_ends_that_call_and_leaves_no_trace() {
    let id_of = |bytes: &[u8]| {
        assert_ne!(bytes, b"panic", "told to");
        Ok::<_, MessageError>(bytes[0])
    };
    let protocol = raw().packets(OriginalPackets::default()).correlation(Correlation::by_message(id_of));
    let (_net, mut peer, client) = by_hand(protocol.build().unwrap()).await;
    assert_fails!(client.call(Bytes::from("panic")).await, CallError::Refused(Refusal::Panicked { .. }));
    peer.send_original("panic").await;
    exchange_originals(&client, &mut peer, "1", "1 is fine").await;
    let (took, ()) = timed(client.close()).await;
    assert!(took < ms(10), "a slot is left behind: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_executor_of_the_users_is_never_given_more_than_its_bound() {
    // LR22: a task for each message, however many.
    let count = Arc::new(AtomicUsize::new(0));
    let jobs = Arc::clone(&count);
    let counting = executor(2, true, move |job| {
        jobs.fetch_add(1, SeqCst);
        tokio::spawn(job);
    });
    let builder = Server::builder(on(counting), silent());
    let (_net, server, client) = between(builder, dialling(native())).await;
    let _calls = start_many(&client, 20, "x").await;
    // The others stand in line.
    assert_eq!((count.load(SeqCst), server.counts().in_flight), (2, 20));
}

#[tokio::test]
async fn the_blocking_executor_runs_handlers_that_block_side_by_side() {
    // Each waits for the other on its thread; on the runtime's only one both would stand still.
    let together = Arc::new(std::sync::Barrier::new(2));
    let router = handling(&together, |together, request| async move {
        together.wait();
        Ok(request.message)
    });
    let builder = Server::builder(on(Blocking::new(2)), router);
    let (_net, _server, client) = between(builder, dialling(native())).await;
    for call in [calling(&client, "a", secs(30)), calling(&client, "b", secs(30))] {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn every_executor_runs_handlers_that_answer_at_once_or_later() {
    for protocol in [on(Inline::new(8)), on(Spawned::new(8)), on(Blocking::new(8))] {
        let builder = Server::builder(protocol, obeying());
        let (_net, server, client) = between(builder, dialling(native())).await;
        for asked in ["at once", "later"] {
            let call = tokio::time::timeout(secs(30), client.call(Bytes::from(asked)));
            assert_eq!(call.await.unwrap().unwrap(), asked);
        }
        let drained = tokio::time::timeout(secs(30), server.drain(secs(20))).await.unwrap();
        assert!(drained.complete);
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_is_counted() {
    // LR38: a line of log for each timeout and late reply, and no numbers.
    let (_net, mut peer, client) = by_hand(native()).await;
    for _ in 0..50 {
        assert!(client.call_within(Bytes::new(), ms(1)).await.is_err());
        let asked = peer.expect(REQUEST).await;
        peer.expect(CANCEL).await;
        peer.send(REPLY, asked.id, "late").await;
    }
    settle().await;
    let counts = client.counts();
    assert_eq!((counts.timeouts, counts.late_replies), (50, 50));
    assert_eq!((counts.sent, counts.received, counts.in_flight), (100, 50, 0));
}

#[tokio::test(start_paused = true)]
async fn calls_that_timers_had_when_they_panicked_end_at_their_deadlines_all_the_same() {
    let (_net, _peer, client) =
        by_hand(raw().timers(|| Watched { panics_at: Some(3), ..Watched::default() }).build().unwrap()).await;
    let began = Instant::now();
    let calls =
        [start_within(&client, "first", secs(1)).await, start_within(&client, "second", secs(2)).await];
    assert_eq!(client.counts().panics, 0);
    let third = start_within(&client, "third", secs(3)).await;
    assert_eq!(client.counts().panics, 1);
    for (call, seconds) in calls.into_iter().chain([third]).zip(1..) {
        let ended = tokio::time::timeout(secs(60), call).await.expect("it ends");
        assert_fails!(ended.unwrap(), CallError::Timeout);
        let took = began.elapsed();
        assert!(took >= secs(seconds) && took < secs(seconds) + ms(10), "{took:?}");
    }
}

//! `send`: a state machine is told exactly one outcome, however its call ends.

use crate::support::*;

const ASKED: Bytes = Bytes::from_static(b"asked");

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_told_its_reply_once() {
    // LR36: a stale timer or a duplicate reply completed a machine twice, or somebody else's.
    let (_net, mut peer, client) = by_hand(native()).await;
    let told = send_to(&client, ASKED, ms(50)).await;
    let asked = peer.answer("one").await;
    peer.send(REPLY, asked.id, "two").await;
    settle().await;
    tokio::time::advance(ms(100)).await;
    assert_eq!(only(told).await.unwrap(), "one");
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_told_however_its_call_ends() {
    let configured = dialling(native()).max_requests(3).overflow(Overflow::Refuse);
    let (net, _peers, mut peer, client) = dialled(configured).await;
    let timed_out = send_to(&client, ASKED, ms(50)).await;
    assert_fails!(only(timed_out).await, CallError::Timeout);
    let lost = send_to(&client, ASKED, secs(5)).await;
    for kind in [REQUEST, CANCEL, REQUEST] {
        peer.expect(kind).await;
    }
    net.hang(true);
    net.cut();
    assert_fails!(only(lost).await, CallError::Lost { .. });
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(send_to(&client, ASKED, secs(5)).await);
    }
    let refused = send_to(&client, ASKED, secs(5)).await;
    assert_fails!(only(refused).await, CallError::Refused(Refusal::Full { .. }));
    drop(client);
    for told in kept {
        assert!(only(told).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_told_that_its_send_was_dropped_in_line() {
    let (_net, _server, client) = between(serving(silent()), dialling(native()).max_requests(1)).await;
    let _call = start(&client, "in the way").await;
    let (machine, told) = told();
    let sending = tokio::spawn(async move { client.send(ASKED, machine).await });
    settle().await;
    sending.abort();
    assert!(matches!(only(told).await, Err(CallError::Cancelled)));
}

#[tokio::test(start_paused = true)]
async fn callbacks_that_wait_for_their_executor_keep_their_places_and_hold_up_no_call() {
    // A send waited for an executor that others' calls held while they were in flight, and what waited for it was
    // bounded by nothing.
    let (keeping, jobs) = keeping_jobs(1, false);
    let builder = dialling(calling_back_on(keeping)).max_requests(4);
    let (_net, _server, client) = between(serving(echo()), builder).await;
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(send_to(&client, ASKED, secs(5)).await);
    }
    settle().await;
    assert_eq!(client.counts().in_flight, 4, "all are answered, and none is told");
    assert_fails!(client.call_within(ASKED, ms(10)).await, CallError::Expired);
    for (at, told) in all.into_iter().enumerate() {
        let job = jobs.lock().unwrap().pop().expect("one at a time is handed over");
        job.run_now().unwrap();
        assert_eq!(only(told).await.unwrap(), ASKED);
        settle().await;
        assert_eq!(client.counts().in_flight, 3 - at as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_does_not_wait_for_calls_of_another_connection() {
    // Four calls to a peer that says nothing took all of the executor's places for as long as they waited.
    let protocol = calling_back_on(Spawned::new(1));
    let (silent_net, net) = (Net::new(), Net::new());
    let (_silent, _server) = (serve(&silent_net, silent()), serve(&net, echo()));
    let (stuck, good) = (connect(&silent_net, protocol.clone()), connect(&net, protocol));
    for _ in 0..4 {
        stuck.send(ASKED, |_: Outcome<Bytes>| {}).await;
    }
    let (took, told) = timed(send_to(&good, ASKED, secs(5))).await;
    assert_eq!(only(told).await.unwrap(), ASKED);
    assert!(took < ms(100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_that_panics_harms_nobody() {
    let net = Net::new();
    let _server = serve(&net, echo());
    for protocol in [calling_back_on(Spawned::new(2)), calling_back_on(Inline::new(2))] {
        let client = connect(&net, protocol);
        for _ in 0..10 {
            client.send(ASKED, |_: Outcome<Bytes>| panic!("a machine panics")).await;
        }
        assert_eq!(client.call(ASKED).await.unwrap(), ASKED);
        let told = send_to(&client, ASKED, secs(5)).await;
        assert_eq!(only(told).await.unwrap(), ASKED);
        assert_eq!(client.counts().panics, 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_told_though_its_executor_drops_every_job() {
    let net = Net::new();
    let _server = serve(&net, echo());
    for panics in [false, true] {
        let jobs = Arc::new(AtomicUsize::new(0));
        let handed_over = Arc::clone(&jobs);
        let broken = executor(2, false, move |_| {
            handed_over.fetch_add(1, SeqCst);
            assert!(!panics, "an executor panics");
        });
        let client = connect(&net, calling_back_on(broken));
        for sent in 1..=5 {
            let told = send_to(&client, ASKED, secs(1)).await;
            assert!(matches!(only(told).await, Err(CallError::Failed(_))));
            assert_eq!(jobs.load(SeqCst), sent);
        }
        assert_eq!(client.call(ASKED).await.unwrap(), ASKED);
    }
}

#[tokio::test]
async fn a_blocking_call_inside_a_runtime_is_refused_at_once() {
    let (_net, _server, client) = linked(echo()).await;
    assert_fails!(client.call_blocking(ASKED), CallError::Refused(Refusal::InsideRuntime));
}

#[tokio::test]
async fn a_plain_thread_may_block_for_its_reply_and_keeps_its_deadline() {
    let (_net, mut peer, client) = by_hand(native()).await;
    let waiting = client.clone();
    let thread = std::thread::spawn(move || waiting.call_blocking_within(ASKED, secs(30)));
    let asked = tokio::time::timeout(secs(30), peer.expect(REQUEST)).await.unwrap();
    peer.send(REPLY, asked.id, "answered").await;
    joined(thread).await.map(|reply| assert_eq!(reply, "answered")).unwrap();
    let waiting = client.clone();
    let thread = std::thread::spawn(move || waiting.call_blocking_within(ASKED, ms(20)));
    assert!(matches!(joined(thread).await, Err(CallError::Timeout)));
    peer.expect(REQUEST).await;
    peer.expect(CANCEL).await;
    assert_eq!((client.counts().in_flight, client.counts().timeouts), (0, 1));
}

async fn joined<T: Send + 'static>(thread: std::thread::JoinHandle<T>) -> T {
    let joining = tokio::task::spawn_blocking(move || thread.join().unwrap());
    tokio::time::timeout(secs(30), joining).await.expect("stuck").unwrap()
}

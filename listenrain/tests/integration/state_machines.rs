//! `send`: a state machine is told exactly one outcome, however its call ends.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use listenrain::{
    CallError, Client, Executor, Inline, Job, Outcome, Overflow, Protocol, RawBytes, Refusal, Spawned,
};
use support::*;
use tokio::sync::Notify;

const ASKED: Bytes = Bytes::from_static(b"asked");

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_told_its_reply_once() {
    // LR36: a stale timer or a duplicate reply completed a machine twice, or somebody else's.
    let (_net, mut peer, client) = by_hand(native()).await;
    let (machine, told) = told();
    client.send_within(ASKED, ms(50), machine).await;
    let asked = peer.expect(REQUEST).await;
    peer.send(REPLY, asked.id, "one").await;
    peer.send(REPLY, asked.id, "two").await;
    settle().await;
    tokio::time::advance(ms(100)).await;
    assert_eq!(only(told).await.unwrap(), "one");
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_told_of_a_timeout() {
    let (_net, _server, client) = linked(silent()).await;
    let (machine, told) = told();
    client.send_within(ASKED, ms(50), machine).await;
    assert!(matches!(only(told).await, Err(CallError::Timeout)));
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_told_of_a_lost_link() {
    let (net, mut peer, client) = by_hand(native()).await;
    let (machine, told) = told();
    client.send(ASKED, machine).await;
    peer.expect(REQUEST).await;
    net.cut();
    assert!(matches!(only(told).await, Err(CallError::Lost { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_told_of_a_dropped_connection() {
    let (_net, _server, client) = linked(silent()).await;
    let (machine, told) = told();
    client.send(ASKED, machine).await;
    drop(client);
    assert!(only(told).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_told_of_a_refusal() {
    let net = Net::new();
    let _server = serve(&net, silent());
    let client = dialling(native()).max_requests(1).overflow(Overflow::Refuse).dial(net.dialer()).unwrap();
    let ((first, _keep), (second, told_second)) = (told(), told());
    client.send(ASKED, first).await;
    client.send(ASKED, second).await;
    let refused = only(told_second).await.unwrap_err();
    assert!(matches!(refused, CallError::Refused(Refusal::Full { .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_told_that_its_send_was_dropped_in_line() {
    let net = Net::new();
    let _server = serve(&net, silent());
    let client = dialling(native()).max_requests(1).dial(net.dialer()).unwrap();
    let _call = start(&client, "in the way").await;
    let (machine, told) = told();
    let sending = tokio::spawn(async move { client.send(ASKED, machine).await });
    settle().await;
    sending.abort();
    assert!(matches!(only(told).await, Err(CallError::Cancelled)));
}

/// A client whose callbacks run on `callbacks`, of a server that echoes.
fn with_callbacks(net: &Net, callbacks: impl Executor) -> Client<RawBytes> {
    let protocol = Protocol::builder("native", RawBytes).callbacks(callbacks).build().unwrap();
    connect(net, protocol)
}

/// Takes the one place that there is for callbacks, until it is told to go on.
fn until_told(go_on: &Arc<Notify>) -> impl Executor {
    #[derive(Debug)]
    struct Held(Arc<Notify>);

    impl Executor for Held {
        fn execute(&self, job: Job) {
            let go_on = Arc::clone(&self.0);
            tokio::spawn(async move {
                go_on.notified().await;
                job.await;
            });
        }

        fn bound(&self) -> usize {
            1
        }

        fn runs_in_place(&self) -> bool {
            false
        }
    }

    Held(Arc::clone(go_on))
}

#[tokio::test(start_paused = true)]
async fn callbacks_that_wait_for_their_executor_keep_their_places_and_hold_up_no_call() {
    // A send waited for an executor that others' calls held while they were in flight, and what waited for it was
    // bounded by nothing.
    let net = Net::new();
    let _server = serve(&net, echo());
    let go_on = Arc::new(Notify::new());
    let protocol = Protocol::builder("native", RawBytes).callbacks(until_told(&go_on)).build().unwrap();
    let client = dialling(protocol).max_requests(4).dial(net.dialer()).unwrap();
    let machines: Vec<_> = (0..4).map(|_| told()).collect();
    let mut all = Vec::new();
    for (machine, told) in machines {
        client.send(ASKED, machine).await;
        all.push(told);
    }
    settle().await;
    assert_eq!(client.counts().in_flight, 4, "all are answered, and none is told");
    let full = client.call_within(ASKED, ms(10)).await.unwrap_err();
    assert!(matches!(full, CallError::Expired), "{full:?}");
    for (at, told) in all.into_iter().enumerate() {
        go_on.notify_one();
        assert_eq!(only(told).await.unwrap(), ASKED);
        settle().await;
        assert_eq!(client.counts().in_flight, 3 - at as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_does_not_wait_for_calls_of_another_connection() {
    // Four calls to a peer that says nothing took all of the executor's places for as long as they waited.
    let protocol = Protocol::builder("native", RawBytes).callbacks(Spawned::new(1)).build().unwrap();
    let (silent_net, net) = (Net::new(), Net::new());
    let (_silent, _server) = (serve(&silent_net, silent()), serve(&net, echo()));
    let (stuck, good) = (connect(&silent_net, protocol.clone()), connect(&net, protocol));
    for _ in 0..4 {
        stuck.send(ASKED, |_: Outcome<Bytes>| {}).await;
    }
    let (machine, told) = told();
    let (took, ()) = timed(good.send(ASKED, machine)).await;
    assert_eq!(only(told).await.unwrap(), ASKED);
    assert!(took < ms(100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_that_panics_harms_nobody() {
    let net = Net::new();
    let _server = serve(&net, echo());
    for client in [with_callbacks(&net, Spawned::new(2)), with_callbacks(&net, Inline::new(2))] {
        for _ in 0..10 {
            client.send(ASKED, |_: Outcome<Bytes>| panic!("a machine panics")).await;
        }
        assert_eq!(client.call(ASKED).await.unwrap(), ASKED);
        let (machine, told) = told();
        client.send(ASKED, machine).await;
        assert_eq!(only(told).await.unwrap(), ASKED);
    }
}

/// Loses every job, or panics instead of running it.
#[derive(Debug)]
struct Broken {
    panics: bool,
    jobs: Arc<AtomicUsize>,
}

impl Executor for Broken {
    fn execute(&self, job: Job) {
        self.jobs.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "an executor panics");
        drop(job);
    }

    fn bound(&self) -> usize {
        2
    }

    fn runs_in_place(&self) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_told_though_its_executor_drops_every_job() {
    let net = Net::new();
    let _server = serve(&net, echo());
    for panics in [false, true] {
        let jobs = Arc::new(AtomicUsize::new(0));
        let client = with_callbacks(&net, Broken { panics, jobs: Arc::clone(&jobs) });
        for sent in 1..=5 {
            let (machine, told) = told();
            client.send_within(ASKED, secs(1), machine).await;
            assert!(matches!(only(told).await, Err(CallError::Failed(_))));
            assert_eq!(jobs.load(Ordering::SeqCst), sent);
        }
        assert_eq!(client.call(ASKED).await.unwrap(), ASKED);
    }
}

#[tokio::test]
async fn a_blocking_call_inside_a_runtime_is_refused_at_once() {
    let (_net, _server, client) = linked(echo()).await;
    let refused = client.call_blocking(ASKED).unwrap_err();
    assert!(matches!(refused, CallError::Refused(Refusal::InsideRuntime)), "{refused:?}");
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
    assert_eq!(client.counts().in_flight, 0);
}

async fn joined<T: Send + 'static>(thread: std::thread::JoinHandle<T>) -> T {
    let joining = tokio::task::spawn_blocking(move || thread.join().unwrap());
    tokio::time::timeout(secs(30), joining).await.expect("stuck").unwrap()
}

//! Callers hear of their ends whatever becomes of the runtime that drives their connection.

use crate::support::*;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A client whose runtime only runs while `block_on` is called on it, and its peer, which never answers.
fn driven_by_hand() -> (Runtime, Client<RawBytes>, Peer) {
    let runtime = runtime();
    let (client, peer) = runtime.block_on(async {
        let (_net, peer, client) = by_hand(native()).await;
        (client, peer)
    });
    (runtime, client, peer)
}

/// Runs `ask` on a thread of its own, and gives what it comes to, if it does.
fn aside<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<T> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(ask()));
    receiver
}

/// Far longer than anything here takes.
const WATCHDOG: Duration = Duration::from_secs(30);

/// Makes a call and waits for its end.
type Ask = Box<dyn FnOnce(Client<RawBytes>) -> Outcome<Bytes> + Send>;

#[test]
fn a_caller_hears_of_its_deadline_though_nobody_drives_its_connection() {
    // All deadlines were told by one task of the connection's runtime.
    let (_runtime, client, _peer) = driven_by_hand();
    let within = ms(100);
    let asks: [(&str, Ask); 3] = [
        (
            "another runtime",
            Box::new(move |client| runtime().block_on(client.call_within(Bytes::new(), within))),
        ),
        (
            "another runtime of several threads",
            Box::new(move |client| {
                let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
                runtime.block_on(async move {
                    tokio::spawn(async move { client.call_within(Bytes::new(), within).await }).await.unwrap()
                })
            }),
        ),
        ("a plain thread", Box::new(move |client| client.call_blocking_within(Bytes::new(), within))),
    ];
    for (name, ask) in asks {
        let client = client.clone();
        let start = Instant::now();
        let outcome = aside(move || ask(client)).recv_timeout(WATCHDOG).expect(name);
        assert!(outcome.as_ref().is_err_and(CallError::is_timeout), "{name}: {outcome:?}");
        assert!(start.elapsed() >= within, "{name}");
    }
    assert_eq!(client.counts().in_flight, 0, "what they held is given back");
}

#[test]
fn callers_hear_at_once_that_the_runtime_of_their_connection_is_gone() {
    let (runtime, client, mut peer) = driven_by_hand();
    let long = Duration::from_secs(600);
    let asks: [Ask; 2] = [
        Box::new(move |client| self::runtime().block_on(client.call_within(Bytes::new(), long))),
        Box::new(move |client| client.call_blocking_within(Bytes::new(), long)),
    ];
    let waiting = asks.map(|ask| {
        let client = client.clone();
        aside(move || ask(client))
    });
    let (told, machine) = mpsc::channel();
    runtime.block_on(async {
        client.send_within(Bytes::new(), long, move |outcome| drop(told.send(outcome))).await;
        peer.requests(3).await;
    });
    drop(runtime);
    let outcomes = waiting.iter().map(|outcome| outcome.recv_timeout(WATCHDOG).expect("told"));
    let outcomes = outcomes.chain([machine.recv_timeout(WATCHDOG).expect("a state machine is told")]);
    for outcome in outcomes {
        // They had left.
        assert!(matches!(outcome, Err(CallError::Lost { .. })), "{outcome:?}");
    }
    // What comes later is refused, and says why.
    let late = client.clone();
    let outcome = aside(move || late.call_blocking_within(Bytes::new(), long));
    assert_fails!(outcome.recv_timeout(WATCHDOG).unwrap(), CallError::Refused(Refusal::RuntimeGone));
    assert!(client.connection().state().is_closed());
    assert_eq!(client.counts().in_flight, 0);
}

#[test]
fn what_had_not_left_when_its_runtime_went_is_known_not_to_have_run() {
    let runtime = runtime();
    let (_net, _peers, client) = runtime.block_on(async { hanging(dialling(native())) });
    let waiting = aside({
        let client = client.clone();
        move || client.call_blocking_within(Bytes::new(), Duration::from_secs(600))
    });
    while client.counts().in_flight == 0 {
        thread::yield_now();
    }
    drop(runtime);
    assert_fails!(waiting.recv_timeout(WATCHDOG).expect("told"), CallError::Refused(Refusal::RuntimeGone));
}

#[test]
fn a_close_returns_though_nobody_drives_the_connection() {
    let (gone, client, _peer) = driven_by_hand();
    drop(gone);
    let closed = aside(move || runtime().block_on(client.close()));
    closed.recv_timeout(WATCHDOG).expect("closed");
}

#[test]
fn callers_of_a_runtime_without_timers_hear_of_their_ends() {
    let driver = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (client, _peer) = driver.block_on(async {
        let (_net, peer, client) = by_hand(native()).await;
        (client, peer)
    });
    let asked = aside(move || {
        let runtime = Builder::new_current_thread().build().unwrap();
        // Long enough for the request to leave, also where a backtrace of the runtime's complaint is printed first.
        runtime.block_on(client.call_within(Bytes::new(), secs(1)))
    });
    assert_fails!(asked.recv_timeout(WATCHDOG).expect("told"), CallError::Timeout);
}

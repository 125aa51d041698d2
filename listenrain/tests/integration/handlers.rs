//! Handlers of every kind, and what stands in for errors where packets cannot say them.

use crate::support::*;
use std::sync::{Barrier, Weak};

#[tokio::test]
async fn handlers_that_block_run_side_by_side_on_threads_of_their_own() {
    // All of this test has one thread, and each handler waits there until all four are.
    let together = Arc::new(Barrier::new(4));
    let router: Router<RawBytes> = Router::new().on_blocking(Command(0), move |request: Request<Bytes>| {
        together.wait();
        Ok(request.message)
    });
    let (_net, _server, client) = linked(router).await;
    let calls = ["a", "b", "c", "d"].map(|name| (name, calling(&client, name, secs(30))));
    for (name, call) in calls {
        assert_eq!(call.await.unwrap().unwrap(), name);
    }
}

#[tokio::test]
async fn a_blocking_handler_that_fails_or_panics_is_answered_with_an_error() {
    let router: Router<RawBytes> = Router::new().on_blocking(Command(0), |request: Request<Bytes>| {
        assert!(request.message != "panic", "a blocking handler");
        Err(HandlerError::new("it failed"))
    });
    let (_net, server, mut peer) = served(serving(router)).await;
    for (asked, told) in [("panic", &b"\0\x04"[..]), ("fail", b"\0\x03it failed")] {
        peer.send(REQUEST, 1, asked).await;
        assert_eq!(peer.expect(ERROR).await.payload, told);
    }
    assert_eq!((server.counts().panics, server.counts().in_flight), (1, 0));
}

/// The original's packets, whose errors are messages that name the request.
fn with_stand_ins() -> Router<RawBytes> {
    obeying().on_error(|request: &[u8], error: &RemoteError| {
        let request = String::from_utf8_lossy(request);
        (request != "worse").then(|| format!("error of {request}: {}", error.message).into())
    })
}

#[tokio::test(start_paused = true)]
async fn a_message_stands_in_for_an_error_that_the_protocol_cannot_say() {
    let (_net, server, mut peer) = served(Server::builder(in_order(), with_stand_ins())).await;
    for asked in ["slow", "bad", "good"] {
        peer.send_original(asked).await;
    }
    for told in ["slow", "error of bad: no good", "good"] {
        assert_eq!(peer.read_original().await.unwrap(), told.as_bytes(), "in order");
    }
    // One without a stand-in: the next answer would be taken for its own, so that the channel ends.
    peer.send_original("worse").await;
    assert_eq!(peer.read_original().await, None);
    assert_eq!((server.counts().unanswered, server.counts().errors), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_stand_in_that_cannot_be_made_is_none() {
    for (name, large) in [("panics", false), ("longer than a packet may be", true)] {
        let router = with_stand_ins().on_error(move |_, _| {
            assert!(large, "a stand-in panics");
            Some(Bytes::from(vec![0; 1001]))
        });
        let protocol = in_packets(OriginalPackets::default().with_max_packet(1000));
        let (_net, server, mut peer) = served(Server::builder(protocol, router)).await;
        peer.send_original("bad").await;
        assert_eq!(peer.read_original().await, None, "{name}");
        assert_eq!(server.counts().unanswered, 1, "{name}");
    }
}

/// Polls each job once where it stands, and keeps those that are not done.
fn at_once() -> (impl Executor, Jobs) {
    let jobs = Jobs::default();
    let kept = Arc::clone(&jobs);
    let run = move |job: Job| {
        if let Err(unfinished) = job.run_now() {
            kept.lock().unwrap().push(unfinished);
        }
    };
    (executor(16, true, run), jobs)
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_not_done_at_once_is_given_back_and_goes_on_elsewhere() {
    let (polling, jobs) = at_once();
    let (_net, server, mut peer) = served(Server::builder(on(polling), obeying())).await;
    peer.send(REQUEST, 1, "once").await;
    assert_eq!(peer.expect(REPLY).await.payload, b"once");
    peer.send(REQUEST, 2, "later").await;
    settle().await;
    assert_eq!(server.counts().in_flight, 1);
    let job = jobs.lock().unwrap().pop().unwrap();
    job.run_now().unwrap();
    assert_eq!(peer.expect(REPLY).await.payload, b"later");
    assert!(jobs.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_dropped_is_answered_for() {
    let (polling, jobs) = at_once();
    let (_net, server, mut peer) = served(Server::builder(on(polling), silent())).await;
    peer.send(REQUEST, 1, "x").await;
    settle().await;
    jobs.lock().unwrap().clear();
    let error = peer.expect(ERROR).await;
    assert_eq!(error.payload[..2], [0, 5], "no reply");
    assert_eq!(server.counts().in_flight, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_drain_keeps_its_time_while_a_handler_blocks_the_thread_that_its_channel_lives_on() {
    let (entered, mut has_entered) = unbounded_channel();
    // Blocks until its sender is gone.
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let router: Router<RawBytes> = Router::new().on(Command(0), move |request: Request<Bytes>| {
        let (entered, released) = (entered.clone(), released.clone());
        async move {
            entered.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
            Ok(request.message)
        }
    });
    let (_net, server, client) = linked(router).await;
    let call = tokio::spawn(async move { client.call(Bytes::new()).await });
    has_entered.recv().await.unwrap();
    let drained = tokio::time::timeout(Duration::from_secs(20), server.drain(Duration::from_millis(50)));
    let drained = drained.await.expect("a drain that waits for the handler never ends");
    assert_eq!((drained.complete, drained.cut_off), (false, 1));
    drop(release);
    // Its link ran the handler itself, and may have been able to write the answer before it ended.
    let _ended = call.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_has_answered_and_goes_on_ends_with_its_channel_where_that_is_wanted() {
    let guard = Arc::new(());
    let held = Arc::clone(&guard);
    let router: Router<RawBytes> = Router::new().respond(Command(0), move |request, responder| {
        let held = Arc::clone(&held);
        async move {
            let _held = held;
            tokio::task::yield_now().await;
            responder.reply(request.message).unwrap();
            std::future::pending().await
        }
    });
    let (_net, _server, mut peer) = served(serving(router).on_disconnect(OnDisconnect::Cancel)).await;
    for id in 1..=2 {
        peer.send(REQUEST, id, "answered").await;
        peer.expect(REPLY).await;
    }
    // The router has one, and each of the handlers.
    assert_eq!(Arc::strong_count(&guard), 4);
    drop(peer);
    settle().await;
    assert_eq!(Arc::strong_count(&guard), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_its_handler_has_left_to_others_ends_at_its_deadline_all_the_same() {
    let (router, mut left) = handed_over();
    let (_net, server, mut peer) = served(serving(router)).await;
    peer.ask_within(1, "left", 1000).await;
    let told = tokio::time::timeout(secs(60), peer.expect(ERROR)).await.expect("it is told");
    assert_eq!(told.payload[..2], *b"\0\x07");
    assert_eq!((server.counts().expired, server.counts().in_flight), (1, 0));
    let (_, responder) = left.recv().await.unwrap();
    assert!(!responder.is_awaited() && matches!(responder.reply(Bytes::new()), Err(RespondError::Ended)));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_over_is_let_go_of_when_its_last_handler_ends() {
    let go_on = Arc::new(Notify::new());
    let facts: Arc<Mutex<Vec<Weak<ChannelFacts>>>> = Arc::default();
    let router = handling(&(go_on.clone(), facts.clone()), |(go_on, facts), request| async move {
        facts.lock().unwrap().push(Arc::downgrade(&request.facts));
        drop(request.facts);
        go_on.notified().await;
        Ok(request.message)
    });
    let (_net, server, mut peer) = served(serving(router).health(Health::every(secs(1), 3))).await;
    peer.ask(1..=2, "asked").await;
    // It answers no ping.
    tokio::time::sleep(secs(5)).await;
    for (running, is_there) in [(2, true), (1, true), (0, false)] {
        assert_eq!(server.connections(), 0);
        let known: Vec<_> = facts.lock().unwrap().iter().map(|facts| facts.strong_count() > 0).collect();
        assert_eq!(known, [is_there; 2], "{running} handlers run");
        go_on.notify_one();
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_requests_give_their_places_back_once_the_executor_has_let_go_of_their_jobs() {
    let (keeping, kept) = keeping_jobs(4, false);
    let (_net, _server, mut peer) = served(Server::builder(on(keeping), silent())).await;
    for id in 1..=1000 {
        peer.send(REQUEST, id, "x").await;
        peer.send(CANCEL, id, "").await;
    }
    settle().await;
    let jobs = kept.lock().unwrap().len();
    assert!(jobs <= 4, "{jobs} jobs");
}

#[tokio::test(start_paused = true)]
async fn replies_whose_callbacks_wait_count_as_replies_that_wait() {
    let (keeping, kept) = keeping_jobs(4, false);
    let limits = calling_up_to(|limits| limits.reply_bytes = 1 << 20);
    let builder = dialling(calling_back_on(keeping)).limits(limits);
    let router = handling(&(), |(), _| async { Ok(Bytes::from(vec![1; 1 << 20])) });
    let (_net, _server, client) = between(serving(router), builder).await;
    let held = Arc::new(AtomicUsize::new(0));
    for _ in 0..64 {
        let held = Arc::clone(&held);
        let add = move |outcome: Outcome<Bytes>| {
            held.fetch_add(outcome.map_or(0, |reply| reply.len()), SeqCst);
        };
        client.send("x".into(), add).await;
    }
    tokio::time::sleep(secs(1)).await;
    loop {
        let jobs = std::mem::take(&mut *kept.lock().unwrap());
        if jobs.is_empty() {
            break;
        }
        jobs.into_iter().for_each(|job| drop(job.run_now()));
        settle().await;
    }
    let held = held.load(SeqCst) >> 20;
    assert!(held <= 2, "{held} MiB of replies waited beside a limit of 1 MiB");
}

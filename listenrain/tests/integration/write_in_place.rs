//! Writing in place: a caller without other calls in flight writes its request itself, instead of the channel's task.
//! Concurrent callers, and callers outside the connection's runtime, leave it to that task. Errors meanwhile are the channel's.

use crate::support::*;
use std::pin::pin;
use std::sync::mpsc;
use std::thread;
use tokio::runtime::{Builder, Handle, Id as RuntimeId};
use tokio::task::{Id, JoinSet, try_id};

/// What a write half does the next time that it is asked to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Refuses,
    Fails,
    Panics,
}

/// Who writes, and what becomes of it.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    writers: Vec<(Option<Id>, Option<RuntimeId>)>,
    next: Option<Next>,
    refused: Option<Waker>,
}

impl Log {
    fn does_next(&self, next: Next) {
        self.0.lock().unwrap().next = Some(next);
    }

    /// Those who have written since this was last asked.
    fn writers(&self) -> Vec<(Option<Id>, Option<RuntimeId>)> {
        std::mem::take(&mut self.0.lock().unwrap().writers)
    }

    /// Somebody writes.
    fn written(&self, cx: &Context<'_>) -> Polled {
        let mut inner = self.0.lock().unwrap();
        inner.writers.push((try_id(), Handle::try_current().ok().map(|handle| handle.id())));
        match inner.next.take() {
            None => GO_ON,
            Some(Next::Refuses) => {
                inner.refused = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Next::Fails) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Some(Next::Panics) => {
                drop(inner);
                panic!("a half panics as it is written to")
            }
        }
    }

    fn tasks(&self) -> Vec<Option<Id>> {
        self.writers().into_iter().map(|(task, _)| task).collect()
    }
}

/// A client whose writes are logged, connected to an echo; what its hello took is logged no more.
async fn logged() -> (Server, Client<RawBytes>, Log) {
    logged_with(native()).await
}

async fn logged_with(protocol: Protocol<RawBytes>) -> (Server, Client<RawBytes>, Log) {
    let (net, log) = (Net::new(), Log::default());
    let server = net.serve(Server::builder(protocol.clone(), echo()));
    let logging = log.clone();
    let dialer = hooked_dialer(&net, move || {
        let log = logging.clone();
        move |part: Part, cx: &mut Context<'_>| if part == Part::Write { log.written(cx) } else { GO_ON }
    });
    let client = dialling(protocol).dial(dialer).unwrap();
    client.ready().await.unwrap();
    client.call("first".into()).await.unwrap();
    log.writers();
    (server, client, log)
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_alone_writes_its_request_itself() {
    let (_server, client, log) = logged().await;
    for _ in 0..3 {
        let call = start(&client, "alone").await;
        let task = Some(call.id());
        assert_eq!(call.await.unwrap().unwrap(), "alone");
        assert_eq!(log.tasks(), [task]);
    }
}

#[tokio::test(start_paused = true)]
async fn callers_that_come_together_leave_in_one_write_of_the_channels_task() {
    let (_server, client, log) = logged().await;
    let mut wrote = Vec::new();
    for _ in 0..3 {
        let mut calls = JoinSet::new();
        for _ in 0..16 {
            let client = client.clone();
            calls.spawn(async move { client.call("together".into()).await.map(|_| try_id()) });
        }
        let callers: Vec<_> = calls.join_all().await.into_iter().map(Result::unwrap).collect();
        wrote = log.tasks();
        assert!(wrote.len() <= 2, "{wrote:?}");
        // Once it is known that several come, none writes alone.
        assert!(wrote.len() == 2 || !callers.contains(&wrote[0]), "{wrote:?}");
    }
    assert_eq!(wrote.len(), 1);
}

#[test]
fn a_caller_outside_the_runtime_leaves_its_request_to_the_channels_task() {
    let home = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (server, client, log) = home.block_on(async { tokio::spawn(logged()).await.unwrap() });
    let calling = client.clone();
    let elsewhere = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let reply = runtime.block_on(calling.call("runtime".into())).unwrap();
        drop(runtime);
        [reply, calling.call_blocking("thread".into()).unwrap()]
    });
    assert_eq!(elsewhere.join().unwrap(), ["runtime", "thread"]);
    let writers = log.writers();
    assert_eq!(writers.len(), 2);
    let is_home = |writer: &(Option<Id>, Option<RuntimeId>)| writer.1 == Some(home.handle().id());
    assert!(writers.iter().all(is_home), "{writers:?}");
    home.block_on(async { drop((server, client)) });
}

#[tokio::test(start_paused = true)]
async fn what_the_channel_does_not_take_from_its_caller_leaves_when_it_does() {
    let (_server, client, log) = logged().await;
    log.does_next(Next::Refuses);
    let call = start(&client, "later").await;
    assert!(!call.is_finished());
    let [caller] = log.tasks()[..] else { panic!("one has written") };
    assert_eq!(caller, Some(call.id()));
    log.0.lock().unwrap().refused.take().expect("somebody waits to write").wake();
    assert_eq!(call.await.unwrap().unwrap(), "later");
    assert_ne!(log.tasks(), [caller], "the channel's task goes on");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_waits_for_any_more_is_not_written() {
    for protocol in [native(), in_order(), first_byte_is_id()] {
        let (server, client, log) = logged_with(protocol).await;
        assert_fails!(client.call_within("late".into(), Duration::ZERO).await, CallError::Expired);
        settle().await;
        assert_eq!((log.tasks(), server.counts().answered), (vec![], 1));
        let counts = client.counts();
        assert_eq!((counts.in_flight, counts.in_flight_bytes, counts.expired), (0, 0, 1));
        assert_eq!(client.call("in time".into()).await.unwrap(), "in time");
    }
}

/// A payload that uses the connection when it is dropped, wherever the library does that.
struct Asks(Client<RawBytes>);

impl AsRef<[u8]> for Asks {
    fn as_ref(&self) -> &[u8] {
        b"asks"
    }
}

impl Drop for Asks {
    fn drop(&mut self) {
        // Starting a call takes the lock of the table of calls.
        let call = pin!(self.0.call("at the end".into()));
        let _ = call.poll(&mut Context::from_waker(Waker::noop()));
    }
}

#[test]
fn what_is_left_out_ends_where_its_end_may_use_the_connection() {
    let (tell, told) = mpsc::channel();
    // On a thread of its own: where its end comes under a lock that it takes, it never returns.
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let ends = runtime.block_on(async {
            let (_server, client, _log) = logged().await;
            let payload = Bytes::from_owner(Asks(client.clone()));
            [client.call_within(payload, Duration::ZERO).await, client.call("after".into()).await]
        });
        let _ = tell.send(ends);
    });
    let [late, after] = told.recv_timeout(secs(30)).expect("it returns");
    assert!(matches!(late, Err(CallError::Expired)), "{late:?}");
    assert_eq!(after.unwrap(), "after");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_queued_when_the_one_before_it_is_cut_goes_on_though_nothing_is_to_be_resent() {
    let (net, _server, client) = between(serving(echo()), dialling(native()).resend_unsent(false)).await;
    settle().await;
    net.line(0).cut_after(10);
    let (cut, queued) = tokio::join!(client.call("cut".into()), client.call("queued".into()));
    assert!(matches!(cut, Err(CallError::Lost { sent: Sent::No, .. })), "{cut:?}");
    assert_eq!(queued.unwrap(), "queued");
}

#[tokio::test(start_paused = true)]
async fn a_half_that_fails_or_panics_under_a_caller_ends_the_channel_and_not_the_caller() {
    for next in [Next::Fails, Next::Panics] {
        let (_server, client, log) = logged().await;
        log.does_next(next);
        let call = start(&client, "again").await;
        let task = Some(call.id());
        let reply = call.await.expect("the caller's task is none the worse");
        // Nothing of it had left: it leaves on the next channel.
        assert_eq!(reply.unwrap(), "again", "{next:?}");
        assert_eq!(log.tasks()[0], task, "{next:?}");
        assert_eq!(client.counts().reconnects, 1, "{next:?}");
    }
}

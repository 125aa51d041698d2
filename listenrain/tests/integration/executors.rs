//! What an executor of the user's is given, and what waits for it, has limits.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use listenrain::{Executor, Job, Protocol, RawBytes, Request, Router, Server};
use support::*;

/// Keeps every job and runs none.
#[derive(Debug, Clone, Default)]
struct Hoard(Arc<Mutex<Vec<Job>>>);

impl Executor for Hoard {
    fn execute(&self, job: Job) {
        self.0.lock().unwrap().push(job);
    }
    fn bound(&self) -> usize {
        4
    }
    fn runs_in_place(&self) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_requests_give_their_places_back_once_the_executor_has_let_go_of_their_jobs() {
    let (net, hoard) = (Net::new(), Hoard::default());
    let protocol = Protocol::builder("native", RawBytes).handlers(hoard.clone()).build().unwrap();
    let _server = Server::builder(protocol, silent()).listen(net.listener()).unwrap();
    let mut peer = Peer::new(net.raw().await);
    for id in 1..=1000 {
        peer.send(REQUEST, id, "x").await;
        peer.send(CANCEL, id, "").await;
    }
    settle().await;
    let jobs = hoard.0.lock().unwrap().len();
    assert!(jobs <= 4, "{jobs} jobs");
}

#[tokio::test(start_paused = true)]
async fn replies_whose_callbacks_wait_count_as_replies_that_wait() {
    let (net, hoard) = (Net::new(), Hoard::default());
    let _server =
        serve(&net, Router::new().fallback(|_: Request<Bytes>| async { Ok(Bytes::from(vec![1; 1 << 20])) }));
    let protocol = Protocol::builder("native", RawBytes).callbacks(hoard.clone()).build().unwrap();
    let mut limits = listenrain::ConnectionLimits::default();
    limits.reply_bytes = 1 << 20;
    let client = dialling(protocol).limits(limits).dial(net.dialer()).unwrap();
    let held = Arc::new(AtomicUsize::new(0));
    for _ in 0..64 {
        let held = Arc::clone(&held);
        client
            .send(Bytes::from("x"), move |outcome: listenrain::Outcome<Bytes>| {
                held.fetch_add(outcome.map_or(0, |reply| reply.len()), Ordering::SeqCst);
            })
            .await;
    }
    tokio::time::sleep(secs(1)).await;
    loop {
        let jobs = std::mem::take(&mut *hoard.0.lock().unwrap());
        if jobs.is_empty() {
            break;
        }
        jobs.into_iter().for_each(|job| drop(job.run_now()));
        settle().await;
    }
    let held = held.load(Ordering::SeqCst) >> 20;
    assert!(held <= 2, "{held} MiB of replies waited beside a limit of 1 MiB");
}

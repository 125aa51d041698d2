//! What an executor of the user's is given, and what waits for it, has limits.

use crate::support::*;

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
    let (net, (keeping, kept)) = (Net::new(), keeping_jobs(4, false));
    let _server =
        serve(&net, Router::new().fallback(|_: Request<Bytes>| async { Ok(Bytes::from(vec![1; 1 << 20])) }));
    let client = dialling(calling_back_on(keeping))
        .limits(calling_up_to(|limits| limits.reply_bytes = 1 << 20))
        .dial(net.dialer())
        .unwrap();
    let held = Arc::new(AtomicUsize::new(0));
    for _ in 0..64 {
        let held = Arc::clone(&held);
        client
            .send(Bytes::from("x"), move |outcome: Outcome<Bytes>| {
                held.fetch_add(outcome.map_or(0, |reply| reply.len()), Ordering::SeqCst);
            })
            .await;
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
    let held = held.load(Ordering::SeqCst) >> 20;
    assert!(held <= 2, "{held} MiB of replies waited beside a limit of 1 MiB");
}

//! Descriptors that failing over gives back.

use std::sync::atomic::{AtomicBool, Ordering};

use listenrain::Sent;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::*;
use crate::support::child::alone;

const CALLERS: usize = 16;
const FAILOVERS: usize = 100;

#[tokio::test]
async fn a_hundred_failovers_under_load_lose_only_what_was_in_flight_and_leave_nothing_behind() {
    // LR15: an inverted condition left the connection of every failover open.
    let test = "failover::descriptors::a_hundred_failovers_under_load_lose_only_what_was_in_flight_and_leave_nothing_behind";
    alone(test, fail_over_and_over()).await;
}

/// Calls until `stop`; says how many calls were lost. Every call is answered or lost within a second, lost only when it can
/// have reached the server that was killed, and who answers is told to `answered`.
async fn call_on(
    client: Client<RawBytes>,
    stop: Arc<AtomicBool>,
    answered: Arc<watch::Sender<u32>>,
) -> usize {
    let mut lost = 0;
    while !stop.load(Ordering::Relaxed) {
        match client.call_within(Bytes::from("who"), Duration::from_secs(1)).await {
            Ok(id) => drop(answered.send_replace(std::str::from_utf8(&id).unwrap().parse().unwrap())),
            Err(CallError::Lost { sent: Sent::Maybe, .. }) => lost += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    lost
}

async fn fail_over_and_over() {
    let mut members = vec![start(ANYWHERE).await, start(ANYWHERE).await];
    let client =
        client_of(&list(&[&members[0].endpoint, &members[1].endpoint]).with_option("first_wait", "1ms"));
    watched(client.call(Bytes::from("who"))).await.unwrap();
    let before = held();

    let (stop, (answered, mut answers)) = (Arc::new(AtomicBool::new(false)), watch::channel(0));
    let answered = Arc::new(answered);
    let mut callers: JoinSet<_> =
        (0..CALLERS).map(|_| call_on(client.clone(), stop.clone(), answered.clone())).collect();
    // Each is the active one and the standby in turn: who was killed is back, and is used when the other one is killed.
    for _ in 0..FAILOVERS {
        let (active, standby) = (members.remove(0), members[0].id());
        watched(answers.wait_for(|id| *id == active.id())).await.unwrap();
        let endpoint = active.endpoint.to_string();
        active.kill().await;
        tokio::select! {
            biased;
            Some(ended) = callers.join_next() => panic!("a caller has ended: {ended:?}"),
            answered = watched(answers.wait_for(|id| *id == standby)) => drop(answered.unwrap()),
        }
        members.push(start(&endpoint).await);
    }
    stop.store(true, Ordering::Relaxed);
    let lost: usize = watched(callers.join_all()).await.into_iter().sum();
    // Each caller has one call in flight at a time, and each failover kills once.
    assert!(lost <= FAILOVERS * CALLERS, "{lost} calls were lost in {FAILOVERS} failovers");
    until(|| held() == before).await;
}

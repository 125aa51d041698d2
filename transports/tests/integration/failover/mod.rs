//! Active/standby over TCP, between processes that are killed.

#[cfg(target_os = "linux")]
mod descriptors;

use crate::support::calls::*;
use crate::support::processes::{Process, serve_if_told};
use crate::support::*;
use listenrain::{CallError, Client, RawBytes};
use listenrain_transports::all;

const ANYWHERE: &str = "tcp://127.0.0.1:0";
/// The test that a process runs which is to serve.
const ENTRY: &str = "failover::every_member_is_tried_and_the_way_back_is_found";

async fn start(endpoint: &str) -> Process {
    Process::start(ENTRY, endpoint).await
}

fn list(members: &[&Endpoint]) -> Endpoint {
    Endpoint::list("ha", members.iter().copied()).unwrap()
}

fn client_of(list: &Endpoint) -> Client<RawBytes> {
    client(&**all().get("ha").unwrap() as &dyn Transport, list)
}

/// The id of the process that answers; a call that was lost with its server is made again.
async fn answered_by(client: &Client<RawBytes>) -> u32 {
    watched(async {
        loop {
            let within = Duration::from_secs(20);
            match client.call_within(Bytes::from("who"), within).await {
                Ok(id) => return std::str::from_utf8(&id).unwrap().parse().unwrap(),
                Err(error) => assert!(matches!(error, CallError::Lost { .. }), "{error:?}"),
            }
        }
    })
    .await
}

/// Waits until `process` is the one that answers.
async fn until_answered_by(client: &Client<RawBytes>, process: &Process) {
    watched(async {
        while answered_by(client).await != process.id() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn every_member_is_tried_and_the_way_back_is_found() {
    // LR16: the first dial error was the answer, a failed redial was the end, and nothing ever went back.
    serve_if_told().await;
    let (active, standby) = (start(ANYWHERE).await, start(ANYWHERE).await);
    let (at_active, at_standby) = (active.endpoint.clone(), standby.endpoint.clone());
    active.kill().await;
    let client = client_of(&list(&[&at_active, &at_standby]).with_option("fail_back", "eager"));
    assert_eq!(answered_by(&client).await, standby.id(), "the active member is down from the start");

    let active = start(&at_active.to_string()).await;
    until_answered_by(&client, &active).await;
    active.kill().await;
    assert_eq!(answered_by(&client).await, standby.id(), "the active member is killed");

    standby.kill().await;
    let down = client.call_within(Bytes::from("who"), Duration::from_millis(300)).await.unwrap_err();
    assert!(down.never_executed() || matches!(down, CallError::Lost { .. } | CallError::Timeout));
    let standby = start(&at_standby.to_string()).await;
    assert_eq!(answered_by(&client).await, standby.id(), "both were down, one is back");
}

#[tokio::test]
async fn a_list_of_one_goes_on_after_its_member_restarts() {
    // LR16: the point of a list of one was back at the start, and there was "no channel" for ever.
    let mut only = start(ANYWHERE).await;
    let at = only.endpoint.clone();
    let client = client_of(&list(&[&at]));
    for _ in 0..3 {
        assert_eq!(answered_by(&client).await, only.id());
        only.kill().await;
        only = start(&at.to_string()).await;
    }
    assert_eq!(answered_by(&client).await, only.id());
}

#[tokio::test]
async fn trouble_is_forgotten_and_is_nobody_elses() {
    // LR17: a flagged endpoint stayed flagged in the user's own key, for every later connection.
    let (active, standby) = (start(ANYWHERE).await, start(ANYWHERE).await);
    let at_active = active.endpoint.clone();
    let both = list(&[&at_active, &standby.endpoint]);
    active.kill().await;
    let first = client_of(&both);
    assert_eq!(answered_by(&first).await, standby.id());
    let active = start(&at_active.to_string()).await;
    assert_eq!(answered_by(&client_of(&both)).await, active.id(), "a connection of its own has no trouble");
    standby.kill().await;
    until_answered_by(&first, &active).await;
}

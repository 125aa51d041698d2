//! Memory of idle connections in a server, after a burst and when it was never used: the heap of the server alone, since it
//! and its clients are processes of their own. Over TCP and Unix sockets the figure is held to a limit, elsewhere it is
//! printed.
//!
//! `LISTENRAIN_IDLE_CONNECTIONS` sets how many there are.

use std::sync::atomic::Ordering::Relaxed;

use futures_util::future::try_join_all;
use listenrain::Client;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::sleep;

use crate::support::calls::*;
use crate::support::child::{Player, alone, part};
use crate::support::counted::LIVE;
use crate::support::*;

const CONNECTIONS: &str = "LISTENRAIN_IDLE_CONNECTIONS";
/// Bytes of heap for each.
const MOST: usize = 6 * 1024;
/// How long a connection has rested when its memory is looked at.
const REST: Duration = Duration::from_secs(1);
/// What all clients together may take for one step.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many connections there are unless told, the most that make sense, and whether the limit holds.
type Case = (usize, usize, bool);

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_of_a_server_over_tcp_is_small() {
    measure("tcp", (2000, 10_000, true)).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_of_a_server_over_unix_is_small() {
    measure("unix", (2000, 10_000, true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_of_a_server_over_tls_is_small() {
    measure("tls", (200, 2000, false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_of_a_server_over_quic_is_small() {
    measure("quic", (100, 1000, false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_of_a_server_over_sctp_is_small() {
    measure("sctp", (50, 500, false)).await;
}

async fn measure(scheme: &str, case: Case) {
    let test = format!("idle_server::an_idle_connection_of_a_server_over_{scheme}_is_small");
    match part() {
        Some((part, task)) if part == "clients" => be_clients(task.to_str().unwrap()).await,
        _ => alone(&test, idle(&test, scheme, case)).await,
    }
}

async fn idle(test: &str, scheme: &str, (by_default, most, is_held): Case) {
    let asked = std::env::var(CONNECTIONS).ok().map(|count| count.parse().unwrap());
    let count = asked.unwrap_or(by_default).min(most);
    let transports = listenrain_transports::all();
    let transport = transports.get(scheme).unwrap();
    let server = serve(&**transport, &transport.scratch_endpoint()).await;
    let before = LIVE.load(Relaxed);
    let each = || LIVE.load(Relaxed).saturating_sub(before) / count;

    let task = format!("{count} {}", server.endpoint());
    let mut clients = Player::start(test, "clients", task).patient(PATIENCE);
    clients.says("open").await;
    sleep(REST).await;
    let unused = each();
    clients.hears("burst").await;
    clients.says("done").await;
    sleep(REST).await;
    let used = each();
    assert_eq!(server.connections(), count, "connections are left");
    println!("{scheme}: {count} connections, {unused} bytes for each when never used, {used} after a burst");
    assert!(!is_held || unused.max(used) <= MOST, "{unused} and {used} bytes for each, of at most {MOST}");
}

/// As many clients as `task` says, of the endpoint behind it; each line of standard input is a burst of theirs.
async fn be_clients(task: &str) {
    let (count, endpoint) = task.split_once(' ').unwrap();
    let (count, endpoint) = (count.parse().unwrap(), endpoint.parse().unwrap());
    let transports = listenrain_transports::all();
    let transport = transports.for_endpoint(&endpoint).unwrap();
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let some = (count - clients.len()).min(64);
        let dialled = (0..some).map(|_| async {
            let client = Client::builder(native()).dial(transport.dialer(&endpoint).unwrap()).unwrap();
            client.ready().await.map(|()| client)
        });
        clients.append(&mut try_join_all(dialled).await.unwrap());
    }
    println!("open");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await.unwrap().is_some() {
        for some in clients.chunks(64) {
            let calls = some.iter().flat_map(|client| {
                (0..8).map(|_| client.call_within(Bytes::from(vec![7; 32 * 1024]), PATIENCE))
            });
            try_join_all(calls).await.unwrap();
        }
        println!("done");
    }
}

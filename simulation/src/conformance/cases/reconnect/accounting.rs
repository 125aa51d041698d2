//! What becomes of each call, when the server that it was sent to dies.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use listenrain::{Client, Outcome, RawBytes};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::failover::Pair;
use super::site::{Book, HELD, chain, client, is_settled};
use super::tap::Tap;
use crate::conformance::bed::{Bed, at_once};
use crate::conformance::failure::{Check, Failure, ensure};

/// Bytes of a request: enough that they do not all fit in a channel.
const REQUEST: usize = 8 << 10;
/// How many requests of a channel the servers take before they stop reading.
const TAKEN: usize = 8;

pub(super) async fn failover_accounting(bed: &mut Bed) -> Check {
    let tap = Tap::on(bed);
    let mut pair = Pair::new(bed, TAKEN).await?;
    let dialer = pair.members.dialer(bed, "lazy")?;
    let client = client(bed, dialer, |builder| builder)?;
    let requests: Vec<_> = (0..bed.size(192, 48)).map(request).collect();
    let (before, after) = requests.split_at(requests.len() / 4 * 3);
    let told = Told::default();
    let mut callers = JoinSet::new();
    let mut call = |requests: &[Bytes]| {
        for request in requests.iter().cloned() {
            let (client, told) = (client.clone(), told.clone());
            callers.spawn(async move { told.call(&client, request).await });
        }
    };
    call(before);
    // The active holds what it takes: it dies with those executed, and with others on their way to it.
    pair.book.has_executed(TAKEN).await?;
    pair.kill(0).await?;
    // Where a channel takes all that there is, nothing but these is left for the standby.
    call(after);
    tap.has_accepted(2).await?;
    pair.book.let_go();
    told.all(requests.len()).await?;
    let called = async { while callers.join_next().await.is_some() {} };
    at_once("the end of every caller", called).await?;
    let mut answered = 0;
    for request in &requests {
        answered += usize::from(account(&pair.book, &told, request)?);
    }
    ensure!(answered > 0, "of {} calls not one was answered by the standby", requests.len());
    is_settled(&client).await?;
    pair.end(client).await
}

/// A request like no other, and large.
fn request(number: usize) -> Bytes {
    let mut bytes = BytesMut::zeroed(REQUEST);
    bytes[0] = HELD;
    bytes[1..9].copy_from_slice(&(number as u64).to_be_bytes());
    bytes.freeze()
}

/// Every outcome that was told, of each call.
#[derive(Clone, Default)]
struct Told(Arc<watch::Sender<BTreeMap<Bytes, Vec<Outcome<Bytes>>>>>);

impl Told {
    async fn call(&self, client: &Client<RawBytes>, request: Bytes) {
        let told = self.clone();
        let tell = {
            let request = request.clone();
            move |outcome: Outcome<Bytes>| {
                told.0.send_modify(|told| told.entry(request).or_default().push(outcome))
            }
        };
        client.send(request, tell).await;
    }

    async fn all(&self, count: usize) -> Check {
        let mut told = self.0.subscribe();
        let all = told.wait_for(|told| told.len() == count);
        at_once(&format!("an outcome of each of {count} calls"), all).await.map(drop)
    }
}

/// Whether the call was answered; what was executed and what was told belong together.
fn account(book: &Book, told: &Told, request: &Bytes) -> Check<bool> {
    let executed = book.executed(request);
    let outcomes = told.0.borrow().get(request).cloned().unwrap_or_default();
    let number = request.get(1..9).unwrap_or_default();
    let [outcome] = &outcomes[..] else {
        return Err(Failure::new(format!("call {number:?} has {} outcomes", outcomes.len())));
    };
    ensure!(executed.len() <= 1, "call {number:?} was executed {} times: {executed:?}", executed.len());
    match outcome {
        Ok(answer) => {
            let by = executed.first().map(|by| by.as_bytes());
            ensure!(
                by == Some(&answer[..]),
                "call {number:?} was answered by {answer:?}, executed by {executed:?}"
            );
            Ok(true)
        }
        Err(error) => {
            let is_true = executed.is_empty() || !error.never_executed();
            let why = chain(error);
            ensure!(is_true, "call {number:?} was executed, and ended as one that never was: {why}");
            Ok(false)
        }
    }
}

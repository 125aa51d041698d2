//! Servers and clients of the library, as the cases of this group have them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{
    Backoff, Client, ClientBuilder, Connection, ConnectionState, Protocol, RawBytes, Request, Router, Server,
};
use tokio::sync::watch;

use crate::conformance::bed::{Bed, Door, at_once};
use crate::conformance::failure::{Check, Failure, ensure};

/// The first byte of requests that are not answered before they are let go.
pub(super) const HELD: u8 = b'!';

/// What servers have done, and whether they answer what they hold.
#[derive(Clone, Default)]
pub(super) struct Book(Arc<Entries>);

#[derive(Default)]
struct Entries {
    /// Who has executed each request, as often as it did.
    executed: watch::Sender<BTreeMap<Bytes, Vec<&'static str>>>,
    lets_go: watch::Sender<bool>,
}

impl Book {
    /// Who has executed `request`.
    pub(super) fn executed(&self, request: &[u8]) -> Vec<&'static str> {
        self.0.executed.borrow().get(request).cloned().unwrap_or_default()
    }

    /// Waits until `count` requests have been executed.
    pub(super) async fn has_executed(&self, count: usize) -> Check {
        let mut entries = self.0.executed.subscribe();
        let executed = entries.wait_for(|entries| entries.len() >= count);
        at_once(&format!("the execution of {count} requests"), executed).await.map(drop)
    }

    /// Requests that are held are answered from now on.
    pub(super) fn let_go(&self) {
        self.0.lets_go.send_replace(true);
    }

    async fn execute(self, request: Bytes, by: &'static str) -> Bytes {
        let is_held = request.first() == Some(&HELD);
        self.0.executed.send_modify(|executed| executed.entry(request).or_default().push(by));
        if is_held {
            // The book outlives the wait.
            let _ = self.0.lets_go.subscribe().wait_for(|lets_go| *lets_go).await;
        }
        Bytes::from_static(by.as_bytes())
    }
}

/// A server that answers with its own name.
pub(super) struct Site(Server);

impl Site {
    /// Serves what `door` accepts; of one channel at most `requests` at a time.
    pub(super) fn open(door: Door, name: &'static str, book: &Book, requests: usize) -> Check<Self> {
        let book = book.clone();
        let router = Router::new().fallback(move |request: Request<Bytes>| {
            let executing = book.clone().execute(request.message, name);
            async move { Ok(executing.await) }
        });
        let server = Server::builder(protocol()?, router).max_requests(requests);
        Ok(Self(server.listen(door.generator).map_err(told)?))
    }

    /// Ends it at once, as a process that dies; nothing of it is left then.
    pub(super) async fn kill(self) -> Check {
        at_once("ending a server", self.0.drain(Duration::ZERO)).await.map(drop)
    }
}

pub(super) fn protocol() -> Check<Protocol<RawBytes>> {
    Protocol::builder("conformance", RawBytes).build().map_err(told)
}

/// How long clients wait between two dials, unless a case says otherwise: hardly.
pub(super) fn hardly(bed: &mut Bed) -> Backoff {
    let waits = Backoff::between(Duration::from_millis(1), Duration::from_millis(5));
    waits.down_after(u32::MAX).seeded(bed.random.draw())
}

/// A client that dials with `dialer`, and hardly waits before it dials again.
pub(super) fn client(
    bed: &mut Bed,
    dialer: Door,
    change: impl FnOnce(ClientBuilder<RawBytes>) -> ClientBuilder<RawBytes>,
) -> Check<Client<RawBytes>> {
    let builder = Client::builder(protocol()?).backoff(hardly(bed));
    change(builder).dial(dialer.generator).map_err(told)
}

/// Who answers a call that has nothing to fear.
pub(super) async fn ask(client: &Client<RawBytes>, what: &str) -> Check<String> {
    let answered = at_once("a call", client.call(Bytes::copy_from_slice(what.as_bytes()))).await?;
    let answer = answered.map_err(|error| Failure::new(format!("the call `{what}`: {}", chain(&error))))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// `name` answers a call that has nothing to fear.
pub(super) async fn is_answered_by(client: &Client<RawBytes>, name: &str, when: &str) -> Check {
    let answer = ask(client, "who").await.map_err(|failure| failure.at(when))?;
    ensure!(answer == name, "{when}: a call was answered by {answer}, expected {name}");
    Ok(())
}

/// Waits until the connection is as it should be.
pub(super) async fn enters(
    connection: &Connection,
    name: &str,
    is_so: impl FnMut(&ConnectionState) -> bool,
) -> Check {
    let mut states = connection.watch();
    let entered = at_once(&format!("a connection to be {name}"), states.wait_for(is_so)).await;
    let now = connection.state();
    entered.map_err(|failure| failure.at(format!("it is {now}")))?.map(drop).map_err(told)
}

/// Waits until the connection works.
pub(super) async fn works(client: &Client<RawBytes>) -> Check {
    enters(client.connection(), "working", |state| matches!(state, ConnectionState::Working)).await
}

/// Nothing of what was called is left in `client`.
pub(super) async fn is_settled(client: &Client<RawBytes>) -> Check {
    let settling = async {
        loop {
            let counts = client.counts();
            if (counts.in_flight, counts.in_flight_bytes, counts.queued) == (0, 0, 0) {
                return;
            }
            // Nothing tells that a permit has been given back.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let settled = at_once("giving back what calls had taken", settling).await;
    settled.map_err(|failure| failure.at(format!("{:?}", client.counts())))
}

/// Any error as a failure.
pub(super) fn told(error: impl Display) -> Failure {
    Failure::new(error.to_string())
}

/// An error with everything that caused it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

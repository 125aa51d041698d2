//! The pool of connections, and connections in it that are over.

use listenrain::{
    Client, ConnectionPool, ConnectionState, Endpoint, ProtocolHandle, ProtocolTable, RawBytes,
    SharedConnections,
};

use super::site::{Book, Site, enters, hardly, is_answered_by, protocol, told, works};
use super::tap::Tap;
use crate::conformance::bed::{Bed, Gate, at_once};
use crate::conformance::failure::{Check, ensure};
use crate::conformance::stack::PATIENT;

/// One pool, and one endpoint under test.
struct Pooled {
    pool: SharedConnections,
    protocol: ProtocolHandle<RawBytes>,
    at: Endpoint,
}

impl Pooled {
    fn get(&self, bed: &mut Bed) -> Check<Client<RawBytes>> {
        let backoff = hardly(bed).down_after(1);
        let transport = &*bed.transport;
        let client = Client::pooled(&self.pool, transport, &self.at, &self.protocol, |builder| {
            builder.backoff(backoff)
        });
        client.map_err(told)
    }
}

pub(super) async fn pool_evicts(bed: &mut Bed) -> Check {
    let tap = Tap::on(bed);
    let Gate { listener, .. } = bed.gate().await?;
    let protocol = ProtocolTable::new().register(protocol()?).map_err(told)?;
    let pooled = Pooled { pool: SharedConnections::new(1), protocol, at: listener.endpoint().clone() };
    let site = Site::open(listener, "the server", &Book::default(), 1024)?;

    let (first, same) = (pooled.get(bed)?, pooled.get(bed)?);
    is_answered_by(&first, "the server", "the first call of a pooled connection").await?;
    is_answered_by(&same, "the server", "a call by another user of it").await?;
    tap.has_accepted(1).await?;
    first.close().await;
    is_answered_by(&same, "the server", "a call by one user of a connection of which another let go").await?;
    for connection in pooled.pool.connections() {
        connection.close(PATIENT).await;
    }
    let second = pooled.get(bed)?;
    is_answered_by(&second, "the server", "the first call after a pooled connection was closed").await?;
    tap.has_accepted(2).await?;

    let site = down_for_a_while(bed, &pooled, site, &second).await?;
    tap.refuse_for_good(true);
    site.kill().await?;
    down_for_good(bed, &tap, &pooled, second).await
}

/// Goes on by itself, so it stays: a second one would only dial beside it.
async fn down_for_a_while(
    bed: &mut Bed,
    pooled: &Pooled,
    site: Site,
    client: &Client<RawBytes>,
) -> Check<Site> {
    site.kill().await?;
    let down = |state: &ConnectionState| matches!(state, ConnectionState::Down { .. });
    enters(client.connection(), "down", down).await?;
    // The end of a young channel does that by itself: what counts here is that nobody answers a redial.
    let mut states = client.connection().watch();
    let redialled =
        async { while client.connection().counts().failed_dials == 0 && states.changed().await.is_ok() {} };
    at_once("a redial that fails", redialled).await?;
    let same = pooled.get(bed)?;
    ensure!(
        down(&same.connection().state()),
        "a pooled connection is down, and a second one was made beside it"
    );
    let refused = at_once("a call on a pooled connection that is down", same.call("who".into())).await?;
    ensure!(refused.is_err(), "a call to nobody was answered");
    let site = Site::open(bed.listen(&pooled.at).await?, "the server", &Book::default(), 1024)?;
    works(&same).await?;
    is_answered_by(&same, "the server", "a call on a pooled connection that was down").await?;
    Ok(site)
}

/// Its dialer said that it will never answer, so it is given to nobody any more.
async fn down_for_good(bed: &mut Bed, tap: &Tap, pooled: &Pooled, client: Client<RawBytes>) -> Check {
    let over = |state: &ConnectionState| matches!(state, ConnectionState::Down { cause: Some(cause) } if cause.is_final);
    enters(client.connection(), "down for good", over).await?;
    tap.refuse_for_good(false);
    let site = Site::open(bed.listen(&pooled.at).await?, "the server", &Book::default(), 1024)?;
    let fresh = pooled.get(bed)?;
    is_answered_by(&fresh, "the server", "a call after a pooled connection was down for good").await?;
    ensure!(pooled.pool.connections().len() == 1, "a pool of one holds more than that");
    fresh.close().await;
    site.kill().await
}

//! One QUIC connection, shared by its channels.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use listenrain::{Channel, ChannelFacts, Endpoint};
use quinn::{Connection, RecvStream, SendStream, Side, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::SCHEME;
use super::error::code;
use super::halves::split;
use super::room::Place;
use crate::certificates::{Fingerprint, pinned};
use crate::tcp::address;

/// A connection that lives as long as it has a holder: a channel, a dialer, a listener, or what was written and is not
/// acknowledged yet. Dropping the last one closes it a moment later.
#[derive(Debug)]
pub(super) struct Carrier {
    pub(super) connection: Connection,
    /// The dialer's, which goes with its only connection.
    endpoint: Option<quinn::Endpoint>,
    local: SocketAddr,
    shown: Option<Fingerprint>,
    group: u64,
    /// How many [`Hold`]s there are.
    holds: watch::Sender<usize>,
}

impl Carrier {
    /// `shown` is the certificate that this side shows, `group` what both sides call the connection.
    pub(super) fn new(
        connection: Connection,
        endpoint: Option<quinn::Endpoint>,
        local: SocketAddr,
        shown: Option<Fingerprint>,
        group: u64,
    ) -> Self {
        // Where the listener is bound to every address, this is the one that was dialled.
        let ip = connection.local_ip().unwrap_or_else(|| local.ip()).to_canonical();
        let local = SocketAddr::new(ip, local.port());
        Self { connection, endpoint, local, shown, group, holds: watch::Sender::new(0) }
    }

    /// The channel of one of its streams, and the place that it takes up where places are counted.
    pub(super) fn channel(self: &Arc<Self>, streams: Unclaimed, place: Option<Place>) -> Channel {
        let streams = streams.claim();
        let facts = self.facts(streams.0.id().index());
        let (read, write) = split(Hold::new(self), streams, place);
        Channel::from_halves(read, write, facts)
    }

    /// Watches for a time without channels.
    pub(super) fn usage(&self) -> Usage {
        Usage(self.holds.subscribe())
    }

    /// The dialer's end carries the number of the stream, so that no two channels have the same two ends.
    fn facts(&self, number: u64) -> ChannelFacts {
        let certificates = self.certificates();
        let their = certificates.first().map(|certificate| Fingerprint::of(certificate));
        let remote = self.connection.remote_address();
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        let is_dialer = self.connection.side() == Side::Client;
        let local = end(self.local, is_dialer.then_some(number), self.shown);
        let peer = end(remote, (!is_dialer).then_some(number), their);
        let mut facts = ChannelFacts::new(SCHEME).between(Some(local), Some(peer));
        facts.certificates = certificates.iter().map(|certificate| certificate.to_vec()).collect();
        facts.group = Some(self.group);
        facts
    }

    fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let identity = self.connection.peer_identity().and_then(|identity| identity.downcast().ok());
        identity.map(|chain: Box<Vec<CertificateDer<'static>>>| *chain).unwrap_or_default()
    }
}

impl Drop for Carrier {
    /// A connection that is closed says nothing any more but that it is; and not even that while the path is full and
    /// something else was still to be said, such as that a stream is reset. So that is said first.
    fn drop(&mut self) {
        let (connection, endpoint) = (self.connection.clone(), self.endpoint.take());
        let close = async move {
            sleep(a_while(&connection)).await;
            connection.close(code::DONE, b"");
            drop(endpoint);
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(close)),
            Err(_) => self.connection.close(code::DONE, b""),
        }
    }
}

/// A channel's part of a connection: while there is one, the connection is in use. What was written and is not acknowledged
/// yet has one too.
#[derive(Debug)]
pub(super) struct Hold(Arc<Carrier>);

impl Hold {
    pub(super) fn new(carrier: &Arc<Carrier>) -> Self {
        carrier.holds.send_modify(|holds| *holds += 1);
        Self(Arc::clone(carrier))
    }
}

impl Clone for Hold {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holds.send_modify(|holds| *holds -= 1);
    }
}

impl Deref for Hold {
    type Target = Arc<Carrier>;

    fn deref(&self) -> &Arc<Carrier> {
        &self.0
    }
}

/// Tells when a connection is not in use. It does not keep the connection.
#[derive(Debug)]
pub(super) struct Usage(watch::Receiver<usize>);

impl Usage {
    /// Ready when there has been no channel for `limit`; says false where the connection is gone before.
    pub(super) async fn none_for(&mut self, limit: Duration) -> bool {
        loop {
            if self.0.wait_for(|holds| *holds == 0).await.is_err() {
                return false;
            }
            match timeout(limit, self.0.changed()).await {
                Err(_) => return true,
                Ok(Err(_)) => return false,
                // Used meanwhile, be it for a moment.
                Ok(Ok(())) => {}
            }
        }
    }
}

/// Long enough for acknowledgements to come and for what waited for them to leave.
pub(super) fn a_while(connection: &Connection) -> Duration {
    // No timer is shorter, and a path of such round trips is lost rather than slow.
    2 * connection.rtt().clamp(Duration::from_millis(1), Duration::from_secs(1))
}

fn end(address: SocketAddr, number: Option<u64>, shown: Option<Fingerprint>) -> Endpoint {
    let end = address::endpoint(SCHEME, address);
    let end = match number {
        Some(number) => end.clone().with_address(format!("{}#{number}", end.address())),
        None => end,
    };
    pinned(end, shown)
}

/// Both directions of a stream that is no channel yet. Dropped, it is reset with its code.
#[derive(Debug)]
pub(super) struct Unclaimed {
    streams: Option<(SendStream, RecvStream)>,
    code: VarInt,
}

impl Unclaimed {
    pub(super) fn new(streams: (SendStream, RecvStream), code: VarInt) -> Self {
        Self { streams: Some(streams), code }
    }

    pub(super) fn streams(&mut self) -> &mut (SendStream, RecvStream) {
        self.streams.as_mut().expect("it is there until it is claimed or dropped")
    }

    /// Resets it with `code`.
    pub(super) fn refuse(mut self, code: VarInt) {
        self.code = code;
    }

    fn claim(mut self) -> (SendStream, RecvStream) {
        self.streams.take().expect("it is there until it is claimed or dropped")
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some((send, recv)) = &mut self.streams {
            // Either fails only on a stream that is over already.
            let _ = send.reset(self.code);
            let _ = recv.stop(self.code);
        }
    }
}

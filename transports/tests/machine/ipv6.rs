//! The loopback address of IPv6.

use std::net::TcpListener;
use std::sync::Arc;

use listenrain::{Endpoint, Transport};
use listenrain_transports::{Quic, Sctp, Tcp, Tls};

use crate::support::certificates::Authority;
use crate::support::*;

/// Why there is no such address.
pub(crate) fn missing() -> Option<String> {
    TcpListener::bind("[::1]:0").err().map(|error| format!("no ::1: {error}"))
}

async fn exchange(transport: Arc<dyn Transport>) {
    let asked = Endpoint::new(transport.scheme(), "[::1]:0").unwrap();
    let mut listener = transport.listen(&asked).await.unwrap();
    let address = listener.endpoint().address().to_owned();
    assert!(address.starts_with("[::1]:") && !address.ends_with(":0"), "{address}");
    // Without the pin that a listener tells, so that the address is what is checked.
    let mut dialer = transport.dialer(&Endpoint::new(transport.scheme(), &address).unwrap()).unwrap();
    let (mut near, mut far) = watched(connect(&mut *listener, &mut *dialer)).await;
    assert_eq!(near.facts.peer.as_ref(), Some(listener.endpoint()));
    assert_eq!((&near.facts.local, &near.facts.peer), (&far.facts.peer, &far.facts.local));
    carries(&mut near, &mut far, "six").await;
}

/// A test of those that do not encrypt.
pub(crate) async fn plain_transports_work_end_to_end() {
    // LR35: the original joined host and port with a bare colon, which no IPv6 address survives.
    exchange(Arc::new(Tcp::default())).await;
    exchange(Arc::new(Sctp::default())).await;
}

pub(crate) async fn certificates_are_checked_for_the_address() {
    let authority = Authority::new();
    let identity = authority.sign_local().identity;
    exchange(Arc::new(Tls::default().with_identity(identity.clone()).with_trust(authority.trust()))).await;
    exchange(Arc::new(Quic::default().with_identity(identity).with_trust(authority.trust()))).await;
}

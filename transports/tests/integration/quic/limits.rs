//! Limits of a QUIC listener for peers that prove nothing or use nothing, which keep no other peer out.

use super::foreign::*;
use crate::support::certificates::Authority;
use crate::support::*;
use listenrain_transports::Quic;
use listenrain_transports::quic::QuicOptions;
use quinn::{ConnectionError, VarInt};

/// Longer than any test.
const PATIENCE: Duration = Duration::from_secs(3600);

fn patient(options: QuicOptions) -> Quic {
    Quic::new(options.handshake_timeout(PATIENCE)).unwrap()
}

/// Dials anew, and is accepted.
async fn dial(
    quic: &Quic,
    listener: &mut dyn ChannelGenerator,
) -> (Box<dyn ChannelGenerator>, Channel, Channel) {
    let mut dialer = quic.dialer(listener.endpoint()).unwrap();
    let (near, far) = watched(connect(listener, &mut *dialer)).await;
    (dialer, near, far)
}

/// The error of a dial, and what is behind it.
async fn refused(quic: &Quic, listener: &dyn ChannelGenerator) -> (NextError, String) {
    let error = watched(quic.dialer(listener.endpoint()).unwrap().next()).await.unwrap_err();
    let text = error.source.as_ref().unwrap().to_string();
    (error, text)
}

/// Waits until the listener has closed a connection; with which code.
async fn closed(connection: &quinn::Connection) -> VarInt {
    match watched(connection.closed()).await {
        ConnectionError::ApplicationClosed(close) => close.error_code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_oldest_connection_without_a_channel_makes_way_from_one_beyond_the_limit_on() {
    const LIMIT: usize = 3;
    for count in LIMIT - 1..=LIMIT + 1 {
        let quic = patient(QuicOptions::default().handshakes(LIMIT));
        let (mut listener, foreign) = Foreign::listen(quic.clone()).await;
        let mut silent = Vec::new();
        for _ in 0..count {
            silent.push(watched(foreign.connect_from(1)).await);
        }
        // It is one more of them, until it has its channel.
        let _dialled = dial(&quic, &mut *listener).await;
        let beyond = count + 1 - LIMIT;
        for (_client, connection) in silent.drain(..beyond) {
            assert_eq!(closed(&connection).await, VarInt::from_u32(7));
        }
        assert!(silent.iter().all(|(_, connection)| connection.close_reason().is_none()));
        assert_eq!(quic.evicted(), beyond as u64, "{count} of {LIMIT}");
    }
}

#[tokio::test]
async fn a_dial_beyond_the_limit_of_connections_is_told_what_the_limit_is_called() {
    const LIMIT: usize = 3;
    let quic = patient(QuicOptions::default().connections(LIMIT));
    let (mut listener, foreign) = Foreign::listen(quic.clone()).await;
    let mut channels = Vec::new();
    for _ in 0..LIMIT - 1 {
        channels.push(dial(&quic, &mut *listener).await);
    }
    let (_client, silent) = watched(foreign.connect_from(1)).await;
    channels.push(dial(&quic, &mut *listener).await);
    assert_eq!(closed(&silent).await, VarInt::from_u32(7), "what has no channel makes way");
    let (error, text) = refused(&quic, &*listener).await;
    assert_eq!((error.kind, error.is_final), (ErrorKind::ConnectionRefused, false));
    assert!(text.contains("`connections`") && text.contains("`per_address`"), "{text}");
}

#[tokio::test]
async fn an_address_has_its_own_limit_and_leaves_the_others_alone() {
    let quic = patient(QuicOptions::default().per_address(Some(2)));
    let (mut listener, foreign) = Foreign::listen(quic.clone()).await;
    let other = watched(foreign.connect_from(2)).await;
    let _first = dial(&quic, &mut *listener).await;
    let (_client, silent) = watched(foreign.connect_from(1)).await;
    let _second = dial(&quic, &mut *listener).await;
    assert_eq!(closed(&silent).await, VarInt::from_u32(7));
    assert_eq!(refused(&quic, &*listener).await.0.kind, ErrorKind::ConnectionRefused);
    let _more = watched(foreign.connect_from(2)).await;
    assert!(other.1.close_reason().is_none());
    assert_eq!(quic.evicted(), 1);
}

#[tokio::test]
async fn nothing_makes_way_for_an_address_that_nobody_has_proved() {
    // Whoever writes another's address on a datagram would close that one's connections.
    let quic = patient(QuicOptions::default().handshakes(2));
    let (mut listener, foreign) = Foreign::listen(quic.clone()).await;
    let silent = [watched(foreign.connect_from(1)).await, watched(foreign.connect_from(1)).await];
    let sender = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..5 {
        let datagram = watched(foreign.first_datagram()).await;
        sender.send_to(&datagram, listener.endpoint().address()).await.unwrap();
        // It is asked to prove the address, which it does not.
        watched(sender.recv(&mut [0; 2000])).await.unwrap();
    }
    assert_eq!(quic.evicted(), 0);
    assert!(silent.iter().all(|(_, connection)| connection.close_reason().is_none()));
    dial(&quic, &mut *listener).await;
    assert_eq!(quic.evicted(), 1);
}

#[tokio::test]
async fn a_listener_closes_a_connection_that_has_no_channel_any_more() {
    // They lived for ever, and filled `connections`.
    let limit = Duration::from_millis(200);
    let quic = patient(QuicOptions::default().idle_timeout(limit).keepalive(Some(limit / 10)).connections(1));
    let (mut listener, _client, connection) = with_foreign_client(quic.clone()).await;
    for _ in 0..2 {
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        send.write_all(&[1]).await.unwrap();
        let far = watched(listener.next()).await.unwrap();
        watched(recv.read_exact(&mut [0])).await.unwrap();
        drop(far);
    }
    let (error, _) = refused(&quic, &*listener).await;
    assert_eq!(error.kind, ErrorKind::ConnectionRefused);
    assert_eq!(quic.timed_out(), 0);
    assert_eq!(closed(&connection).await, VarInt::from_u32(8));
    assert_eq!(quic.timed_out(), 1);
    watched(async {
        while quic.dialer(listener.endpoint()).unwrap().next().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_dialer_closes_a_connection_that_it_does_not_use_and_makes_another_when_it_does() {
    let limit = Duration::from_millis(200);
    let authority = Authority::new();
    let leaf = authority.sign_local();
    let server = foreign_server(&leaf);
    let at = server.local_addr().unwrap().to_string();
    let pin = leaf.identity.fingerprint().to_string();
    let endpoint = Endpoint::new("quic", &at).unwrap().with_option("pin", &pin);
    let quic = Quic::new(QuicOptions::default().idle_timeout(limit).keepalive(Some(limit / 10))).unwrap();
    let mut dialer = quic.dialer(&endpoint).unwrap();
    for _ in 0..2 {
        let (near, (connection, ..)) = watched(async { tokio::join!(dialer.next(), greet(&server)) }).await;
        let near = near.unwrap();
        assert!(connection.close_reason().is_none());
        drop(near);
        assert_eq!(closed(&connection).await, VarInt::from_u32(0));
    }
}

#[tokio::test]
async fn a_connection_that_opens_no_channel_is_closed_in_time() {
    let limit = Duration::from_millis(50);
    let quic = Quic::new(QuicOptions::default().handshake_timeout(limit)).unwrap();
    let (_listener, _client, connection) = with_foreign_client(quic.clone()).await;
    let ConnectionError::ApplicationClosed(close) = watched(connection.closed()).await else { panic!() };
    assert_eq!(&close.reason[..], b"it opened no channel");
    assert_eq!(quic.timed_out(), 1);
}

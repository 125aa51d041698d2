//! Limits of a TLS listener for peers that have proved nothing, which keep no other peer out.

use std::net::{Ipv4Addr, SocketAddr};

use crate::support::*;
use listenrain_transports::Tls;
use listenrain_transports::tls::TlsOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A transport whose handshakes take as long as their peers like.
fn patient(options: TlsOptions) -> Tls {
    Tls::new(options.handshake_timeout(Duration::from_secs(3600))).unwrap()
}

async fn listen(tls: &Tls) -> Box<dyn ChannelGenerator> {
    tls.listen(&tls.scratch_endpoint()).await.unwrap()
}

/// A connection from `host` of the loopback network.
async fn connect_from(host: u8, listener: &dyn ChannelGenerator) -> TcpStream {
    let to: SocketAddr = listener.endpoint().address().parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Dials and is accepted, though everything else stalls.
async fn dial(tls: &Tls, listener: &mut dyn ChannelGenerator) {
    let mut dialer = tls.dialer(listener.endpoint()).unwrap();
    watched(connect(listener, &mut *dialer)).await;
}

/// Waits until the listener has closed it.
async fn until_closed(socket: &mut TcpStream) {
    assert_eq!(watched(socket.read(&mut [0])).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

fn is_open(socket: &TcpStream) -> bool {
    socket.try_read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[tokio::test]
async fn silent_connections_keep_no_dial_waiting() {
    // As many of them as there may be handshakes kept everybody out for the time of a handshake, over and over.
    let tls = patient(TlsOptions::default().handshakes(4));
    let mut listener = listen(&tls).await;
    let mut silent = Vec::new();
    for _ in 0..150 {
        silent.push(connect_from(1, &*listener).await);
    }
    for _ in 0..3 {
        dial(&tls, &mut *listener).await;
    }
    assert!(silent.iter().all(is_open), "there was room for all of them");
    assert_eq!(tls.evicted(), 0);
}

#[tokio::test]
async fn the_oldest_silent_connection_makes_way_from_one_beyond_the_limit_on() {
    const LIMIT: usize = 3;
    for count in LIMIT - 1..=LIMIT + 1 {
        let tls = patient(TlsOptions::default().silent(LIMIT));
        let mut listener = listen(&tls).await;
        let mut silent = Vec::new();
        for _ in 0..count {
            silent.push(connect_from(1, &*listener).await);
        }
        // It is one more of them, until it says something.
        dial(&tls, &mut *listener).await;
        let beyond = count + 1 - LIMIT;
        for mut socket in silent.drain(..beyond) {
            until_closed(&mut socket).await;
        }
        assert!(silent.iter().all(is_open));
        assert_eq!(tls.evicted(), beyond as u64, "{count} of {LIMIT}");
    }
}

#[tokio::test]
async fn a_peer_that_begins_a_handshake_and_stops_makes_way() {
    // One byte, and then nothing.
    let tls = patient(TlsOptions::default().handshakes(2));
    let mut listener = listen(&tls).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut socket = connect_from(1, &*listener).await;
        socket.write_all(b"\x16").await.unwrap();
        slow.push(socket);
    }
    for _ in 0..3 {
        dial(&tls, &mut *listener).await;
    }
    // At most two can be in their handshake still.
    for socket in &mut slow[..18] {
        until_closed(socket).await;
    }
    assert!((18..=21).contains(&tls.evicted()), "{}", tls.evicted());
}

#[tokio::test]
async fn an_address_at_its_limit_makes_way_for_itself_and_no_other_does() {
    let tls = patient(TlsOptions::default().per_address(Some(2)));
    let mut listener = listen(&tls).await;
    let mut own = vec![connect_from(2, &*listener).await, connect_from(2, &*listener).await];
    let other = [connect_from(3, &*listener).await, connect_from(3, &*listener).await];
    dial(&tls, &mut *listener).await;
    assert!(own.iter().chain(&other).all(is_open));
    own.push(connect_from(2, &*listener).await);
    until_closed(&mut own[0]).await;
    // It is accepted after all of them, so nothing is still to come.
    dial(&tls, &mut *listener).await;
    assert!(own[1..].iter().chain(&other).all(is_open));
    assert_eq!(tls.evicted(), 1);
}

#[tokio::test]
async fn silence_counts_against_the_time_of_the_handshake() {
    let limit = Duration::from_millis(50);
    let tls = Tls::new(TlsOptions::default().handshake_timeout(limit)).unwrap();
    let listener = listen(&tls).await;
    let begun = tokio::time::Instant::now();
    let mut silent = connect_from(1, &*listener).await;
    let mut slow = connect_from(1, &*listener).await;
    slow.write_all(b"\x16").await.unwrap();
    until_closed(&mut silent).await;
    until_closed(&mut slow).await;
    assert!(begun.elapsed() >= limit);
    assert_eq!((tls.evicted(), tls.timed_out()), (0, 2));
}

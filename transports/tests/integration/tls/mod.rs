//! Promises of TLS alone. Real sockets on loopback: waits are for events, under a watchdog.

mod foreign;
mod limits;

use foreign::Foreign;

use crate::support::certificates::*;
use crate::support::*;
use listenrain_transports::Tls;
use listenrain_transports::certificates::HandshakeError;
use listenrain_transports::tls::TlsOptions;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn listen(tls: &Tls) -> Box<dyn ChannelGenerator> {
    tls.listen(&tls.scratch_endpoint()).await.unwrap()
}

#[tokio::test]
async fn a_server_of_another_make_is_understood_both_ways() {
    let foreign = Foreign::new(&["listenrain"]).await;
    let (mut near, mut far) = foreign.linked().await;
    write_all(&mut *near.write, pattern(100_000)).await.unwrap();
    shutdown(&mut *near.write).await.unwrap();
    let mut got = Vec::new();
    watched(far.read_to_end(&mut got)).await.unwrap();
    assert_eq!(got, pattern(100_000));
    far.write_all(b"and back").await.unwrap();
    far.shutdown().await.unwrap();
    assert_eq!(watched(read_to_end(&mut *near.read)).await.unwrap(), "and back");
}

#[tokio::test]
async fn an_end_that_comes_with_the_last_of_the_handshake_is_an_orderly_one() {
    // A dialer may say all that it has to say before its listener has read that the handshake is done.
    let authority = Authority::new();
    let tls = Tls::default().with_identity(authority.sign_local().identity);
    let mut listener = tls.listen(&"tls://127.0.0.1:0".parse().unwrap()).await.unwrap();
    for said in [&b"all that there is"[..], b""] {
        let mut socket = std::net::TcpStream::connect(listener.endpoint().address()).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(authority.client_config()), name).unwrap();
        let talk = tokio::task::spawn_blocking(move || {
            client.write_tls(&mut socket).unwrap();
            while client.is_handshaking() {
                client.read_tls(&mut socket).unwrap();
                client.process_new_packets().unwrap();
            }
            std::io::Write::write_all(&mut client.writer(), said).unwrap();
            client.send_close_notify();
            let mut together = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut together).unwrap();
            }
            std::io::Write::write_all(&mut socket, &together).unwrap();
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            socket
        });
        let mut far = watched(listener.next()).await.unwrap();
        assert_eq!(watched(read_to_end(&mut *far.read)).await.unwrap(), said);
        drop(talk.await.unwrap());
    }
}

#[tokio::test]
async fn a_server_that_names_no_protocol_is_refused_unless_none_is_wanted() {
    let foreign = Foreign::new(&[]).await;
    let mut dialer = Tls::default().dialer(&foreign.endpoint()).unwrap();
    let (error, _far) = watched(async { tokio::join!(dialer.next(), foreign.accept()) }).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(matches!(reason(&error), HandshakeError::Protocol { .. }));
    let mut dialer = Tls::default().dialer(&foreign.endpoint().with_option("alpn", "none")).unwrap();
    let (near, _far) = watched(async { tokio::join!(dialer.next(), foreign.accept()) }).await;
    near.unwrap();
}

#[tokio::test]
async fn an_end_that_nobody_vouches_for_is_an_error_and_never_an_end() {
    // Anybody on the way can send a FIN, and cut a message short.
    let foreign = Foreign::new(&["listenrain"]).await;
    let (mut near, mut far) = foreign.linked().await;
    far.write_all(b"half a mess").await.unwrap();
    far.flush().await.unwrap();
    drop(far);
    assert_eq!(watched(read_exactly(&mut *near.read, 11)).await.unwrap(), "half a mess");
    for _ in 0..2 {
        assert_eq!(watched(read_error(&mut *near.read)).await, ErrorKind::UnexpectedEof);
    }
}

/// Passes bytes on between a dialer and `to`, the `at`th byte towards the dialer with one bit turned.
async fn corrupt(to: String, at: usize) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (dialer, _) = listener.accept().await.unwrap();
        let (mut from_dialer, mut to_dialer) = dialer.into_split();
        let (mut from_listener, mut to_listener) = TcpStream::connect(to).await.unwrap().into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_dialer, &mut to_listener).await });
        let (mut passed, mut bytes) = (0, [0; 1000]);
        while let Ok(count @ 1..) = from_listener.read(&mut bytes).await {
            if (passed..passed + count).contains(&at) {
                bytes[at - passed] ^= 1;
            }
            passed += count;
            if to_dialer.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    });
    address
}

#[tokio::test]
async fn a_byte_that_was_changed_on_the_way_is_never_delivered() {
    let tls = Tls::default();
    let mut listener = listen(&tls).await;
    // Well behind the handshake, and in the middle of a record.
    let at = corrupt(listener.endpoint().address().to_owned(), 60_000).await;
    let mut dialer = tls.dialer(&listener.endpoint().clone().with_address(at.to_string())).unwrap();
    let (mut near, mut far) = watched(connect(&mut *listener, &mut *dialer)).await;
    let writing = tokio::spawn(async move {
        let _ = write_all(&mut *far.write, pattern(200_000)).await;
        read(&mut *far.read, &mut ReadBuffer::default()).await.map_err(|error| error.kind())
    });
    let mut got = ReadBuffer::default();
    let error = watched(async {
        loop {
            match read(&mut *near.read, &mut got).await {
                Ok(count) => assert!(count > 0),
                Err(error) => break error,
            }
        }
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let count = got.len();
    assert!((16_000..60_000).contains(&count) && got.take(count) == pattern(200_000)[..count]);
    assert_eq!(
        read(&mut *near.read, &mut got).await.unwrap_err().kind(),
        ErrorKind::InvalidData,
        "and it stays so"
    );
    assert_eq!(write_all(&mut *near.write, "late".into()).await.unwrap_err().kind(), ErrorKind::InvalidData);
    drop(near);
    assert_eq!(watched(writing).await.unwrap(), Err(ErrorKind::ConnectionReset), "the peer heard of it");
}

#[tokio::test]
async fn who_talks_nonsense_is_told_and_the_listener_serves_on() {
    let tls = Tls::default();
    let mut listener = listen(&tls).await;
    let mut unknown = TcpStream::connect(listener.endpoint().address()).await.unwrap();
    unknown.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    watched(unknown.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer[0], 21, "an alert, and no reset that overtakes it");
    let mut dialer = tls.dialer(listener.endpoint()).unwrap();
    watched(connect(&mut *listener, &mut *dialer)).await;
}

#[tokio::test]
async fn what_nobody_accepts_is_bounded_too() {
    let tls = Tls::new(TlsOptions::default().handshakes(2)).unwrap();
    let mut listener = listen(&tls).await;
    let mut dialer = tls.dialer(listener.endpoint()).unwrap();
    let _waiting = [watched(dialer.next()).await.unwrap(), watched(dialer.next()).await.unwrap()];
    let mut third = tls.dialer(listener.endpoint()).unwrap();
    let mut third = tokio::spawn(async move { third.next().await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!third.is_finished());
    watched(listener.next()).await.unwrap();
    watched(&mut third).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_listener_that_says_nothing_costs_no_more_than_the_handshakes_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limit = Duration::from_millis(20);
    let tls = Tls::new(TlsOptions::default().handshake_timeout(limit)).unwrap();
    let pin = listenrain_transports::certificates::Fingerprint::of(b"x").to_string();
    let at = silent.local_addr().unwrap().to_string();
    let endpoint = Endpoint::new("tls", &at).unwrap().with_option("pin", &pin);
    let error = watched(tls.dialer(&endpoint).unwrap().next()).await.unwrap_err();
    assert_eq!((error.kind, error.is_final), (ErrorKind::TimedOut, false));
    assert!(matches!(reason(&error), HandshakeError::TimedOut { limit: told } if *told == limit));
}

#[tokio::test]
async fn an_answer_arrives_whole_though_the_end_of_the_question_was_never_read() {
    // The system would reset a socket that is closed with bytes unread, and with it throw away what has not left yet; but
    // the end of a TLS stream is bytes, too.
    let (mut near, mut far) = linked(&Tls::default()).await;
    write_all(&mut *near.write, "question".into()).await.unwrap();
    watched(read_exactly(&mut *far.read, 8)).await.unwrap();
    shutdown(&mut *near.write).await.unwrap();
    // More than the system hands to a peer that does not read, and less than it takes from this side.
    let taken = fill(&mut *far.write, 64 << 10, 1 << 20).await;
    drop(far);
    assert_eq!(watched(read_to_end(&mut *near.read)).await.unwrap().len(), taken);
}

#[tokio::test]
async fn an_answer_arrives_whole_though_the_question_ends_after_its_reader_is_gone() {
    // The end of the question comes to a socket that nobody has any more, and the system would answer with a reset.
    let (mut near, mut far) = linked(&Tls::default()).await;
    write_all(&mut *near.write, "question".into()).await.unwrap();
    watched(read_exactly(&mut *far.read, 8)).await.unwrap();
    let taken = fill(&mut *far.write, 64 << 10, 1 << 20).await;
    drop(far);
    shutdown(&mut *near.write).await.unwrap();
    assert_eq!(watched(read_to_end(&mut *near.read)).await.unwrap().len(), taken);
}

#[tokio::test]
async fn whoever_writes_to_a_dropped_channel_is_told_though_its_socket_waits_for_the_end() {
    let foreign = Foreign::new(&["listenrain"]).await;
    let (near, mut far) = foreign.linked().await;
    drop(near);
    let mut got = Vec::new();
    watched(far.read_to_end(&mut got)).await.unwrap();
    assert!(got.is_empty());
    let error = watched(async {
        loop {
            if let Err(error) = far.write_all(b"more").await {
                break error;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
}

#[tokio::test]
async fn what_was_taken_and_not_flushed_still_leaves_when_its_channel_is_dropped() {
    let (mut near, mut far) = linked(&Tls::default()).await;
    let taken = fill(&mut *near.write, 64 << 10, usize::MAX).await;
    drop(near);
    let all = watched(read_to_end(&mut *far.read)).await.unwrap();
    assert_eq!(all.len(), taken);
}

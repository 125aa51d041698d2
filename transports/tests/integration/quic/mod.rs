//! Promises of QUIC alone. Real sockets on loopback: waits are for events, under a watchdog.

mod foreign;
mod limits;
mod simulated;

use foreign::*;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use crate::support::certificates::*;
use crate::support::*;
use listenrain_transports::Quic;
use listenrain_transports::quic::QuicOptions;
use quinn::{ReadError, VarInt};

#[tokio::test]
async fn an_address_whose_channels_live_refuses_until_another_listener_takes_it_over() {
    let quic = Quic::default();
    let (mut listener, mut dialer) = both_ends(&quic).await;
    let (mut near, mut far) = watched(connect(&mut *listener, &mut *dialer)).await;
    let endpoint = listener.endpoint().clone();
    drop(listener);
    for mut dialer in [dialer, quic.dialer(&endpoint).unwrap()] {
        let error = watched(dialer.next()).await.unwrap_err();
        assert_eq!((error.kind, error.is_final), (ErrorKind::ConnectionRefused, false));
        let mut listener = quic.clone().listen(&endpoint).await.unwrap();
        let (mut fresh, mut its) = watched(connect(&mut *listener, &mut *dialer)).await;
        assert_ne!(fresh.facts.group, near.facts.group, "the old connection was the old listener's");
        carries(&mut fresh, &mut its, "alive").await;
        carries(&mut near, &mut far, "alive").await;
    }
}

#[tokio::test]
async fn what_the_next_listener_demands_is_demanded_of_old_dialers_too() {
    let quic = Quic::default();
    let (mut listener, mut dialer) = both_ends(&quic).await;
    let (mut near, mut far) = watched(connect(&mut *listener, &mut *dialer)).await;
    let endpoint = listener.endpoint().clone();
    drop(listener);
    let client = Authority::new().sign_local().identity.fingerprint().to_string();
    let _strict = quic.listen(&endpoint.with_option("client_pin", &client)).await.unwrap();
    assert_eq!(watched(dialer.next()).await.unwrap_err().kind, ErrorKind::PermissionDenied);
    carries(&mut near, &mut far, "alive").await;
}

#[tokio::test]
async fn a_stream_that_does_not_say_what_it_is_holds_up_no_other_and_is_reset_in_time() {
    let limit = Duration::from_millis(500);
    let quic = Quic::new(QuicOptions::default().handshake_timeout(limit)).unwrap();
    let (mut listener, _client, connection) = with_foreign_client(quic).await;
    let (_silent_send, mut silent) = connection.open_bi().await.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&[1]).await.unwrap();
    // The streams before it are opened with it.
    let mut far = watched(listener.next()).await.unwrap();
    write_all(&mut *far.write, "first word".into()).await.unwrap();
    let mut said = [0; 11];
    watched(recv.read_exact(&mut said)).await.unwrap();
    assert_eq!(&said, b"\x01first word");
    let late = watched(silent.read_to_end(1)).await.unwrap_err();
    assert_eq!(late, quinn::ReadToEndError::Read(ReadError::Reset(VarInt::from_u32(6))));
}

#[tokio::test]
async fn a_stream_of_another_version_is_told_so() {
    let (_listener, _client, connection) = with_foreign_client(Quic::default()).await;
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&[2]).await.unwrap();
    let error = watched(recv.read_to_end(1)).await.unwrap_err();
    assert_eq!(error, quinn::ReadToEndError::Read(ReadError::Reset(VarInt::from_u32(5))));
}

#[tokio::test]
async fn a_peer_that_has_read_everything_may_leave_in_order_before_this_side_ends() {
    // Stopping a stream that is not finished is no sign that something was lost.
    let (mut near, mut far) = linked(&Quic::default()).await;
    write_all(&mut *near.write, "question".into()).await.unwrap();
    watched(read_exactly(&mut *far.read, 8)).await.unwrap();
    write_all(&mut *far.write, "answer".into()).await.unwrap();
    drop(far);
    assert_eq!(watched(read_to_end(&mut *near.read)).await.unwrap(), "answer");
    let error = write_error(&mut *near.write, "more".into()).await;
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
}

#[tokio::test]
async fn a_reader_that_leaves_alone_breaks_the_pipe_and_nothing_else() {
    let (mut near, far) = linked(&Quic::default()).await;
    let Channel { read: far_read, write: mut far_write, .. } = far;
    drop(far_read);
    assert_eq!(write_error(&mut *near.write, pattern(1000)).await.kind(), ErrorKind::BrokenPipe);
    write_all(&mut *far_write, "still".into()).await.unwrap();
    assert_eq!(watched(read_exactly(&mut *near.read, 5)).await.unwrap(), "still");
}

#[tokio::test]
async fn the_loss_of_a_connection_is_never_an_end() {
    let (mut listener, _client, connection) = with_foreign_client(Quic::default()).await;
    let (mut send, _recv) = connection.open_bi().await.unwrap();
    send.write_all(b"\x01half a mess").await.unwrap();
    let mut far = watched(listener.next()).await.unwrap();
    assert_eq!(watched(read_exactly(&mut *far.read, 11)).await.unwrap(), "half a mess");
    connection.close(VarInt::from_u32(0), b"");
    for _ in 0..2 {
        assert_eq!(watched(read_error(&mut *far.read)).await, ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn an_endpoint_without_an_application_protocol_is_refused() {
    let endpoint = "quic://127.0.0.1:1?alpn=none".parse().unwrap();
    let error = Quic::default().dialer(&endpoint).err().unwrap();
    assert!(error.why.contains("alpn"), "{error}");
}

#[test]
fn an_address_whose_runtime_is_gone_can_be_listened_at_on_another() {
    let quic = Quic::default();
    let run = |endpoint: Endpoint| {
        let runtime = runtime();
        let linked = runtime.block_on(async {
            let (mut listener, mut dialer) = at(&quic, &endpoint).await;
            let (mut near, mut far) = watched(connect(&mut *listener, &mut *dialer)).await;
            carries(&mut near, &mut far, "alive").await;
            (listener, dialer, near, far)
        });
        drop(runtime);
        // What was theirs is let go of outside any runtime.
        linked.0.endpoint().clone()
    };
    let endpoint = run(quic.scratch_endpoint());
    assert_eq!(run(endpoint.clone()), endpoint);
}

#[tokio::test]
async fn a_refused_dial_sends_nothing_to_whoever_listens_there_next() {
    // A goodbye for a connection that this listener has never seen kept a connection of its own for 30 s.
    let before = tasks();
    let bind = |port| std::net::UdpSocket::bind(("127.0.0.1", port)).unwrap();
    let quic = Quic::default();
    let (listener, mut dialer) = both_ends(&quic).await;
    let port = listener.endpoint().address().rsplit(':').next().unwrap().parse().unwrap();
    drop(listener);
    assert_eq!(watched(dialer.next()).await.unwrap_err().kind, ErrorKind::ConnectionRefused);
    // Nothing else has run since.
    let next = bind(port);
    next.set_nonblocking(true).unwrap();
    until(|| tasks() <= before).await;
    assert_eq!(next.recv(&mut [0; 2000]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn whoever_was_dialled_opens_no_streams() {
    let authority = Authority::new();
    let leaf = authority.sign_local();
    let identity = leaf.identity.fingerprint().to_string();
    let server = foreign_server(&leaf);
    let at = server.local_addr().unwrap().to_string();
    let endpoint = Endpoint::new("quic", &at).unwrap().with_option("pin", &identity);
    let mut dialer = Quic::default().dialer(&endpoint).unwrap();
    let (near, (connection, ..)) = watched(async { tokio::join!(dialer.next(), greet(&server)) }).await;
    let _near = near.unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(connection.open_bi()).poll(&mut cx).is_pending(), "nobody would ever accept it");
    assert!(pin!(connection.open_uni()).poll(&mut cx).is_pending());
}

/// Tokio's runtime, which counts what it is asked for.
#[derive(Debug, Default)]
struct Counting {
    timers: AtomicUsize,
    tasks: AtomicUsize,
}

impl quinn::Runtime for Counting {
    fn new_timer(&self, at: std::time::Instant) -> std::pin::Pin<Box<dyn quinn::AsyncTimer>> {
        self.timers.fetch_add(1, Ordering::Relaxed);
        quinn::TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.tasks.fetch_add(1, Ordering::Relaxed);
        quinn::TokioRuntime.spawn(future);
    }

    fn wrap_udp_socket(
        &self,
        socket: std::net::UdpSocket,
    ) -> std::io::Result<Arc<dyn quinn::AsyncUdpSocket>> {
        quinn::TokioRuntime.wrap_udp_socket(socket)
    }

    fn now(&self) -> std::time::Instant {
        quinn::TokioRuntime.now()
    }
}

#[tokio::test]
async fn both_sides_run_on_the_runtime_that_they_are_given() {
    let runtime = Arc::new(Counting::default());
    let given = Quic::default().with_runtime(runtime.clone());
    let counts = || [&runtime.timers, &runtime.tasks].map(|count| count.load(Ordering::Relaxed));
    let mut listener = given.listen(&given.scratch_endpoint()).await.unwrap();
    let mut dialer = Quic::default().dialer(listener.endpoint()).unwrap();
    let before = counts();
    let (mut near, mut far) = watched(connect(&mut *listener, &mut *dialer)).await;
    carries(&mut near, &mut far, "alive").await;
    let listened = counts();
    assert!(listened.iter().zip(before).all(|(now, before)| *now > before), "{before:?}, {listened:?}");
    let mut other = both_ends(&Quic::default()).await.0;
    let mut dialer = given.dialer(other.endpoint()).unwrap();
    let (mut near, mut far) = watched(connect(&mut *other, &mut *dialer)).await;
    carries(&mut near, &mut far, "alive").await;
    let dialled = counts();
    assert!(dialled.iter().zip(listened).all(|(now, before)| *now > before), "{listened:?}, {dialled:?}");
}

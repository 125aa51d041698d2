//! Promises of TCP alone. Real sockets on loopback: waits are for events, under a watchdog.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::*;
use listenrain::BoxFuture;
use listenrain_transports::Tcp;
use listenrain_transports::tcp::Resolve;

/// Answers with the first address the first time, with the second the second time, and so on.
#[derive(Debug)]
struct Moving {
    answers: Vec<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

impl Moving {
    fn new(answers: Vec<Vec<SocketAddr>>) -> Arc<Self> {
        let asked = AtomicUsize::new(0);
        Arc::new(Self { answers, asked })
    }
}

impl Resolve for Moving {
    fn resolve<'a>(&'a self, host: &'a str, _port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        assert_eq!(host, "moving.example");
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok(self.answers[turn].clone()) })
    }
}

fn std_listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

fn moving() -> Endpoint {
    "tcp://moving.example:7000".parse().unwrap()
}

#[tokio::test]
async fn port_zero_becomes_the_real_port_and_options_stay() {
    let endpoint = "tcp://127.0.0.1:0?nodelay=false".parse().unwrap();
    let listener = Tcp::default().listen(&endpoint).await.unwrap();
    let real: SocketAddr = listener.endpoint().address().parse().unwrap();
    assert_ne!(real.port(), 0);
    assert_eq!(listener.endpoint().to_string(), format!("tcp://{real}?nodelay=false"));
    let mut dialer = Tcp::default().dialer(&endpoint).unwrap();
    let error = watched(dialer.next()).await.unwrap_err();
    assert_eq!((error.kind, error.is_final), (ErrorKind::InvalidInput, true));
    assert!(error.source.unwrap().to_string().contains("port 0"));
}

#[tokio::test]
async fn a_name_is_resolved_again_at_every_dial() {
    // LR35: the original resolved once, and went on dialling an address that its name had left.
    let ((_first, first), (_second, second)) = (std_listener(), std_listener());
    let resolver = Moving::new(vec![vec![first], vec![second]]);
    let mut dialer = Tcp::default().with_resolver(resolver.clone()).dialer(&moving()).unwrap();
    assert_eq!(resolver.asked.load(Ordering::Relaxed), 0, "making a dialer does no I/O");
    for expected in [first, second] {
        let channel = watched(dialer.next()).await.unwrap();
        assert_eq!(channel.facts.peer.unwrap().address(), expected.to_string());
    }
}

#[tokio::test]
async fn every_address_of_a_name_is_tried() {
    // Bound and not listening: nobody else can take the port, and dialling it is refused.
    let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    bound.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let dead = bound.local_addr().unwrap().as_socket().unwrap();
    let (_listener, alive) = std_listener();
    let resolver = Moving::new(vec![vec![dead, alive], vec![dead], vec![]]);
    let mut dialer = Tcp::default().with_resolver(resolver).dialer(&moving()).unwrap();
    let channel = watched(dialer.next()).await.unwrap();
    assert_eq!(channel.facts.peer.unwrap().address(), alive.to_string());
    let error = watched(dialer.next()).await.unwrap_err();
    assert_eq!((error.kind, error.is_final), (ErrorKind::ConnectionRefused, false));
    assert!(error.source.unwrap().to_string().contains(&dead.to_string()));
    assert_eq!(watched(dialer.next()).await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_listener_takes_the_first_address_that_can_be_bound() {
    let (_listener, taken) = std_listener();
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let resolver = Moving::new(vec![vec![taken, free], vec![taken]]);
    let tcp = Tcp::default().with_resolver(resolver);
    let listener = tcp.listen(&moving()).await.unwrap();
    assert_ne!(listener.endpoint().address(), taken.to_string());
    assert_eq!(tcp.listen(&moving()).await.err().unwrap().kind, ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_peer_that_resets_while_it_is_queued_does_not_end_the_listener() {
    // LR28: one failing accept must not be the end of the listener.
    let (mut listener, mut dialer) = both_ends(&Tcp::default()).await;
    let stream = TcpStream::connect(listener.endpoint().address()).unwrap();
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    let mut near = watched(dialer.next()).await.unwrap();
    write_all(&mut *near.write, "x".into()).await.unwrap();
    watched(async {
        loop {
            let mut far = listener.next().await.unwrap();
            if read_exactly(&mut *far.read, 1).await.is_ok() {
                break;
            }
        }
    })
    .await;
}

//! Error texts to peers and log lines, and how often a peer can cause one.

use crate::support::*;
use std::fmt::Debug;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Collects the lines of the log at warnings and errors.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("listenrain")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

const SECRET: &str = "postgres://root:secret@10.0.0.1";

/// What goes wrong by the first byte of a request.
fn failing() -> Router<Touchy> {
    Router::new().fallback(|request: Request<Bytes>| async move {
        match request.message.first() {
            Some(b'?') => Err(io::Error::other(SECRET))?,
            Some(b'n') => Err(HandlerError::new("no such user")),
            Some(b'b') => Err(HandlerError::new("try later").because(io::Error::other(SECRET))),
            Some(b'p') => panic!("{SECRET}"),
            Some(b'e') => Ok(Bytes::from("encode")),
            Some(b'E') => Ok(Bytes::from("Encode")),
            _ => Ok(request.message),
        }
    })
}

/// A codec that says too much.
#[derive(Debug)]
struct Touchy;

impl MessageCodec for Touchy {
    type Message = Bytes;

    fn encode(&self, message: Bytes) -> Result<Payload, MessageError> {
        assert!(message != "encode", "{SECRET}");
        if message == "Encode" { Err(MessageError::new("a field is missing")) } else { Ok(message.into()) }
    }

    fn decode(&self, payload: Bytes) -> Result<Bytes, MessageError> {
        assert!(payload != "decode", "{SECRET}");
        if payload == "Decode" { Err(MessageError::new("no such field")) } else { Ok(payload) }
    }
}

fn touchy() -> Protocol<Touchy> {
    Protocol::builder("touchy", Touchy).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_peer_hears_what_is_meant_for_it_and_the_log_the_rest() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (_net, _server, mut peer) = served(Server::builder(touchy(), failing())).await;
    // What is asked, its code, the text for the peer, and whether the secret is logged.
    let cases: [(_, u8, _, _); 8] = [
        ("?", 3, "", true),
        ("n", 3, "no such user", false),
        ("b", 3, "try later", true),
        ("p", 4, "", true),
        ("e", 6, "", true),
        ("E", 6, "a field is missing", false),
        ("decode", 4, "", true),
        ("Decode", 2, "no such field", false),
    ];
    for (asked, code, told, is_logged) in cases {
        let before = log.lines().len();
        peer.send(REQUEST, 1, asked).await;
        let error = peer.expect(ERROR).await;
        let text = String::from_utf8(error.payload[2..].to_vec()).unwrap();
        assert_eq!((&error.payload[..2], &*text), (&[0, code][..], told), "{asked}");
        let logged = log.lines()[before..].iter().any(|line| line.contains(SECRET));
        assert_eq!(logged, is_logged, "{asked}: {:?}", &log.lines()[before..]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_anything_that_a_peer_can_cause_is_a_few_lines() {
    let bad_bytes = vec![0xFF; 20];
    let asking = |text: &str| Frame::new(REQUEST, 1, text).bytes();
    let floods: [(&str, Vec<u8>); 9] = [
        ("no packet", bad_bytes),
        ("part of a packet, then gone", asking("xyz")[..22].to_vec()),
        ("an unknown kind", Frame::new(99, 1, "x").bytes()),
        ("cannot be decoded", asking("Decode")),
        ("panics in the codec", asking("decode")),
        ("panics in the handler", asking("p")),
        ("fails in the handler", asking("?")),
        ("a reply that cannot be encoded", asking("E")),
        ("a reply to nothing", Frame::new(REPLY, 1, "x").bytes()),
    ];
    for (name, bytes) in floods {
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(log.clone());
        let net = Net::new();
        let server = Server::builder(touchy(), failing()).listen(net.listener()).unwrap();
        for _ in 0..200 {
            let mut peer = Peer::new(net.raw().await);
            peer.send_bytes(&bytes).await;
            settle().await;
        }
        assert_eq!(server.counts().accepted, 200);
        assert!(log.lines().len() <= 10, "{name}: {} lines, as {:?}", log.lines().len(), log.lines()[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_peers_that_are_turned_away_is_a_few_lines() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let net = Net::new();
    let server = Server::builder(touchy(), failing()).max_connections(1).listen(net.listener()).unwrap();
    let mut peers = Vec::new();
    for _ in 0..200 {
        peers.push(net.raw().await);
    }
    assert_eq!(server.counts().turned_away, 199);
    let lines = log.lines();
    assert!((1..=10).contains(&lines.len()), "{lines:?}");
    assert!(lines[0].contains("limit=1"), "{lines:?}");
}

#[test]
fn an_error_says_its_cause_where_it_is_shown() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);
    let error = HandlerError::from(Outer(io::Error::other("inner")));
    assert_eq!(error.to_string(), "outer: inner");
    assert_eq!(
        HandlerError::new("told").because(Outer(io::Error::other("inner"))).to_string(),
        "told: outer: inner"
    );
    assert_eq!(HandlerError::new("told").to_string(), "told");
}

#[tokio::test(start_paused = true)]
async fn what_reading_an_id_panics_with_is_not_told_to_a_peer() {
    let id_of = |bytes: &[u8]| {
        assert!(bytes != b"bad", "postgres://root:secret@10.0.0.1");
        Ok(7u8)
    };
    let protocol =
        Protocol::builder("ids", RawBytes).correlation(Correlation::by_message(id_of)).build().unwrap();
    let router = Router::new().fallback(|_: Request<Bytes>| async move { Ok(Bytes::from("bad")) });
    let (_net, _server, mut peer) = served(Server::builder(protocol, router)).await;
    peer.send(REQUEST, 1, "x").await;
    let error = peer.expect(ERROR).await;
    let text = String::from_utf8_lossy(&error.payload[2..]).into_owned();
    assert!(!text.contains("secret"), "the peer is told: {text}");
}

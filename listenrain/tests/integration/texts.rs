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
    /// What this thread logs until the guard is dropped.
    fn here() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        (log.clone(), tracing::subscriber::set_default(log))
    }

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

#[tokio::test(start_paused = true)]
async fn a_peer_hears_what_is_meant_for_it_and_the_log_the_rest() {
    let (log, _guard) = Log::here();
    let (_net, _server, mut peer) = served(scripted()).await;
    // What is asked, its code, the text for the peer, and whether the secret is logged.
    let cases: [(_, u8, _, _); 8] = [
        ("fail by a cause", 3, "", true),
        ("fail", 3, "no such user", false),
        ("fail by a cause and say so", 3, "try later", true),
        ("panic at once", 4, "", true),
        ("reply panics in encode", 6, "", true),
        ("reply fails to encode", 6, "a field is missing", false),
        ("decode panics", 4, "", true),
        ("decode fails", 2, "no such field", false),
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
        ("cannot be decoded", asking("decode fails")),
        ("panics in the codec", asking("decode panics")),
        ("panics in the handler", asking("panic at once")),
        ("fails in the handler", asking("fail by a cause")),
        ("a reply that cannot be encoded", asking("reply fails to encode")),
        ("a reply to nothing", Frame::new(REPLY, 1, "x").bytes()),
    ];
    for (name, bytes) in floods {
        let ((log, _guard), net) = (Log::here(), Net::new());
        let server = net.serve(scripted());
        for _ in 0..200 {
            let mut peer = net.peer().await;
            peer.send_bytes(&bytes).await;
            settle().await;
        }
        assert_eq!(server.counts().accepted, 200);
        assert!(log.lines().len() <= 10, "{name}: {} lines, as {:?}", log.lines().len(), log.lines()[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_peers_that_are_turned_away_is_a_few_lines() {
    let ((log, _guard), net) = (Log::here(), Net::new());
    let server = net.serve(scripted().max_connections(1));
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
        assert!(bytes != b"bad", "{SECRET}");
        Ok(7u8)
    };
    let protocol =
        Protocol::builder("ids", RawBytes).correlation(Correlation::by_message(id_of)).build().unwrap();
    let router = handling(&(), |(), _| async { Ok(Bytes::from("bad")) });
    let (_net, _server, mut peer) = served(Server::builder(protocol, router)).await;
    peer.send(REQUEST, 1, "x").await;
    let error = peer.expect(ERROR).await;
    let text = String::from_utf8_lossy(&error.payload[2..]).into_owned();
    assert!(!text.contains("secret"), "the peer is told: {text}");
}

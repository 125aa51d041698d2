//! The same QUIC over a network in memory, with time paused: what takes minutes takes milliseconds, and repeats.

use crate::support::network::Network;
use crate::support::*;
use listenrain_transports::Quic;
use listenrain_transports::quic::QuicOptions;
use tokio::time::{Instant, advance, sleep};

const DELAY: Duration = Duration::from_millis(10);

fn quic(network: &Network, options: QuicOptions) -> Quic {
    Quic::new(options).unwrap().with_udp(Arc::new(network.clone())).with_seed([7; 32])
}

fn endpoint() -> Endpoint {
    "quic://10.0.0.1:7?cert=selfsigned".parse().unwrap()
}

/// A transport on `network` and two ends of a channel on it, whose generators are gone.
async fn linked_on(network: &Network, options: QuicOptions) -> (Quic, Channel, Channel) {
    let quic = quic(network, options);
    let (mut listener, mut dialer) = at(&quic, &endpoint()).await;
    let (near, far) = connect(&mut *listener, &mut *dialer).await;
    (quic, near, far)
}

/// Echoes a mebibyte over a fresh network; says when which port sent how long a datagram.
fn echo_a_mebibyte(seed: u8) -> Vec<(Duration, u16, usize)> {
    let runtime = paused();
    runtime.block_on(async {
        let network = Network::with_latency(DELAY);
        let quic = Quic::default().with_udp(Arc::new(network.clone())).with_seed([seed; 32]);
        let (mut listener, mut dialer) = at(&quic, &endpoint()).await;
        let (mut near, mut far) = connect(&mut *listener, &mut *dialer).await;
        let echo = async {
            let bytes = read_to_end(&mut *far.read).await.unwrap();
            write_all(&mut *far.write, bytes).await.unwrap();
            shutdown(&mut *far.write).await.unwrap();
        };
        let asking = async {
            write_all(&mut *near.write, pattern(1 << 20)).await.unwrap();
            shutdown(&mut *near.write).await.unwrap();
            assert!(read_to_end(&mut *near.read).await.unwrap() == pattern(1 << 20));
        };
        tokio::join!(echo, asking);
        drop((near, far, listener, dialer));
        while network.sockets() > 0 {
            sleep(DELAY).await;
        }
        network.sent().iter().map(|sent| (sent.at, sent.from.port(), sent.bytes.len())).collect()
    })
}

#[test]
fn one_seed_gives_the_same_datagrams_at_the_same_times() {
    let (first, again) = (echo_a_mebibyte(1), echo_a_mebibyte(1));
    assert!(first.len() > 1000 && first.iter().map(|(.., len)| len).sum::<usize>() > 2 << 20);
    for (index, pair) in first.iter().zip(&again).enumerate() {
        assert_eq!(pair.0, pair.1, "the first difference is at {index}");
    }
    assert_eq!(first.len(), again.len());
    assert_ne!(first, echo_a_mebibyte(2), "another seed skips other packet numbers");
}

#[tokio::test(start_paused = true)]
async fn a_lost_path_is_noticed_within_the_idle_timeout_by_whoever_waits() {
    let network = Network::with_latency(DELAY);
    let options = QuicOptions::default().idle_timeout(Duration::from_secs(5)).keepalive(None);
    let (_quic, mut near, mut far) = linked_on(&network, options).await;
    network.cut(true);
    let begun = Instant::now();
    write_all(&mut *near.write, "into the void".into()).await.unwrap();
    for end in [&mut near, &mut far] {
        assert_eq!(read_error(&mut *end.read).await, ErrorKind::TimedOut);
        assert_eq!(read_error(&mut *end.read).await, ErrorKind::TimedOut, "and it stays so");
        assert_eq!(write_all(&mut *end.write, "x".into()).await.unwrap_err().kind(), ErrorKind::TimedOut);
    }
    assert!((4.9..6.0).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn keepalive_keeps_a_silent_channel_open_and_without_it_nothing_does() {
    for (keepalive, lives) in [(Some(Duration::from_secs(10)), true), (None, false)] {
        let network = Network::with_latency(DELAY);
        let (_quic, mut near, mut far) =
            linked_on(&network, QuicOptions::default().keepalive(keepalive)).await;
        sleep(Duration::from_secs(3600)).await;
        let wrote = write_all(&mut *near.write, "still there".into()).await;
        assert_eq!(wrote.is_ok(), lives);
        if lives {
            assert_eq!(read_exactly(&mut *far.read, 11).await.unwrap(), "still there");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_reaches_the_peer_though_the_path_is_full() {
    // A connection that is closed at once never sends its close while the congestion window is full, nor the reset.
    let network = Network::with_latency(Duration::from_millis(100));
    let (_quic, mut near, mut far) = linked_on(&network, QuicOptions::default()).await;
    let taken = fill(&mut *near.write, 64 << 10, usize::MAX).await;
    assert!(taken > 500_000);
    advance(Duration::from_millis(50)).await;
    let begun = Instant::now();
    near.write.abort();
    drop(near);
    let error = loop {
        match read(&mut *far.read, &mut ReadBuffer::default()).await {
            Ok(count) => assert!(count > 0, "an end that is none"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_delivered_on_a_lossy_path_though_everything_is_dropped_at_once() {
    let network = Network::with_latency(DELAY);
    network.set(|faults| faults.loss = 50);
    let (quic, mut near, mut far) = linked_on(&network, QuicOptions::default()).await;
    write_all(&mut *near.write, pattern(300_000)).await.unwrap();
    drop((near, quic));
    assert!(read_to_end(&mut *far.read).await.unwrap() == pattern(300_000));
    drop(far);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(network.sockets(), 0, "and nothing is left");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanishes_does_not_hold_a_dropped_channel_for_ever() {
    let network = Network::with_latency(DELAY);
    let options = QuicOptions::default().idle_timeout(Duration::from_secs(3600)).keepalive(None);
    let (quic, mut near, far) = linked_on(&network, options).await;
    network.cut(true);
    write_all(&mut *near.write, pattern(10_000)).await.unwrap();
    drop((near, far, quic));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(network.sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_on_both_sides_though_its_path_is_full_when_it_is_dropped() {
    let network = Network::with_latency(Duration::from_millis(100));
    let (quic, mut near, far) = linked_on(&network, QuicOptions::default()).await;
    fill(&mut *near.write, 64 << 10, usize::MAX).await;
    sleep(Duration::from_millis(50)).await;
    drop((near, far, quic));
    sleep(Duration::from_secs(5)).await;
    assert_eq!(network.sockets(), 0, "long before the idle timeout");
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_half_busy_asks_dialers_to_prove_their_address() {
    let network = Network::with_latency(DELAY);
    let quic = quic(&network, QuicOptions::default().handshakes(2));
    let mut listener = quic.listen(&endpoint()).await.unwrap();
    // The first one is in the middle of its handshake, and its datagrams come late; the second one comes before them.
    let mut first = quic.dialer(listener.endpoint()).unwrap();
    let mut second = quic.dialer(listener.endpoint()).unwrap();
    let (first, second) = tokio::join!(first.next(), second.next());
    let (_first, _second) = (first.unwrap(), second.unwrap());
    let answers = |to: u16| {
        let mut sent = network.sent();
        sent.retain(|sent| (sent.from.port(), sent.to.port()) == (7, to));
        sent[0].bytes.len()
    };
    assert!(answers(40_001) >= 1200, "a handshake");
    assert!(answers(40_002) < 200, "a retry");
    for _ in 0..2 {
        listener.next().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_is_free_as_soon_as_nothing_lives_there() {
    let network = Network::with_latency(DELAY);
    let listener = quic(&network, QuicOptions::default()).listen(&endpoint()).await.unwrap();
    drop(listener);
    // Another transport, which cannot take anything over.
    let other = quic(&network, QuicOptions::default());
    let (mut listener, mut dialer) = at(&other, &endpoint()).await;
    let (near, far) = connect(&mut *listener, &mut *dialer).await;
    drop((listener, dialer));
    let third = quic(&network, QuicOptions::default());
    assert_eq!(third.listen(&endpoint()).await.err().unwrap().kind, ErrorKind::AddrInUse);
    drop((near, far));
    sleep(Duration::from_secs(5)).await;
    third.listen(&endpoint()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_keeps_its_end_of_a_lane_costs_the_next_dial_another_connection() {
    let network = Network::with_latency(DELAY);
    let quic = quic(&network, QuicOptions::default().streams(1));
    let (mut listener, mut dialer) = at(&quic, &endpoint()).await;
    let (near, _far) = connect(&mut *listener, &mut *dialer).await;
    let (group, begun) = (near.facts.group, Instant::now());
    drop(near);
    let (near, _far) = connect(&mut *listener, &mut *dialer).await;
    assert_ne!(near.facts.group, group);
    assert!(begun.elapsed() < Duration::from_millis(1200), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dialer_whose_connection_was_closed_as_unused_makes_another() {
    let network = Network::with_latency(DELAY);
    let short = QuicOptions::default().idle_timeout(Duration::from_secs(2));
    let quic = quic(&network, short.keepalive(Some(Duration::from_millis(500))));
    let mut listener = quic.listen(&endpoint()).await.unwrap();
    // It would keep the connection for an hour itself.
    let patient = listener.endpoint().clone().with_option("idle_timeout", "1h");
    let mut dialer = quic.dialer(&patient).unwrap();
    let mut groups = Vec::new();
    for _ in 0..3 {
        let (near, far) = connect(&mut *listener, &mut *dialer).await;
        groups.push(near.facts.group);
        // Used all the time, it stays.
        sleep(Duration::from_secs(10)).await;
        drop((near, far));
        sleep(Duration::from_secs(1)).await;
        let (near, far) = connect(&mut *listener, &mut *dialer).await;
        assert_eq!(groups.last(), Some(&near.facts.group));
        drop((near, far));
        sleep(Duration::from_secs(3)).await;
    }
    assert!(groups[0] != groups[1] && groups[1] != groups[2], "{groups:?}");
}

#[tokio::test(start_paused = true)]
async fn a_listener_whose_socket_failed_is_over() {
    // Broken by a wrapper that takes what a listener's socket reports for something about a peer.
    let network = Network::with_latency(DELAY);
    let mut listener = quic(&network, QuicOptions::default()).listen(&endpoint()).await.unwrap();
    network.fail("10.0.0.1:7".parse().unwrap(), ErrorKind::NetworkDown);
    let next = tokio::time::timeout(Duration::from_secs(60), listener.next());
    let error = next.await.expect("it waits for ever").expect_err("nobody dialled");
    assert!(error.is_final, "{error}");
}

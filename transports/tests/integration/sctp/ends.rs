//! Ends of associations, and the resources that they give back.

use listenrain_transports::sctp::SctpOptions;
use tokio::time::{Instant, sleep, timeout};

use super::packet::{self, ABORT, SHUTDOWN, SHUTDOWN_COMPLETE};
use super::{Linked, both_ends, linked, linked_on, on};
use crate::support::network::Network;
use crate::support::*;

/// Waits until no socket but `sockets` and no task but `tasks` are left; says how long that took.
async fn until_given_back(network: &Network, sockets: usize, tasks_left: usize) -> Duration {
    let start = Instant::now();
    while network.sockets() > sockets || tasks() > tasks_left {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{} sockets, {} tasks",
            network.sockets(),
            tasks()
        );
        sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

fn chunks_of(network: &Network, kind: u8) -> usize {
    let sent = network.sent();
    sent.iter().filter(|sent| packet::parse(&sent.bytes).1.iter().any(|chunk| chunk.0 == kind)).count()
}

#[tokio::test(start_paused = true)]
async fn the_last_channel_delivers_and_then_everything_is_given_back() {
    let before = tasks();
    let Linked { network, mut near, mut far, listener, dialer } = linked(SctpOptions::default()).await;
    write_all(&mut *near.write, pattern(500_000)).await.unwrap();
    drop((near, dialer));
    assert!(read_to_end(&mut *far.read).await.unwrap() == pattern(500_000));
    drop(far);
    let took = until_given_back(&network, 1, before + 1).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!((chunks_of(&network, SHUTDOWN), chunks_of(&network, SHUTDOWN_COMPLETE)), (1, 1));
    assert_eq!(chunks_of(&network, ABORT), 0);
    drop(listener);
    until_given_back(&network, 0, before).await;
}

#[tokio::test(start_paused = true)]
async fn what_arrived_before_the_end_is_read_though_the_association_is_long_gone() {
    let before = tasks();
    let Linked { network, mut near, mut far, listener, dialer } = linked(SctpOptions::default()).await;
    write_all(&mut *near.write, pattern(500_000)).await.unwrap();
    drop((near, dialer));
    until_given_back(&network, 1, before + 1).await;
    drop(listener);
    until_given_back(&network, 0, before).await;
    assert!(read_to_end(&mut *far.read).await.unwrap() == pattern(500_000));
    assert_eq!(write_all(&mut *far.write, "x".into()).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn a_dialer_keeps_its_association_for_a_second() {
    let Linked { network, near, far, mut listener, mut dialer } = linked(SctpOptions::default()).await;
    let group = near.facts.group;
    drop((near, far));
    sleep(Duration::from_millis(900)).await;
    let (near, far) = connect(&mut *listener, &mut *dialer).await;
    assert_eq!(near.facts.group, group);
    drop((near, far));
    sleep(Duration::from_millis(1900)).await;
    assert_eq!(network.sockets(), 1, "only the listener's");
    let (near, _far) = connect(&mut *listener, &mut *dialer).await;
    assert_ne!(near.facts.group, group);
}

#[tokio::test(start_paused = true)]
async fn what_is_on_a_long_way_is_not_given_up() {
    // With two seconds there and back, this takes longer than any end may.
    for is_held in [true, false] {
        let network = Network::new(1);
        network.set(|faults| faults.latency = Duration::from_secs(1));
        let before = tasks();
        let options = SctpOptions::default()
            .connect_timeout(Duration::from_secs(7))
            .send_buffer(4 << 20)
            .recv_buffer(4 << 20);
        let Linked { mut near, mut far, listener, dialer, .. } =
            linked_on(&network, &on(&network, options)).await;
        let start = Instant::now();
        // The dialer has nothing to say, and the listener's last word is queued behind all the rest.
        for (end, size) in [(&mut near, 0), (&mut far, 7 << 19)] {
            write_all(&mut *end.write, pattern(size)).await.unwrap();
            shutdown(&mut *end.write).await.unwrap();
        }
        let mut halves = Some((near.write, far, listener, dialer));
        if !is_held {
            drop(halves.take());
        }
        assert!(read_to_end(&mut *near.read).await.unwrap() == pattern(7 << 19), "held: {is_held}");
        assert!(start.elapsed() > Duration::from_secs(18), "{:?}", start.elapsed());
        drop((halves, near.read));
        until_given_back(&network, 0, before).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_dropped_channel_had_written_may_take_its_time_but_not_for_ever() {
    let network = Network::new(1);
    network.set(|faults| faults.latency = Duration::from_secs(1));
    let before = tasks();
    let Linked { mut near, mut far, listener, dialer, .. } =
        linked_on(&network, &on(&network, SctpOptions::default())).await;
    let start = Instant::now();
    write_all(&mut *near.write, pattern(1 << 20)).await.unwrap();
    drop((near, dialer, listener));
    assert!(read_to_end(&mut *far.read).await.unwrap() == pattern(1 << 20));
    assert!(start.elapsed() > Duration::from_secs(12), "{:?}", start.elapsed());
    drop(far);
    until_given_back(&network, 0, before).await;
    // So slow that it never gets done: the end comes all the same, and is none to the peer.
    network.set(|faults| faults.latency = Duration::from_millis(1));
    // All of it is taken at once.
    let options = SctpOptions::default().send_buffer(4 << 20);
    let Linked { mut near, mut far, listener, dialer, .. } =
        linked_on(&network, &on(&network, options)).await;
    network.set(|faults| (faults.latency, faults.loss) = (Duration::from_millis(400), 900));
    write_all(&mut *near.write, pattern(1 << 20)).await.unwrap();
    drop((near, dialer, listener));
    let start = Instant::now();
    while network.sockets() > 1 {
        assert!(start.elapsed() < Duration::from_secs(130));
        sleep(Duration::from_millis(100)).await;
    }
    network.set(|faults| faults.loss = 0);
    assert!(read_to_end(&mut *far.read).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_gone_cannot_hold_up_the_end() {
    let before = tasks();
    let Linked { network, mut near, far, listener, dialer } = linked(SctpOptions::default()).await;
    network.set(|faults| faults.is_cut = true);
    write_all(&mut *near.write, pattern(1000)).await.unwrap();
    drop((near, far, listener, dialer));
    let took = until_given_back(&network, 0, before).await;
    assert!(took <= Duration::from_secs(11), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_is_dropped_while_its_cookie_is_on_the_way_makes_room_for_the_next() {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().associations(1));
    let (mut listener, mut dialer) = both_ends(&transport).await;
    // A millisecond each: INIT, INIT ACK, COOKIE ECHO.
    let given_up = tokio::time::timeout(Duration::from_micros(3500), dialer.next()).await;
    assert!(given_up.is_err() && chunks_of(&network, packet::COOKIE_ECHO) == 1);
    sleep(Duration::from_millis(1)).await;
    connect(&mut *listener, &mut *dialer).await;
}

#[tokio::test(start_paused = true)]
async fn channels_outlive_their_listener_and_the_next_one_takes_the_socket_over() {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default());
    let Linked { mut near, mut far, listener, mut dialer, .. } = linked_on(&network, &transport).await;
    let endpoint = listener.endpoint().clone();
    drop(listener);
    assert_eq!(network.sockets(), 2);
    let mut again = transport.listen(&endpoint).await.unwrap();
    assert_eq!(network.sockets(), 2);
    assert_eq!(transport.listen(&endpoint).await.err().unwrap().kind, ErrorKind::AddrInUse);
    carries(&mut near, &mut far, "old").await;
    let (mut near, mut far) = connect(&mut *again, &mut *dialer).await;
    carries(&mut near, &mut far, "new").await;
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_ends_takes_no_reader_with_it() {
    let elsewhere = std::thread::spawn(|| {
        let runtime = paused();
        runtime.block_on(linked(SctpOptions::default()))
    });
    let mut linked = elsewhere.join().unwrap();
    for end in [&mut linked.near, &mut linked.far] {
        assert_eq!(read_to_end(&mut *end.read).await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    }
    let error = linked.listener.next().await.unwrap_err();
    assert!(error.is_final);
    assert_eq!(linked.network.sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_listener_whose_socket_failed_says_why_and_gives_no_channel_that_is_lost() {
    // Broken by a queue that goes on giving what waited, and by an error that is only written to the log.
    let network = Network::new(1);
    let (mut listener, mut dialer) = both_ends(&on(&network, SctpOptions::default())).await;
    let mut waiting = dialer.next().await.unwrap();
    write_all(&mut *waiting.write, "x".into()).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    network.fail("10.0.0.2:7000".parse().unwrap(), ErrorKind::ResourceBusy);
    let next = timeout(Duration::from_secs(60), async {
        sleep(Duration::from_millis(100)).await;
        listener.next().await
    });
    let error = next.await.expect("it waits for ever").expect_err("a channel that is lost");
    assert_eq!((error.kind, error.is_final), (ErrorKind::ResourceBusy, true), "{error}");
}

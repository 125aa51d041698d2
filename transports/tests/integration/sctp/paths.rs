//! Bad paths: loss, duplicates and delay below a channel.

use listenrain_transports::sctp::SctpOptions;
use tokio::time::Instant;

use super::{Linked, linked, linked_on, on};
use crate::support::network::{Faults, Network, Sent};
use crate::support::*;

/// A mebibyte both ways at once; says what was sent and how many datagrams were lost.
async fn exchange(seed: u64, faults: Faults) -> (Vec<Sent>, usize) {
    let network = Network::new(seed);
    network.set(|now| *now = faults);
    let Linked { mut near, mut far, .. } = linked_on(&network, &on(&network, SctpOptions::default())).await;
    let bytes = pattern(1 << 20);
    let send = async |end: &mut dyn listenrain::ChannelWrite| {
        write_all(end, bytes.clone()).await.unwrap();
        shutdown(end).await.unwrap();
    };
    let ((), (), there, back) = tokio::join!(
        send(&mut *near.write),
        send(&mut *far.write),
        read_to_end(&mut *far.read),
        read_to_end(&mut *near.read),
    );
    assert!(there.unwrap() == bytes && back.unwrap() == bytes, "seed {seed}");
    (network.sent(), network.lost())
}

#[tokio::test(start_paused = true)]
async fn a_mebibyte_arrives_intact_though_every_tenth_datagram_is_lost() {
    for seed in 0..10 {
        let faults = Faults { loss: 100, twice: 50, late: 100, ..Faults::default() };
        let (_, lost) = exchange(seed, faults).await;
        assert!(lost > 20, "seed {seed}: {lost} lost");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let run = |seed| {
        let runtime = paused();
        let faults = Faults { loss: 50, twice: 50, late: 100, ..Faults::default() };
        runtime.block_on(exchange(seed, faults)).0
    };
    assert!(run(1) == run(1) && run(1) != run(2));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanishes_is_noticed_in_the_time_that_the_options_say() {
    let network = Network::new(1);
    let options = SctpOptions::default().heartbeat(Duration::from_secs(2)).max_retransmits(3);
    for is_writing in [false, true] {
        let Linked { mut near, mut far, .. } = linked_on(&network, &on(&network, options.clone())).await;
        network.set(|faults| faults.is_cut = true);
        let start = Instant::now();
        if is_writing {
            write_all(&mut *near.write, pattern(1000)).await.unwrap();
        }
        for end in [&mut near, &mut far] {
            let error = read_to_end(&mut *end.read).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(error.to_string().contains("8s"), "{error}");
            assert_eq!(
                write_all(&mut *end.write, "late".into()).await.unwrap_err().kind(),
                ErrorKind::TimedOut
            );
        }
        let took = start.elapsed();
        assert!((7_990..8_100).contains(&took.as_millis()), "{took:?}");
        network.set(|faults| faults.is_cut = false);
        drop((near, far));
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_swallows_large_packets_is_an_error_that_names_the_mtu() {
    let network = Network::new(1);
    let options = SctpOptions::default().mtu(Some(8 << 10));
    let Linked { mut near, far: _far, .. } = linked_on(&network, &on(&network, options)).await;
    network.set(|faults| faults.longest = 1500);
    write_all(&mut *near.write, pattern(100_000)).await.unwrap();
    let start = Instant::now();
    let error = read_to_end(&mut *near.read).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("mtu"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(35), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_ends_in_time_costs_nothing_but_time() {
    let Linked { network, mut near, mut far, .. } = linked(SctpOptions::default()).await;
    network.set(|faults| faults.is_cut = true);
    write_all(&mut *near.write, pattern(100_000)).await.unwrap();
    shutdown(&mut *near.write).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    network.set(|faults| faults.is_cut = false);
    let start = Instant::now();
    assert!(read_to_end(&mut *far.read).await.unwrap() == pattern(100_000));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn packets_are_never_larger_than_the_mtu() {
    // The crate below does not count all of its headers; tiny messages show it.
    let network = Network::new(1);
    let options = SctpOptions::default().mtu(Some(600));
    let Linked { mut near, mut far, .. } = linked_on(&network, &on(&network, options)).await;
    let mut bytes = 0;
    for size in (1..40).chain([600, 1000, 10_000]).cycle().take(2000) {
        write_all(&mut *near.write, pattern(size)).await.unwrap();
        bytes += size;
        if bytes > 200_000 {
            read_exactly(&mut *far.read, bytes).await.unwrap();
            bytes = 0;
        }
    }
    let longest = network.sent().iter().map(|sent| sent.bytes.len()).max().unwrap();
    assert!(longest == 600, "{longest}");
}

#[tokio::test(start_paused = true)]
async fn dials_that_begin_together_do_not_ask_again_together() {
    // Dialers that had lost one listener asked the next one in step.
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default());
    network.set(|faults| faults.is_cut = true);
    let dials: Vec<_> = (0..8)
        .map(|_| {
            let mut dialer = transport.dialer(&"sctp://10.0.0.2:7000".parse().unwrap()).unwrap();
            tokio::spawn(async move { dialer.next().await })
        })
        .collect();
    let mut most = 0;
    let mut before = 8;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(network.sent().len(), before);
    for _ in 0..800 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = network.sent().len();
        most = most.max(now - before);
        before = now;
    }
    assert_eq!(before, 16, "each has asked a second time");
    assert!(most <= 4, "{most} within a millisecond");
    dials.iter().for_each(tokio::task::JoinHandle::abort);
}

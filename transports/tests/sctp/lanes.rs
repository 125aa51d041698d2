//! Several channels over one association.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use listenrain::Transport;
use listenrain::buffer::WriteBuffer;
use listenrain_transports::Sctp;
use listenrain_transports::sctp::SctpOptions;
use tokio::time::Instant;

use crate::network::{Network, Seeded};
use crate::support::*;
use crate::{Linked, both_ends, linked, on};

#[tokio::test(start_paused = true)]
async fn further_dials_share_the_association_until_its_lanes_are_taken() {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().lanes(3));
    let (mut listener, mut dialer) = both_ends(&transport).await;
    let mut ends = Vec::new();
    for _ in 0..4 {
        ends.push(connect(&mut *listener, &mut *dialer).await);
    }
    let groups: Vec<_> = ends.iter().map(|(near, far)| (near.facts.group, far.facts.group)).collect();
    assert!(groups[0] == groups[1] && groups[1] == groups[2], "{groups:?}");
    assert!(groups[3].0 != groups[0].0 && groups[3].1 != groups[0].1, "{groups:?}");
    let streams: Vec<_> = ends.iter().map(|(near, _)| near.facts.more["stream"].clone()).collect();
    assert_eq!(streams, ["0", "1", "2", "0"]);
    for (near, far) in &ends {
        assert_eq!((&near.facts.local, &near.facts.peer), (&far.facts.peer, &far.facts.local));
        assert_eq!(near.facts.peer.as_ref(), Some(listener.endpoint()));
    }
    let locals: BTreeSet<_> =
        ends.iter().map(|(near, _)| near.facts.local.as_ref().unwrap().to_string()).collect();
    assert_eq!(locals.len(), ends.len(), "no two channels have the same two ends: {locals:?}");
    for (index, (near, far)) in ends.iter_mut().enumerate() {
        write_all(&mut *near.write, vec![index as u8].into()).await.unwrap();
        assert_eq!(read_exactly(&mut *far.read, 1).await.unwrap(), vec![index as u8]);
    }
    assert_eq!(network.sockets(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_used_again_once_its_lane_is_over() {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().lanes(2));
    let (mut listener, mut dialer) = both_ends(&transport).await;
    let (keep, _kept) = connect(&mut *listener, &mut *dialer).await;
    for round in 0..200u8 {
        let (mut near, mut far) = connect(&mut *listener, &mut *dialer).await;
        assert_eq!(near.facts.group, keep.facts.group, "round {round}");
        write_all(&mut *near.write, vec![round; 3].into()).await.unwrap();
        match round % 4 {
            0 => shutdown(&mut *near.write).await.unwrap(),
            1 => near.write.abort(),
            2 => drop(far.write),
            _ => {}
        }
        drop(near);
        if round % 4 == 0 {
            assert_eq!(read_to_end(&mut *far.read).await.unwrap(), vec![round; 3]);
        }
        drop(far.read);
        // Until both sides have said their last word.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(network.sockets(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_nobody_reads_holds_up_no_other() {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().recv_buffer(64 << 10));
    let (mut listener, mut dialer) = both_ends(&transport).await;
    let (mut stuck, mut unread) = connect(&mut *listener, &mut *dialer).await;
    let mut written = 0;
    loop {
        let taken = fill(&mut *stuck.write, 4 << 10, 1 << 20).await;
        written += taken;
        if taken == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(written, 64 << 10, "the peer's window, to the byte");
    let (mut near, mut far) = connect(&mut *listener, &mut *dialer).await;
    assert_eq!(near.facts.group, stuck.facts.group);
    let start = Instant::now();
    for _ in 0..20 {
        let (written, read) = tokio::join!(
            write_all(&mut *near.write, pattern(100_000)),
            read_exactly(&mut *far.read, 100_000)
        );
        assert!(written.is_ok() && read.unwrap() == pattern(100_000));
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let ((), all) =
        tokio::join!(async { shutdown(&mut *stuck.write).await.unwrap() }, read_to_end(&mut *unread.read));
    assert_eq!(all.unwrap().len(), written);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_was_held_for_an_hour_goes_on_at_once() {
    // Related code stays stuck for ever when the chunk is lost that meets a full buffer.
    for seed in 0..5 {
        let network = Network::new(seed);
        network.set(|faults| faults.loss = 100);
        let options = SctpOptions::default().recv_buffer(100_000);
        let Linked { mut near, mut far, .. } = linked(&on(&network, options)).await;
        let writer = tokio::spawn(async move {
            write_all(&mut *near.write, pattern(1 << 20)).await.unwrap();
            shutdown(&mut *near.write).await.unwrap();
            near
        });
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(!writer.is_finished());
        let start = Instant::now();
        assert!(read_to_end(&mut *far.read).await.unwrap() == pattern(1 << 20));
        assert!(start.elapsed() < Duration::from_secs(60), "seed {seed}: {:?}", start.elapsed());
        writer.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_backlog_refuses_lanes_and_the_association_lives_on() {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().backlog(2));
    let (mut listener, mut dialer) = both_ends(&transport).await;
    let mut near = vec![dialer.next().await.unwrap(), dialer.next().await.unwrap()];
    for _ in 0..3 {
        let error = dialer.next().await.unwrap_err();
        assert_eq!((error.kind, error.is_final), (ErrorKind::ConnectionRefused, false));
    }
    let mut far = listener.next().await.unwrap();
    near.push(dialer.next().await.unwrap());
    assert!(near.iter().all(|channel| channel.facts.group == near[0].facts.group));
    write_all(&mut *near[0].write, "first".into()).await.unwrap();
    assert_eq!(read_exactly(&mut *far.read, 5).await.unwrap(), "first");
}

#[tokio::test(start_paused = true)]
async fn an_association_without_a_listener_takes_no_more_lanes() {
    let network = Network::new(1);
    let Linked { mut near, mut far, listener, mut dialer } =
        linked(&on(&network, SctpOptions::default())).await;
    drop(listener);
    let error = dialer.next().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::ConnectionRefused);
    write_all(&mut *far.write, "alive".into()).await.unwrap();
    assert_eq!(read_exactly(&mut *near.read, 5).await.unwrap(), "alive");
}

#[tokio::test(start_paused = true)]
async fn a_dialer_finds_out_that_its_association_is_lost_and_makes_another() {
    let network = Network::new(1);
    let Linked { mut near, far: _far, listener, mut dialer } =
        linked(&on(&network, SctpOptions::default())).await;
    let group = near.facts.group;
    drop((listener, _far));
    near.write.abort();
    drop(near);
    tokio::time::sleep(Duration::from_secs(20)).await;
    // Another program at the same address, which knows nothing of the association.
    let other = Sctp::default().with_udp(Arc::new(network.clone())).with_entropy(Seeded::new(9));
    let mut listener = other.listen(&"sctp://10.0.0.2:7000".parse().unwrap()).await.unwrap();
    let (near, _far) = connect(&mut *listener, &mut *dialer).await;
    assert_ne!(near.facts.group, group);
}

#[tokio::test(start_paused = true)]
async fn sequence_numbers_wrap_around() {
    // Stream sequence numbers have 16 bits; chunk numbers 32, and are made to begin near their end.
    let network = Network::new(1);
    let entropy = Arc::new(AlmostAround(Seeded::new(3)));
    let transport = Sctp::default().with_udp(Arc::new(network.clone())).with_entropy(entropy);
    let Linked { mut near, mut far, .. } = linked(&transport).await;
    let mut wrapped = false;
    for round in 0..70_000u32 {
        write_all(&mut *near.write, round.to_be_bytes().to_vec().into()).await.unwrap();
        if round % 32 == 31 {
            let bytes = read_exactly(&mut *far.read, 32 * 4).await.unwrap();
            let last = u32::from_be_bytes(bytes[31 * 4..].try_into().unwrap());
            assert_eq!(last, round);
        }
    }
    for sent in network.sent() {
        let (_, chunks) = crate::packet::parse(&sent.bytes);
        for (kind, _, value) in chunks {
            if kind == crate::packet::DATA {
                wrapped |= crate::packet::number(&value, 0) < 1000;
            }
        }
    }
    assert!(wrapped, "no chunk number went around");
}

/// Numbers that are nearly as large as can be.
#[derive(Debug)]
struct AlmostAround(Arc<Seeded>);

impl listenrain_transports::sctp::Entropy for AlmostAround {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        self.0.fill(bytes)?;
        if let [low, high @ ..] = bytes
            && high.len() == 3
        {
            high.fill(0xff);
            *low |= 0x80;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn many_small_writes_do_not_wait_for_acknowledgements_that_take_their_time() {
    // One packet of them is acknowledged after 200 ms unless it asks for more haste, and 64 may be on their way.
    let network = Network::new(1);
    let Linked { mut near, mut far, .. } =
        linked(&on(&network, SctpOptions::default().mtu(Some(60_000)))).await;
    let start = Instant::now();
    let write = async {
        for byte in pattern(10_000) {
            write_all(&mut *near.write, vec![byte].into()).await.unwrap();
        }
    };
    let ((), read) = tokio::join!(write, read_exactly(&mut *far.read, 10_000));
    assert!(read.unwrap() == pattern(10_000));
    // A round trip of 2 ms for each 64 of them.
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_has_read_all_and_left_is_no_reason_for_a_flush_to_fail() {
    let network = Network::new(1);
    let Linked { near: mut reader, mut far, .. } = linked(&on(&network, SctpOptions::default())).await;
    let mut from = WriteBuffer::default();
    from.put_slice(b"all of it");
    while !from.is_empty() {
        poll_fn(|cx| far.write.poll_write(cx, &mut from)).await.unwrap();
    }
    assert_eq!(read_exactly(&mut *reader.read, 9).await.unwrap(), "all of it");
    drop(reader);
    tokio::time::sleep(Duration::from_secs(1)).await;
    poll_fn(|cx| far.write.poll_flush(cx)).await.unwrap();
    let error = write_all(&mut *far.write, "more".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn forks_share_the_association_and_make_as_many_as_their_lanes_need() {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().lanes(3));
    let (mut listener, dialer) = both_ends(&transport).await;
    let mut dialers: Vec<_> = (0..8).map(|_| dialer.fork().unwrap()).collect();
    let accepting = tokio::spawn(async move {
        let mut accepted = Vec::new();
        loop {
            accepted.push(listener.next().await.unwrap());
        }
    });
    let dials = dialers.iter_mut().map(|dialer| dialer.next());
    let channels: Vec<_> =
        futures_util::future::join_all(dials).await.into_iter().map(Result::unwrap).collect();
    let groups: BTreeSet<_> = channels.iter().map(|channel| channel.facts.group).collect();
    assert_eq!((groups.len(), network.sockets()), (3, 1 + 3));
    accepting.abort();
}

#[tokio::test(start_paused = true)]
async fn where_nobody_answers_forks_take_the_time_of_one_dial() {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().connect_timeout(Duration::from_secs(4)));
    network.set(|faults| faults.is_cut = true);
    let dialer = transport.dialer(&"sctp://10.0.0.2:7000".parse().unwrap()).unwrap();
    let mut dialers: Vec<_> = (0..8).map(|_| dialer.fork().unwrap()).collect();
    let begun = Instant::now();
    for dialled in futures_util::future::join_all(dialers.iter_mut().map(|dialer| dialer.next())).await {
        assert_eq!(dialled.unwrap_err().kind, ErrorKind::TimedOut);
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_about_to_be_free_is_waited_for() {
    // Both sides' last words about a lane take a round trip, and another association was made meanwhile.
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().lanes(1));
    let (mut listener, mut dialer) = both_ends(&transport).await;
    let mut ends = connect(&mut *listener, &mut *dialer).await;
    for round in 0..5 {
        let group = ends.0.facts.group;
        drop(ends);
        ends = connect(&mut *listener, &mut *dialer).await;
        assert_eq!(ends.0.facts.group, group, "round {round}");
    }
    assert_eq!(network.sockets(), 2);
}

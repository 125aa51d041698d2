//! Several channels over one association.

use std::future::poll_fn;

use listenrain_transports::Sctp;
use listenrain_transports::sctp::SctpOptions;
use tokio::time::Instant;

use super::{Linked, linked, linked_on, on};
use crate::support::network::{Network, Seeded};
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_writer_that_was_held_for_an_hour_goes_on_at_once() {
    // Related code stays stuck for ever when the chunk is lost that meets a full buffer.
    for seed in 0..5 {
        let network = Network::new(seed);
        network.set(|faults| faults.loss = 100);
        let options = SctpOptions::default().recv_buffer(100_000);
        let Linked { mut near, mut far, .. } = linked_on(&network, &on(&network, options)).await;
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
async fn an_association_without_a_listener_takes_no_more_lanes() {
    let Linked { mut near, mut far, listener, mut dialer, .. } = linked(SctpOptions::default()).await;
    drop(listener);
    assert_eq!(dialer.next().await.unwrap_err().kind, ErrorKind::ConnectionRefused);
    carries(&mut far, &mut near, "alive").await;
}

#[tokio::test(start_paused = true)]
async fn sequence_numbers_wrap_around() {
    // Stream sequence numbers have 16 bits; chunk numbers 32, and are made to begin near their end.
    let network = Network::new(1);
    let entropy = Arc::new(AlmostAround(Seeded::new(3)));
    let transport = Sctp::default().with_udp(Arc::new(network.clone())).with_entropy(entropy);
    let Linked { mut near, mut far, .. } = linked_on(&network, &transport).await;
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
        let (_, chunks) = super::packet::parse(&sent.bytes);
        for (kind, _, value) in chunks {
            if kind == super::packet::DATA {
                wrapped |= super::packet::number(&value, 0) < 1000;
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
    let Linked { mut near, mut far, .. } = linked(SctpOptions::default().mtu(Some(60_000))).await;
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
    let Linked { near: mut reader, mut far, .. } = linked(SctpOptions::default()).await;
    let mut from = WriteBuffer::default();
    from.put_slice(b"all of it");
    while !from.is_empty() {
        poll_fn(|cx| far.write.poll_write(cx, &mut from)).await.unwrap();
    }
    assert_eq!(read_exactly(&mut *reader.read, 9).await.unwrap(), "all of it");
    drop(reader);
    tokio::time::sleep(Duration::from_secs(1)).await;
    poll_fn(|cx| far.write.poll_flush(cx)).await.unwrap();
    assert_eq!(write_all(&mut *far.write, "more".into()).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

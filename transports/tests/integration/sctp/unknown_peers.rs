//! Garbage, and unknown peers that try to end or to begin what is not theirs.

use listenrain_transports::sctp::SctpOptions;
use tokio::time::sleep;

use super::packet::*;
use super::peer::{Hostile, Peer, hostile, listener_address};
use super::{Linked, linked, linked_on, on};
use crate::support::network::Network;
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn garbage_disturbs_nobody() {
    let network = Network::new(5);
    let Linked { mut near, mut far, listener: _listener, .. } =
        linked_on(&network, &on(&network, SctpOptions::default())).await;
    let (here, there) = (network.sent()[0].from, listener_address());
    let bytes = pattern(1 << 20);
    let reading = tokio::spawn(async move { read_to_end(&mut *far.read).await });
    let writing = async {
        write_all(&mut *near.write, bytes.clone()).await.unwrap();
        shutdown(&mut *near.write).await.unwrap();
    };
    let throwing = async {
        let mut random = fastrand::Rng::with_seed(5);
        let mut next = move || random.u64(..);
        for _ in 0..3000 {
            let sent = network.sent();
            let mut bent = sent[next() as usize % sent.len()].bytes.clone();
            match next() % 4 {
                0 => bent = (0..next() % 300).map(|_| next() as u8).collect(),
                1 => bent.truncate(next() as usize % (bent.len() + 1)),
                2 => bent.extend((0..next() % 50).map(|_| next() as u8)),
                _ => {
                    let at = next() as usize % bent.len();
                    bent[at] ^= 1 << (next() % 8);
                }
            }
            for (from, to) in [(here, there), (there, here), ("10.9.9.9:1".parse().unwrap(), there)] {
                network.inject(from, to, &bent);
            }
            if next() % 16 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
    };
    tokio::join!(writing, throwing);
    assert!(reading.await.unwrap().unwrap() == pattern(1 << 20));
}

#[tokio::test(start_paused = true)]
async fn whatever_a_peer_says_the_listener_goes_on() {
    // Well-formed packets with the right tag and checksum, and any content at all.
    let Hostile { network, mut listener, transport, .. } = hostile().await;
    let mut random = fastrand::Rng::with_seed(1);
    let mut next = move || random.u64(..);
    for round in 0..300u16 {
        let mut peer = Peer::new(&network, &format!("10.0.1.{}:{}", round % 250 + 1, 1000 + round));
        peer.tsn = next() as u32 | 1;
        peer.associate().await;
        let _channel = peer.open(&mut *listener).await;
        let template = peer.message(0, 53, b"0123456789");
        for _ in 0..50 {
            let kind = if next() % 3 == 0 { next() as u8 } else { [DATA, SACK][next() as usize % 2] };
            let mut value: Vec<u8> = (0..next() % 60).map(|_| next() as u8).collect();
            if kind == SACK {
                // Near what would be right.
                value.resize(12, 0);
                value[..4].copy_from_slice(&(peer.tsn.wrapping_add(next() as u32 % 5)).to_be_bytes());
                value.extend([0, 1, 0, 2]);
                value[8..12].copy_from_slice(&[0, (next() % 2) as u8, 0, 0]);
            }
            let mut chunks = vec![chunk(kind, next() as u8, &value)];
            if next() % 2 == 0 {
                let mut bent = template.clone();
                let at = 4 + next() as usize % (bent.len() - 4);
                bent[at] = next() as u8;
                chunks.push(bent);
            }
            peer.say(&chunks);
        }
        sleep(Duration::from_millis(5)).await;
    }
    let mut dialer = transport.dialer(&"sctp://10.0.0.2:7000".parse().unwrap()).unwrap();
    let mut near = dialer.next().await.unwrap();
    write_all(&mut *near.write, "still there".into()).await.unwrap();
    loop {
        let mut far = listener.next().await.unwrap();
        if far.facts.peer == near.facts.local {
            break assert_eq!(read_exactly(&mut *far.read, 11).await.unwrap(), "still there");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_know_the_tag_or_has_another_address_cannot_end_anything() {
    let Linked { network, mut near, mut far, .. } = linked(SctpOptions::default()).await;
    write_all(&mut *near.write, "x".into()).await.unwrap();
    read_exactly(&mut *far.read, 1).await.unwrap();
    let sent = network.sent();
    let (here, there) = (sent[0].from, listener_address());
    let tag_of = |from| {
        sent.iter()
            .filter(|sent| sent.from == from)
            .map(|sent| number(&sent.bytes, 4))
            .find(|tag| *tag != 0)
            .unwrap()
    };
    let (listeners, dialers) = (tag_of(here), tag_of(there));
    let endings = [chunk(ABORT, 0, &[]), chunk(SHUTDOWN, 0, &[0; 4]), chunk(SHUTDOWN_ACK, 0, &[])];
    for ending in &endings {
        // From the right address with a wrong tag.
        for tag in [0, 1, listeners ^ 1, dialers] {
            network.inject(here, there, &packet(tag, std::slice::from_ref(ending)));
        }
        // With the right tag, from anywhere else.
        for unknown in ["10.0.0.66:1", "10.0.0.1:1"] {
            network.inject(unknown.parse().unwrap(), there, &packet(listeners, std::slice::from_ref(ending)));
        }
    }
    // A tag is only given back by who does not know it: then it is the one that is sent there.
    for tag in [0, 1, listeners] {
        network.inject(here, there, &packet(tag, &[chunk(ABORT, 1, &[])]));
        network.inject(here, there, &packet(tag, &[chunk(SHUTDOWN_COMPLETE, 1, &[])]));
    }
    sleep(Duration::from_secs(1)).await;
    carries(&mut near, &mut far, "alive").await;
    // And the real one does end it.
    network.inject(here, there, &packet(dialers, &[chunk(ABORT, 1, &[])]));
    assert_eq!(read_to_end(&mut *far.read).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn late_copies_of_the_handshake_neither_end_nor_begin_anything() {
    let Linked { network, mut near, mut far, mut listener, dialer } = linked(SctpOptions::default()).await;
    let replay = |count: usize| {
        for sent in network.sent().into_iter().take(count) {
            network.inject(sent.from, sent.to, &sent.bytes);
        }
    };
    // The crate that moves data would end the association at a late copy of an INIT.
    replay(8);
    sleep(Duration::from_millis(100)).await;
    carries(&mut near, &mut far, "alive").await;
    drop((near, far, dialer));
    sleep(Duration::from_secs(5)).await;
    assert_eq!(network.sockets(), 1);
    // The cookie would still be good, and the request to open a lane stands behind it.
    let count = network.sent().len();
    replay(count);
    sleep(Duration::from_secs(5)).await;
    assert!(once(|cx| listener.next().as_mut().poll(cx)).await.is_none(), "a ghost was accepted");
}

#[tokio::test(start_paused = true)]
async fn a_late_copy_of_the_first_word_ends_nothing_when_nobody_listens_any_more() {
    // A refusal carries the tag that the dialer gave, which is its association's.
    let Linked { network, mut near, mut far, listener, .. } = linked(SctpOptions::default()).await;
    drop(listener);
    let first = network.sent()[0].clone();
    network.inject(first.from, first.to, &first.bytes);
    sleep(Duration::from_secs(1)).await;
    carries(&mut near, &mut far, "alive").await;
}

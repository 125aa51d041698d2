//! Peers that break the rules, and strangers that try to.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use listenrain::{Channel, ChannelGenerator};
use listenrain_transports::Sctp;
use listenrain_transports::sctp::{Loss, SctpOptions, Violation};
use tokio::time::sleep;

use crate::network::{Faults, Network, Raw};
use crate::packet::*;
use crate::support::*;
use crate::{Linked, both_ends, linked, on};

fn listener_address() -> SocketAddr {
    "10.0.0.2:7000".parse().unwrap()
}

/// A peer that says what the test wants.
struct Peer {
    raw: Raw,
    /// What it has to put on its packets, and what it expects.
    tag: u32,
    own_tag: u32,
    tsn: u32,
    sequence: u16,
    /// The last chunk that it was sent.
    heard: u32,
}

impl Peer {
    fn new(network: &Network, at: &str) -> Self {
        let raw = network.raw(at.parse().unwrap());
        Self { raw, tag: 0, own_tag: 77, tsn: 1, sequence: 0, heard: 0 }
    }

    fn init(&self) -> Vec<u8> {
        let mut value = self.own_tag.to_be_bytes().to_vec();
        value.extend((1u32 << 20).to_be_bytes());
        value.extend([0, 9, 0, 9]);
        value.extend(self.tsn.to_be_bytes());
        packet(0, &[chunk(INIT, 0, &value)])
    }

    fn say(&self, chunks: &[Vec<u8>]) {
        self.raw.send(listener_address(), &packet(self.tag, chunks));
    }

    /// The next chunk of `kind`.
    async fn hear(&self, kind: u8) -> (u8, Vec<u8>) {
        loop {
            let bytes = self.raw.receive().await;
            let (tag, chunks) = parse(&bytes);
            let found = chunks.into_iter().find(|chunk| chunk.0 == kind);
            if let Some((_, flags, value)) = found.filter(|_| tag == self.own_tag) {
                return (flags, value);
            }
        }
    }

    async fn cookie(&mut self) -> Vec<u8> {
        self.raw.send(listener_address(), &self.init());
        let (_, value) = self.hear(INIT_ACK).await;
        self.tag = number(&value, 0);
        assert_eq!(value[16..18], [0, 7], "the first parameter is the cookie");
        let len = usize::from(u16::from_be_bytes([value[18], value[19]]));
        value[20..16 + len].to_vec()
    }

    async fn associate(&mut self) {
        let cookie = self.cookie().await;
        self.say(&[chunk(COOKIE_ECHO, 0, &cookie)]);
        self.hear(COOKIE_ACK).await;
    }

    fn message(&mut self, stream: u16, ppid: u32, payload: &[u8]) -> Vec<u8> {
        let bytes = data(self.tsn, stream, self.sequence, ppid, payload);
        (self.tsn, self.sequence) = (self.tsn + 1, self.sequence + 1);
        bytes
    }

    fn send(&mut self, stream: u16, ppid: u32, payload: &[u8]) {
        let message = self.message(stream, ppid, payload);
        self.say(&[message]);
    }

    /// Opens a lane on stream 0 and gives the other end of it.
    async fn open(&mut self, listener: &mut dyn ChannelGenerator) -> Channel {
        self.send(0, 50, &[1, 0, 1, 0, 0]);
        let (_, value) = self.hear(DATA).await;
        assert_eq!(value[12..], [2, 0, 0, 0x27, 0x10], "OPENED with a window of 10,000");
        self.heard = number(&value, 0);
        listener.next().await.unwrap()
    }
}

async fn hostile(network: &Network) -> (Peer, Box<dyn ChannelGenerator>, Sctp) {
    let options = SctpOptions::default().recv_buffer(10_000);
    let transport = on(network, options);
    let (listener, _) = both_ends(&transport).await;
    (Peer::new(network, "10.0.0.9:9000"), listener, transport)
}

/// What a read of `channel` fails with, unless the peer had ended its writing before.
async fn violation(channel: &mut Channel) -> Option<Violation> {
    let error = read_to_end(&mut *channel.read).await.err()?;
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let loss = error.get_ref().unwrap().downcast_ref::<Loss>().unwrap();
    match loss {
        Loss::Violation(violation) => Some(*violation),
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_made_by_hand_can_use_a_lane() {
    // What the other cases build on: without faults of its own it is served.
    let network = Network::new(1);
    let (mut peer, mut listener, _) = hostile(&network).await;
    peer.associate().await;
    let mut channel = peer.open(&mut *listener).await;
    peer.send(0, 53, b"question");
    assert_eq!(read_exactly(&mut *channel.read, 8).await.unwrap(), "question");
    write_all(&mut *channel.write, "answer".into()).await.unwrap();
    let (_, value) = peer.hear(DATA).await;
    assert_eq!((&value[8..12], &value[12..]), (&[0, 0, 0, 53][..], &b"answer"[..]));
    peer.send(0, 50, &[4]);
    assert_eq!(read(&mut *channel.read, &mut Default::default()).await.unwrap(), 0);
}

/// What a peer says after it has opened lane 0, and what it is told that it did.
type Crime = fn(&mut Peer) -> Violation;

#[tokio::test(start_paused = true)]
async fn whoever_breaks_the_rules_is_aborted_and_its_channels_say_why() {
    let crimes: &[Crime] = &[
        |peer| {
            peer.send(0, 53, &[0; 1000]);
            peer.send(0, 53, &[0; 9001]);
            Violation::Overrun { stream: 0, bytes: 9001, credit: 9000 }
        },
        |peer| {
            peer.send(0, 51, b"text");
            Violation::UnknownProtocol { stream: 0, ppid: 51 }
        },
        |peer| {
            peer.send(0, 50, &[9]);
            Violation::UnknownControl { kind: 9 }
        },
        |peer| {
            peer.send(0, 50, &[3, 1]);
            Violation::Malformed { kind: 3, len: 2 }
        },
        |peer| {
            peer.send(0, 50, &[0; 100]);
            Violation::Malformed { kind: 0, len: 100 }
        },
        |peer| {
            peer.send(0, 50, &[3, 0xff, 0xff, 0xff, 0xff]);
            Violation::Credit { stream: 0, bytes: u32::MAX, credit: 0x0001_0000 }
        },
        |peer| {
            peer.send(0, 50, &[4]);
            peer.send(0, 53, b"late");
            Violation::OutOfTurn { what: "DATA", stream: 0 }
        },
        |peer| {
            peer.send(0, 50, &[1, 0, 0, 0, 1]);
            Violation::OutOfTurn { what: "OPEN", stream: 0 }
        },
        |peer| {
            peer.send(0, 50, &[2, 0, 0, 0, 1]);
            Violation::OutOfTurn { what: "OPENED", stream: 0 }
        },
        |peer| {
            peer.send(0, 50, &[7]);
            Violation::OutOfTurn { what: "CLOSED", stream: 0 }
        },
        |peer| {
            peer.sequence = 0;
            peer.send(3, 53, b"nowhere");
            Violation::NoLane { what: "DATA", stream: 3 }
        },
        |peer| {
            peer.sequence = 0;
            peer.send(9, 53, b"nowhere");
            Violation::Stream { stream: 9, streams: 9 }
        },
        |peer| {
            peer.send(0, 53, b"");
            Violation::Data { len: 0, flags: 3 }
        },
        |peer| {
            let mut message = peer.message(0, 53, b"unordered");
            message[1] |= 4;
            peer.say(&[message]);
            Violation::Data { len: 9, flags: 7 }
        },
        |peer| {
            let mut message = peer.message(0, 53, b"crumb");
            message[1] = 2;
            peer.say(&[message]);
            Violation::Data { len: 5, flags: 2 }
        },
        |peer| {
            // So many were never sent.
            let mut value = (peer.heard + 5).to_be_bytes().to_vec();
            value.extend([0, 1, 0, 0, 0, 0, 0, 0]);
            peer.say(&[chunk(SACK, 0, &value)]);
            Violation::Transfer("the peer contradicts itself, or a message is too long")
        },
    ];
    for (index, crime) in crimes.iter().enumerate() {
        let network = Network::new(1);
        let (mut peer, mut listener, _) = hostile(&network).await;
        peer.associate().await;
        let mut channel = peer.open(&mut *listener).await;
        let expected = crime(&mut peer);
        match violation(&mut channel).await {
            Some(seen) => assert_eq!(seen, expected, "crime {index}"),
            None => assert_eq!(index, 6, "an end that was no end"),
        }
        let (_, cause) = peer.hear(ABORT).await;
        assert_eq!(cause[..2], [0, 13], "a protocol violation");
        let why = String::from_utf8(cause[4..].to_vec()).unwrap();
        assert!(why.contains(&expected.to_string()), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_disturbs_nobody() {
    let network = Network::new(5);
    let Linked { mut near, mut far, listener: _listener, .. } =
        linked(&on(&network, SctpOptions::default())).await;
    let (here, there) = (network.sent()[0].from, listener_address());
    let bytes = pattern(1 << 20);
    let reading = tokio::spawn(async move { read_to_end(&mut *far.read).await });
    let writing = async {
        write_all(&mut *near.write, bytes.clone()).await.unwrap();
        shutdown(&mut *near.write).await.unwrap();
    };
    let throwing = async {
        let mut random = 0x1234_5678_9abc_def1u64;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
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
    let network = Network::new(1);
    let (_, mut listener, transport) = hostile(&network).await;
    let mut random = 0x0dd0_feed_beef_cafeu64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
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
    let mut dialer =
        listenrain::Transport::dialer(&transport, &"sctp://10.0.0.2:7000".parse().unwrap()).unwrap();
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
    let network = Network::new(1);
    let Linked { mut near, mut far, .. } = linked(&on(&network, SctpOptions::default())).await;
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
        for stranger in ["10.0.0.66:1", "10.0.0.1:1"] {
            network.inject(
                stranger.parse().unwrap(),
                there,
                &packet(listeners, std::slice::from_ref(ending)),
            );
        }
    }
    // A tag is only given back by who does not know it: then it is the one that is sent there.
    for tag in [0, 1, listeners] {
        network.inject(here, there, &packet(tag, &[chunk(ABORT, 1, &[])]));
        network.inject(here, there, &packet(tag, &[chunk(SHUTDOWN_COMPLETE, 1, &[])]));
    }
    sleep(Duration::from_secs(1)).await;
    write_all(&mut *near.write, "alive".into()).await.unwrap();
    assert_eq!(read_exactly(&mut *far.read, 5).await.unwrap(), "alive");
    // And the real one does end it.
    network.inject(here, there, &packet(dialers, &[chunk(ABORT, 1, &[])]));
    assert_eq!(read_to_end(&mut *far.read).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn late_copies_of_the_handshake_neither_end_nor_begin_anything() {
    let network = Network::new(1);
    let Linked { mut near, mut far, mut listener, dialer } =
        linked(&on(&network, SctpOptions::default())).await;
    let replay = |count: usize| {
        for sent in network.sent().into_iter().take(count) {
            network.inject(sent.from, sent.to, &sent.bytes);
        }
    };
    // The crate that moves data would end the association at a late copy of an INIT.
    replay(8);
    sleep(Duration::from_millis(100)).await;
    write_all(&mut *near.write, "alive".into()).await.unwrap();
    assert_eq!(read_exactly(&mut *far.read, 5).await.unwrap(), "alive");
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
async fn any_number_of_half_open_associations_takes_up_nothing() {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().associations(1));
    let (mut listener, mut dialer) = both_ends(&transport).await;
    let peer = Peer::new(&network, "10.0.0.9:9000");
    for host in 0..=255u8 {
        for port in 1..20u16 {
            let from = SocketAddr::from(([10, 1, 2, host], port));
            network.inject(from, listener_address(), &peer.init());
        }
    }
    let (mut near, mut far) = connect(&mut *listener, &mut *dialer).await;
    write_all(&mut *near.write, "in".into()).await.unwrap();
    assert_eq!(read_exactly(&mut *far.read, 2).await.unwrap(), "in");
    // And the limit holds for those that are not half open.
    let mut second =
        listenrain::Transport::dialer(&transport, &"sctp://10.0.0.2:7000".parse().unwrap()).unwrap();
    assert_eq!(second.next().await.unwrap_err().kind, ErrorKind::ConnectionRefused);
    drop((near, far, dialer));
    sleep(Duration::from_secs(2)).await;
    connect(&mut *listener, &mut *second).await;
}

#[tokio::test(start_paused = true)]
async fn a_stale_cookie_or_one_of_another_peer_begins_nothing() {
    let network = Network::new(1);
    let (mut peer, mut listener, _) = hostile(&network).await;
    let cookie = peer.cookie().await;
    let mut thief = Peer::new(&network, "10.0.0.10:9000");
    thief.tag = peer.tag;
    thief.say(&[chunk(COOKIE_ECHO, 0, &cookie)]);
    sleep(Duration::from_secs(61)).await;
    peer.own_tag = peer.tag;
    peer.say(&[chunk(COOKIE_ECHO, 0, &cookie)]);
    let (flags, _) = peer.hear(ABORT).await;
    assert_eq!(flags, 1, "the tag is given back");
    peer.own_tag = 77;
    peer.associate().await;
    peer.open(&mut *listener).await;
}

#[tokio::test(start_paused = true)]
async fn an_association_without_a_lane_is_ended() {
    let network = Network::new(1);
    let (mut peer, _listener, _) = hostile(&network).await;
    peer.associate().await;
    let start = tokio::time::Instant::now();
    peer.hear(SHUTDOWN).await;
    assert_eq!(start.elapsed().as_secs(), 10);
    peer.say(&[chunk(SHUTDOWN_ACK, 0, &[])]);
    peer.hear(SHUTDOWN_COMPLETE).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_begins_anew_resets_what_it_had() {
    let network = Network::new(1);
    let (mut peer, mut listener, _) = hostile(&network).await;
    peer.associate().await;
    let mut old = peer.open(&mut *listener).await;
    (peer.own_tag, peer.tsn, peer.sequence) = (78, 1, 0);
    peer.associate().await;
    let mut new = peer.open(&mut *listener).await;
    assert_eq!(read_to_end(&mut *old.read).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    peer.send(0, 53, b"new");
    assert_eq!(read_exactly(&mut *new.read, 3).await.unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_shuts_down_gets_what_was_written_and_its_lanes_are_reset() {
    let network = Network::new(1);
    let (mut peer, mut listener, _) = hostile(&network).await;
    peer.associate().await;
    let mut channel = peer.open(&mut *listener).await;
    write_all(&mut *channel.write, "last words".into()).await.unwrap();
    let (_, value) = peer.hear(DATA).await;
    assert_eq!(value[12..], *b"last words");
    peer.say(&[chunk(SHUTDOWN, 0, &value[..4])]);
    peer.hear(SHUTDOWN_ACK).await;
    assert_eq!(read_to_end(&mut *channel.read).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    peer.say(&[chunk(SHUTDOWN_COMPLETE, 0, &[])]);
    sleep(Duration::from_secs(1)).await;
    peer.own_tag = peer.tag;
    peer.send(0, 53, b"anybody?");
    peer.hear(ABORT).await;
}

#[tokio::test(start_paused = true)]
async fn chunks_that_are_far_ahead_or_never_complete_are_bounded() {
    let network = Network::new(1);
    let (mut peer, mut listener, _) = hostile(&network).await;
    peer.associate().await;
    let mut channel = peer.open(&mut *listener).await;
    sleep(Duration::from_millis(300)).await;
    let first = peer.tsn;
    // The first one is missing, so none of the others can be delivered.
    for ahead in 1..20_000 {
        let message = data(first.wrapping_add(ahead), 0, 1 + ahead as u16, 53, b"x");
        peer.say(&[message]);
        if ahead % 512 == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    sleep(Duration::from_secs(1)).await;
    let farthest = network
        .sent()
        .iter()
        .filter(|sent| sent.from == listener_address())
        .flat_map(|sent| parse(&sent.bytes).1)
        .filter(|(kind, _, value)| *kind == SACK && value[8..10] != [0, 0])
        .map(|(_, _, value)| u16::from_be_bytes([value[14], value[15]]))
        .max()
        .unwrap();
    assert!(farthest <= 4096, "{farthest}");
    // And it goes on once the first one comes.
    peer.say(&[data(first, 0, 1, 53, b"x")]);
    assert_eq!(read(&mut *channel.read, &mut Default::default()).await.unwrap(), usize::from(farthest));
    network.set(|faults| *faults = Faults::default());
}

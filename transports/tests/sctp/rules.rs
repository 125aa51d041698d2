//! Protocol violations.

use std::io::ErrorKind;

use listenrain::Channel;
use listenrain_transports::sctp::{Loss, Violation};

use crate::network::Network;
use crate::packet::*;
use crate::peer::{Peer, hostile};
use crate::support::*;

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

//! Protocol violations.

use listenrain_transports::sctp::{Loss, Violation};

use super::packet::*;
use super::peer::{Hostile, Peer, hostile};
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
    let Hostile { mut peer, mut listener, .. } = hostile().await;
    let mut channel = peer.open(&mut *listener).await;
    peer.send(0, 53, b"question");
    assert_eq!(read_exactly(&mut *channel.read, 8).await.unwrap(), "question");
    write_all(&mut *channel.write, "answer".into()).await.unwrap();
    let (_, value) = peer.hear(DATA).await;
    assert_eq!((&value[8..12], &value[12..]), (&[0, 0, 0, 53][..], &b"answer"[..]));
    peer.send(0, 50, &[4]);
    assert_eq!(read(&mut *channel.read, &mut Default::default()).await.unwrap(), 0);
}

/// What a peer says on which stream, by which payload protocol, with which flags.
type Said = (u16, u32, u8, &'static [u8]);

/// What a peer says after it has opened lane 0, and what it is told that it did.
const CRIMES: [(&[Said], Violation); 15] = [
    (
        &[(0, 53, 3, &[0; 1000]), (0, 53, 3, &[0; 9001])],
        Violation::Overrun { stream: 0, bytes: 9001, credit: 9000 },
    ),
    (&[(0, 51, 3, b"text")], Violation::UnknownProtocol { stream: 0, ppid: 51 }),
    (&[(0, 50, 3, &[9])], Violation::UnknownControl { kind: 9 }),
    (&[(0, 50, 3, &[3, 1])], Violation::Malformed { kind: 3, len: 2 }),
    (&[(0, 50, 3, &[0; 100])], Violation::Malformed { kind: 0, len: 100 }),
    (
        &[(0, 50, 3, &[3, 255, 255, 255, 255])],
        Violation::Credit { stream: 0, bytes: u32::MAX, credit: 0x0001_0000 },
    ),
    (&[(0, 50, 3, &[4]), (0, 53, 3, b"late")], Violation::OutOfTurn { what: "DATA", stream: 0 }),
    (&[(0, 50, 3, &[1, 0, 0, 0, 1])], Violation::OutOfTurn { what: "OPEN", stream: 0 }),
    (&[(0, 50, 3, &[2, 0, 0, 0, 1])], Violation::OutOfTurn { what: "OPENED", stream: 0 }),
    (&[(0, 50, 3, &[7])], Violation::OutOfTurn { what: "CLOSED", stream: 0 }),
    (&[(3, 53, 3, b"nowhere")], Violation::NoLane { what: "DATA", stream: 3 }),
    (&[(9, 53, 3, b"nowhere")], Violation::Stream { stream: 9, streams: 9 }),
    (&[(0, 53, 3, b"")], Violation::Data { len: 0, flags: 3 }),
    (&[(0, 53, 7, b"unordered")], Violation::Data { len: 9, flags: 7 }),
    (&[(0, 53, 2, b"crumb")], Violation::Data { len: 5, flags: 2 }),
];

#[tokio::test(start_paused = true)]
async fn whoever_breaks_the_rules_is_aborted_and_its_channels_say_why() {
    for (said, expected) in CRIMES {
        is_aborted_for(expected, |peer| {
            for (stream, ppid, flags, payload) in said {
                if *stream != 0 {
                    peer.sequence = 0;
                }
                let mut message = peer.message(*stream, *ppid, payload);
                message[1] = *flags;
                peer.say(&[message]);
            }
        })
        .await;
    }
    // An acknowledgement of what was never sent.
    is_aborted_for(Violation::Transfer("the peer contradicts itself, or a message is too long"), |peer| {
        let mut value = (peer.heard + 5).to_be_bytes().to_vec();
        value.extend([0, 1, 0, 0, 0, 0, 0, 0]);
        peer.say(&[chunk(SACK, 0, &value)]);
    })
    .await;
}

async fn is_aborted_for(expected: Violation, crime: impl FnOnce(&mut Peer)) {
    let Hostile { mut peer, mut listener, .. } = hostile().await;
    let mut channel = peer.open(&mut *listener).await;
    crime(&mut peer);
    match violation(&mut channel).await {
        Some(seen) => assert_eq!(seen, expected),
        None => {
            assert_eq!(expected, Violation::OutOfTurn { what: "DATA", stream: 0 }, "an end that was no end")
        }
    }
    let (_, cause) = peer.hear(ABORT).await;
    assert_eq!(cause[..2], [0, 13], "a protocol violation");
    let why = String::from_utf8(cause[4..].to_vec()).unwrap();
    assert!(why.contains(&expected.to_string()), "{why}");
}

//! Transports broken in ways that show only in calls and redialing, or in promises of one transport alone.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, Decoded, Kind, NativePackets, Packet, PacketCodec};
use listenrain_simulation::faults::{Layer, Side, with_read};
use listenrain_simulation::registry::subject;
use tokio::task::unconstrained;
use tokio::time::sleep;

use super::fixture::{Fixture, fails};
use crate::hooks::{
    Generators, Halves, Polled, Upon, changed_channels, deliver, lock, read_piece, upon_transport,
};

pub(crate) const FIXTURES: &[Fixture] = &[
    // A request is lost while a hundred others are unanswered.
    fails("forgets-beyond-a-hundred", "G01", "in flight, by packet: call 1: no reply", || {
        let halves = packets(0_usize, |unanswered, packet, onward| {
            match packet.kind {
                Kind::Request if *unanswered == 100 => return,
                Kind::Request => *unanswered += 1,
                Kind::Reply | Kind::Error | Kind::Refused => *unanswered = unanswered.saturating_sub(1),
                _ => {}
            }
            onward.push(packet);
        });
        upon_transport(subject("tcp").transport().clone(), halves)
    }),
    // A reply gets the id of the oldest unanswered request.
    fails("believes-in-order", "G02", "by packet: call 1 was given what belongs to Some(25)", || {
        let halves = packets(VecDeque::new(), |unanswered, mut packet, onward| {
            match packet.kind {
                Kind::Request => unanswered.push_back(packet.id),
                Kind::Reply => packet.id = unanswered.pop_front().unwrap_or(packet.id),
                _ => {}
            }
            onward.push(packet);
        });
        upon_transport(subject("tcp").transport().clone(), halves)
    }),
    // Reading waits for ever where an error is, and flushing hides it.
    fails("hears-no-reset", "G10", "by the server: the end of every call took longer than 3 s", || {
        Halves::each(<()>::default)
            .read(|(), below, cx, into| match below.poll_read(cx, into) {
                Poll::Ready(Err(_)) => Poll::Pending,
                polled => polled,
            })
            .flush(|(), below, cx| below.poll_flush(cx).map(|_| Ok(())))
            .subject()
    }),
    // On the first channel after a dial that failed no byte is ever read.
    fails("deaf-after-a-refusal", "G11", "there was no listener: call 9: no reply", || {
        Generators::new(AtomicBool::new(false))
            .channel(|was_refused, side, channel| {
                if side == Side::Dialer && was_refused.swap(false, Ordering::AcqRel) {
                    return Halves::each(<()>::default)
                        .read(|(), _, _, _| Poll::Pending)
                        .channel(side, channel);
                }
                channel
            })
            .next(|was_refused, side, below| {
                Box::pin(async move {
                    below.next().await.inspect_err(|_| {
                        was_refused.fetch_or(side == Side::Dialer, Ordering::AcqRel);
                    })
                })
            })
            .subject()
    }),
    // Each request arrives twice.
    fails("says-everything-twice", "G11", "not executed once: [1, 2, 3,", || {
        packets((), |(), packet, onward| {
            if packet.kind == Kind::Request {
                onward.push(packet.clone());
            }
            onward.push(packet);
        })
        .subject()
    }),
    // A dial is refused after a second only.
    fails("refuses-slowly", "H04", "waiting for 10 dials took longer than 3 s", || {
        let slow = Generators::new(()).next(|(), side, below| {
            Box::pin(async move {
                let next = below.next().await;
                if side == Side::Dialer && next.is_err() {
                    sleep(Duration::from_secs(1)).await;
                }
                next
            })
        });
        upon_transport(subject("tcp").transport().clone(), slow)
    }),
    // The dial after six refusals makes two channels.
    fails("dials-twice-after-a-storm", "H05", "2 channels were accepted, expected 1", || {
        let twice = Generators::new(AtomicUsize::new(0)).next(|refusals, side, below| {
            Box::pin(async move {
                let next = below.next().await;
                if side == Side::Listener {
                    return next;
                }
                let refused = if next.is_ok() { refusals.swap(0, Ordering::AcqRel) } else { 0 };
                refusals.fetch_add(usize::from(next.is_err()), Ordering::AcqRel);
                if refused >= 6 {
                    let _unused = next;
                    return below.next().await;
                }
                next
            })
        });
        upon_transport(subject("tcp").transport().clone(), twice)
    }),
    // A task that never has to wait never gives way.
    fails("never-yields", "I15", "another task got 1 turns while", || {
        Halves::each(<()>::default)
            .read(|(), below, cx, into| {
                pin!(unconstrained(std::future::poll_fn(|cx| below.poll_read(cx, into)))).poll(cx)
            })
            .write(|(), below, cx, from| {
                pin!(unconstrained(std::future::poll_fn(|cx| below.poll_write(cx, from)))).poll(cx)
            })
            .subject()
    }),
    // When one channel is aborted all are reset.
    fails("one-fate", "I16", "beside others that have ended: an accepted end: reading failed", || {
        let halves = Halves::all(false)
            .read(|aborted, below, cx, into| match *aborted {
                true => Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
                false => below.poll_read(cx, into),
            })
            .abort(|aborted, below| {
                *aborted = true;
                below.abort();
            });
        upon_transport(subject("quic").transport().clone(), halves)
    }),
    // A dial begins with 0-RTT data.
    fails("sends-early-data", "I20", "sent data before it had verified its listener (0-RTT)", || {
        /// A long header of that kind, without ids, and one byte.
        const EARLY: [u8; 9] = [0xd0, 0, 0, 0, 1, 0, 0, 1, 0];
        let early = Generators::new(()).next(|(), side, below| {
            if side == Side::Dialer {
                // Whether it arrives is seen by the case.
                let _ = UdpSocket::bind(("127.0.0.1", 0))
                    .and_then(|socket| socket.send_to(&EARLY, below.endpoint().address()));
            }
            below.next()
        });
        upon_transport(subject("quic").transport().clone(), early)
    }),
];

/// What becomes of native packets on their way to their reader: `pass` appends to its last argument what goes on.
fn packets<S: Send + 'static>(state: S, pass: fn(&mut S, Packet, &mut Vec<Packet>)) -> impl Layer {
    let (state, codec) = (Arc::new(Mutex::new(state)), Arc::new(NativePackets::default()));
    changed_channels(move |_, channel| {
        let (state, codec, mut input) = (state.clone(), codec.clone(), ReadBuffer::default());
        let read = move |below: &mut dyn ChannelRead,
                         cx: &mut Context<'_>,
                         into: &mut ReadBuffer|
              -> Polled<usize> {
            loop {
                let piece = ready!(read_piece(below, cx))?;
                if piece.is_empty() {
                    return deliver(input.take(input.len()), into);
                }
                input.push(piece);
                let (mut onward, mut output) = (Vec::new(), WriteBuffer::default());
                while let Ok(Decoded::Packet(packet)) = codec.decode(&mut input) {
                    pass(&mut lock(&state), packet, &mut onward);
                }
                for packet in &onward {
                    codec.encode(packet, &mut output).map_err(io::Error::other)?;
                }
                if !output.is_empty() {
                    return deliver(output.copy_to_bytes(output.len()), into);
                }
            }
        };
        with_read(channel, read)
    })
}

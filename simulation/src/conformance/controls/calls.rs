//! Broken in what becomes of requests and replies.

use std::collections::{HashSet, VecDeque};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{BoxFuture, Channel, ChannelGenerator, ChannelRead, ChannelWrite, NextError};
use tokio::time::{Instant, Sleep, sleep};

use super::Control;
use super::flaws::{ReadFlaw, WriteFlaw, flawed_read, flawed_write, with_channels, with_layer, with_reads};
use super::packets::{CANCEL, ERROR, PacketFlaw, Passing, REPLY, REQUEST, with_packets};
use crate::layer::{Layer, Side};

pub(super) const CONTROLS: &[Control] = &[
    Control::new(
        "forgets-beyond-a-hundred",
        "G01",
        "a request is lost while a hundred others are unanswered",
        || with_packets(forgets_beyond_a_hundred()),
    )
    .fails("125 calls in flight, by packet: call 1: a call ended without its reply: no reply"),
    Control::new("believes-in-order", "G02", "a reply gets the id of the oldest unanswered request", || {
        with_packets(believes_in_order())
    })
    .fails("by packet: call 1 was given what belongs to Some(25)"),
    Control::new("resets-on-a-repetition", "G03", "a reply that comes twice is a reset", || {
        with_packets(resets_on_a_repetition())
    })
    .fails("link lost, request sent: maybe: channel failed: connection reset"),
    Control::new(
        "revives-late-replies",
        "G04",
        "the reply to a request that was taken back gets the id of the newest one",
        || with_packets(revives_late_replies()),
    )
    .fails("after call 0 had timed out: call 1 was given what belongs to Some(0)"),
    Control::new("resets-on-an-unknown-id", "G05", "an answer to no request is a reset", || {
        with_packets(resets_on_an_unknown_id())
    })
    .fails("a packet of kind 4 was due, and there was None"),
    Control::new("swallows-cancels", "G06", "a server is not told that a request is taken back", || {
        with_packets(swallows_cancels)
    })
    .fails("dropping the handler of a call that was taken back took longer than 3 s"),
    Control::new("gives-up-in-silence", "G07", "a read fails when nothing comes for 200 ms", || {
        with_reads(GivesUpInSilence::default)
    })
    .fails("cause: Io(Kind(TimedOut)) }), expected Timeout"),
    Control::new(
        "takes-strict-turns",
        "G08",
        "an accepted end reads on only when it has written since it last read",
        || {
            with_channels(|side, channel| {
                let turns = StrictTurns::default();
                if side == Side::Dialer {
                    channel
                } else {
                    flawed_write(flawed_read(channel, turns.clone()), turns)
                }
            })
        },
    )
    .fails("beside calls that wait: call 6: a call ended without its reply: no reply"),
    Control::new("resets-on-an-error", "G09", "an answer that is an error is a reset", || {
        with_packets(resets_on_an_error)
    })
    .fails("whose handlers panic, ended with Err(Lost { sent: Maybe, cause: Io(Kind(ConnectionReset)) })"),
    Control::new(
        "hears-no-reset",
        "G10",
        "reading waits for ever where an error is, and flushing hides it",
        || with_channels(|_, channel| flawed_write(flawed_read(channel, HearsNoReset), HearsNoReset)),
    )
    .fails("aborted by the server: the end of every call took longer than 3 s"),
    Control::new(
        "deaf-after-a-refusal",
        "G11",
        "on the first channel after a dial that failed no byte is ever read",
        || with_layer(DeafAfterARefusal::default()),
    )
    .fails("made while nobody listened: call 9: a call ended without its reply: no reply"),
    Control::new("says-everything-twice", "G11", "each request arrives twice", || {
        with_packets(says_everything_twice)
    })
    .fails("not executed once: [1, 2, 3,"),
    Control::new(
        "replays-on-reconnect",
        "G12",
        "before the first request of a channel comes the last one of the channel before",
        || with_packets(replays_on_reconnect()),
    )
    .fails("Answered after a cut at 1, was executed 2 times"),
    Control::new("finishes-a-cut-packet", "G13", "what is missing of a packet at the end is zeros", || {
        with_packets(FinishesACutPacket)
    })
    .fails("was not sent, it says, and was executed (cut after"),
];

fn reset() -> io::Result<()> {
    Err(ErrorKind::ConnectionReset.into())
}

fn forgets_beyond_a_hundred() -> impl PacketFlaw {
    let mut unanswered = 0_usize;
    move |packet: Passing, onward: &mut BytesMut| {
        if packet.kind() == REQUEST {
            if unanswered == 100 {
                return Ok(());
            }
            unanswered += 1;
        } else if packet.is_answer() {
            unanswered = unanswered.saturating_sub(1);
        }
        onward.unsplit(packet.bytes);
        Ok(())
    }
}

fn believes_in_order() -> impl PacketFlaw {
    let mut unanswered = VecDeque::new();
    move |mut packet: Passing, onward: &mut BytesMut| {
        if packet.kind() == REQUEST {
            unanswered.push_back(packet.id());
        } else if packet.is_answer()
            && let Some(oldest) = unanswered.pop_front()
        {
            packet.set_id(oldest);
        }
        onward.unsplit(packet.bytes);
        Ok(())
    }
}

fn resets_on_a_repetition() -> impl PacketFlaw {
    let mut last = None;
    move |packet: Passing, onward: &mut BytesMut| {
        if packet.kind() == REPLY && last.replace(packet.id()) == Some(packet.id()) {
            return reset();
        }
        onward.unsplit(packet.bytes);
        Ok(())
    }
}

fn revives_late_replies() -> impl PacketFlaw {
    let (mut taken_back, mut newest) = (HashSet::new(), 0);
    move |mut packet: Passing, onward: &mut BytesMut| {
        match packet.kind() {
            REQUEST => newest = packet.id(),
            CANCEL => drop(taken_back.insert(packet.id())),
            REPLY if taken_back.remove(&packet.id()) => packet.set_id(newest),
            _ => {}
        }
        onward.unsplit(packet.bytes);
        Ok(())
    }
}

fn resets_on_an_unknown_id() -> impl PacketFlaw {
    let mut asked = HashSet::new();
    move |packet: Passing, onward: &mut BytesMut| {
        if packet.kind() == REQUEST {
            asked.insert(packet.id());
        } else if packet.is_answer() && !asked.contains(&packet.id()) {
            return reset();
        }
        onward.unsplit(packet.bytes);
        Ok(())
    }
}

fn swallows_cancels(packet: Passing, onward: &mut BytesMut) -> io::Result<()> {
    if packet.kind() != CANCEL {
        onward.unsplit(packet.bytes);
    }
    Ok(())
}

fn resets_on_an_error(packet: Passing, onward: &mut BytesMut) -> io::Result<()> {
    if packet.kind() == ERROR {
        return reset();
    }
    onward.unsplit(packet.bytes);
    Ok(())
}

fn says_everything_twice(packet: Passing, onward: &mut BytesMut) -> io::Result<()> {
    if packet.kind() == REQUEST {
        onward.extend_from_slice(&packet.bytes);
    }
    onward.unsplit(packet.bytes);
    Ok(())
}

fn replays_on_reconnect() -> impl PacketFlaw {
    let mut last: Option<(u64, BytesMut)> = None;
    move |packet: Passing, onward: &mut BytesMut| {
        if packet.kind() == REQUEST {
            let before = last.replace((packet.reader, packet.bytes.clone()));
            if let Some((_, before)) = before.filter(|(reader, _)| *reader != packet.reader) {
                onward.unsplit(before);
            }
        }
        onward.unsplit(packet.bytes);
        Ok(())
    }
}

struct FinishesACutPacket;

impl PacketFlaw for FinishesACutPacket {
    fn pass(&mut self, packet: Passing, onward: &mut BytesMut) -> io::Result<()> {
        onward.unsplit(packet.bytes);
        Ok(())
    }

    fn cut(&mut self, part: &mut BytesMut) {
        part.resize(part.len().max(20), 0);
        let length = u32::from_be_bytes([4, 5, 6, 7].map(|at| part[at])) as usize;
        part.resize(20 + length, 0);
    }
}

#[derive(Default)]
struct GivesUpInSilence {
    alarm: Option<Pin<Box<Sleep>>>,
}

impl ReadFlaw for GivesUpInSilence {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        const PATIENCE: Duration = Duration::from_millis(200);
        let polled = below.poll_read(cx, into);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        if polled.is_ready() {
            alarm.as_mut().reset(Instant::now() + PATIENCE);
            return polled;
        }
        alarm.as_mut().poll(cx).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

/// After a read this end has to write.
#[derive(Clone, Default)]
struct StrictTurns(Arc<Mutex<Turn>>);

#[derive(Default)]
struct Turn {
    has_read: bool,
    reader: Option<Waker>,
}

impl StrictTurns {
    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadFlaw for StrictTurns {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let mut turn = self.lock();
        if turn.has_read {
            turn.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let polled = below.poll_read(cx, into);
        turn.has_read = matches!(polled, Poll::Ready(Ok(1..)));
        polled
    }
}

impl WriteFlaw for StrictTurns {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        let mut turn = self.lock();
        turn.has_read = false;
        let reader = turn.reader.take();
        drop(turn);
        reader.into_iter().for_each(Waker::wake);
        below.poll_write(cx, from)
    }
}

struct HearsNoReset;

impl ReadFlaw for HearsNoReset {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        match below.poll_read(cx, into) {
            Poll::Ready(Err(_)) => Poll::Pending,
            polled => polled,
        }
    }
}

impl WriteFlaw for HearsNoReset {
    fn flush(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        below.poll_flush(cx).map(|_| Ok(()))
    }
}

#[derive(Debug, Default)]
struct DeafAfterARefusal {
    was_refused: AtomicBool,
}

/// Whoever waits for bytes waits for ever.
struct Deaf;

impl ReadFlaw for Deaf {
    fn read(
        &mut self,
        _: &mut dyn ChannelRead,
        _: &mut Context<'_>,
        _: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl Layer for DeafAfterARefusal {
    fn channel(&self, side: Side, channel: Channel) -> Channel {
        if side == Side::Dialer && self.was_refused.swap(false, Ordering::AcqRel) {
            return flawed_read(channel, Deaf);
        }
        channel
    }

    fn next<'a>(
        &'a self,
        side: Side,
        below: &'a mut dyn ChannelGenerator,
    ) -> BoxFuture<'a, Result<Channel, NextError>> {
        Box::pin(async move {
            below.next().await.inspect_err(|_| {
                self.was_refused.fetch_or(side == Side::Dialer, Ordering::AcqRel);
            })
        })
    }
}

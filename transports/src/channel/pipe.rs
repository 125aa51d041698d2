//! One direction of a link: a bounded queue of chunks with a reader and a writer.
//!
//! It decides what each side sees and which tasks to wake; it knows neither the other direction nor names. See `link` for how
//! two of them share their fate.

use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use tokio::time::Instant;

use super::control::Faults;
use super::link::Side;

use crate::locks::lock;

/// What may wait in one direction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes: usize,
    pub(super) chunks: usize,
}

/// How far a read got.
pub(super) enum Read {
    /// This many bytes were moved; 0 is the end.
    Done(usize),
    /// As [`Done`](Self::Done), and these were the last bytes before a cut.
    Cut(usize),
    /// Nothing before this moment; the reader has to set itself an alarm.
    NotBefore(Instant),
    /// Nothing until woken.
    Pending,
}

#[derive(Debug)]
pub(super) struct Pipe {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Chunk>,
    bytes: usize,
    faults: Faults,
    /// When the end of writing arrives at the reader.
    ended: Option<Due>,
    end_seen: bool,
    reader_gone: bool,
    reset: Option<Reset>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    due: Due,
}

/// When something arrives; `None` without latency, so that no clock is read.
type Due = Option<Instant>;

/// Who broke the link: a side by its abort, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reset {
    pub(super) by: Option<Side>,
}

impl Reset {
    fn seen_by(self, side: Side) -> io::Error {
        if self.by == Some(side) {
            io::Error::new(io::ErrorKind::ConnectionAborted, "this side aborted the channel")
        } else {
            io::Error::new(io::ErrorKind::ConnectionReset, "the channel was reset")
        }
    }
}

impl Pipe {
    pub(super) fn new(limits: Limits, faults: Faults) -> Self {
        Self {
            limits,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                bytes: 0,
                faults,
                ended: None,
                end_seen: false,
                reader_gone: false,
                reset: None,
                reader: None,
                writer: None,
            }),
        }
    }

    /// Moves what fits; `Pending` has moved nothing.
    pub(super) fn poll_write(
        &self,
        side: Side,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.state);
        state.check_writer(side)?;
        if from.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let moved = state.take_from(from, self.limits);
        if moved == 0 {
            let old = register(&mut state.writer, cx);
            drop(state);
            drop(old);
            return Poll::Pending;
        }
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        Poll::Ready(Ok(moved))
    }

    pub(super) fn read(&self, side: Side, cx: &mut Context<'_>, into: &mut ReadBuffer) -> io::Result<Read> {
        let mut state = lock(&self.state);
        if let Some(reset) = state.reset {
            // An end that was seen stays one, whatever comes after it.
            return if state.end_seen { Ok(Read::Done(0)) } else { Err(reset.seen_by(side)) };
        }
        let read = state.give_to(into);
        if matches!(read, Read::Pending | Read::NotBefore(_)) {
            let old = register(&mut state.reader, cx);
            drop(state);
            drop(old);
            return Ok(read);
        }
        state.end_seen = matches!(read, Read::Done(0));
        let writer = state.writer.take();
        drop(state);
        wake(writer);
        Ok(read)
    }

    /// Whether a write could still succeed.
    pub(super) fn check_writer(&self, side: Side) -> io::Result<()> {
        match lock(&self.state).reset {
            Some(reset) => Err(reset.seen_by(side)),
            None => Ok(()),
        }
    }

    /// The writer has said all it had to say.
    pub(super) fn end(&self) {
        let mut state = lock(&self.state);
        if state.ended.is_none() {
            state.ended = Some(state.faults.due());
        }
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// The reader is gone; says whether it left bytes unread.
    pub(super) fn leave(&self) -> bool {
        let mut state = lock(&self.state);
        state.reader_gone = true;
        let unread = std::mem::take(&mut state.queue);
        state.bytes = 0;
        let (writer, reader) = (state.writer.take(), state.reader.take());
        drop(state);
        drop(reader);
        wake(writer);
        !unread.is_empty()
    }

    /// Both ends are told, what waits is gone. The first reset stays.
    pub(super) fn reset(&self, reset: Reset) {
        let mut state = lock(&self.state);
        state.reset.get_or_insert(reset);
        let unread = std::mem::take(&mut state.queue);
        state.bytes = 0;
        let woken = [state.reader.take(), state.writer.take()];
        drop(state);
        drop(unread);
        woken.into_iter().for_each(wake);
    }

    /// Changes the faults of a pipe that is in use.
    pub(super) fn change(&self, change: impl FnOnce(&mut Faults)) {
        let mut state = lock(&self.state);
        change(&mut state.faults);
        let woken = [state.reader.take(), state.writer.take()];
        drop(state);
        woken.into_iter().for_each(wake);
    }
}

impl State {
    fn check_writer(&self, side: Side) -> io::Result<()> {
        if let Some(reset) = self.reset {
            return Err(reset.seen_by(side));
        }
        if self.ended.is_some() || self.reader_gone {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }

    fn take_from(&mut self, from: &mut WriteBuffer, limits: Limits) -> usize {
        let mut allowed = self.faults.per_poll();
        let mut moved = 0;
        while allowed > 0 && self.queue.len() < limits.chunks {
            let Some(mut bytes) = from.take_segment() else {
                break;
            };
            if bytes.len() > allowed {
                from.untake(bytes.split_off(allowed));
            }
            // Larger than all the room there is: alone, or never.
            if self.bytes + bytes.len() > limits.bytes && !self.queue.is_empty() {
                from.untake(bytes);
                break;
            }
            allowed -= bytes.len();
            moved += bytes.len();
            self.bytes += bytes.len();
            let due = self.faults.due();
            self.queue.push_back(Chunk { bytes, due });
        }
        moved
    }

    fn give_to(&mut self, into: &mut ReadBuffer) -> Read {
        if self.faults.stalled {
            return Read::Pending;
        }
        let mut allowed = self.faults.per_poll().min(ReadBuffer::MAX_READ);
        let mut moved = 0;
        while allowed > 0 {
            let Some(chunk) = self.queue.front_mut() else {
                break;
            };
            if let Some(due) = not_yet(chunk.due) {
                return if moved == 0 { Read::NotBefore(due) } else { Read::Done(moved) };
            }
            let bytes = match self.faults.split() {
                Some(most) if most.min(allowed) < chunk.bytes.len() => {
                    chunk.bytes.split_to(most.min(allowed))
                }
                _ => self.queue.pop_front().map(|chunk| chunk.bytes).unwrap_or_default(),
            };
            allowed = allowed.saturating_sub(bytes.len());
            moved += bytes.len();
            self.bytes -= bytes.len();
            let cut = self.faults.passed(bytes.len());
            into.push(bytes);
            if cut {
                return Read::Cut(moved);
            }
        }
        match self.ended {
            _ if moved > 0 => Read::Done(moved),
            Some(due) => not_yet(due).map_or(Read::Done(0), Read::NotBefore),
            None => Read::Pending,
        }
    }
}

fn not_yet(due: Due) -> Option<Instant> {
    due.filter(|due| *due > Instant::now())
}

/// Returns the waker that is replaced, to be dropped once the lock is free: dropping one may run any code.
#[must_use]
fn register(slot: &mut Option<Waker>, cx: &Context<'_>) -> Option<Waker> {
    if slot.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        return None;
    }
    slot.replace(cx.waker().clone())
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

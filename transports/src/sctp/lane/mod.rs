//! One lane: a channel on one stream of an association.
//!
//! This side's half of the lane protocol: what the owner of the channel may do, and what it tells the peer. What the
//! peer's messages do is in [`peer`]. It knows its stream, not packets, sockets or the other lanes.

mod peer;
mod receiving;
mod sending;

use std::io::{self, ErrorKind};
use std::task::{Context, Poll, Waker};

use listenrain::buffer::{ReadBuffer, WriteBuffer};

use self::receiving::Receiving;
use self::sending::Sending;
use super::engine::Engine;
use super::fault::Loss;
use super::message::Control;
use crate::halves::aborted;

/// What bounds each lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes that are written and not acknowledged.
    pub(super) send_buffer: usize,
    /// Bytes that wait to be read.
    pub(super) recv_buffer: u32,
    /// Bytes of one message.
    pub(super) message: usize,
    /// Messages that are written and not acknowledged.
    pub(super) messages: usize,
}

/// What a lane works with.
pub(super) struct Scope<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) limits: &'a Limits,
    /// To be woken when the association is let go of.
    pub(super) woken: &'a mut Vec<Waker>,
}

/// How one direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    End,
    Abort,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) stream: u16,
    sending: Sending,
    receiving: Receiving,
    fate: Option<Fate>,
    /// Whether the listener has yet to say something about a lane that this side has asked for.
    is_asked: bool,
    has_reader: bool,
    has_writer: bool,
    /// Whether the reader left, or will leave, bytes behind.
    is_unread: bool,
    end_seen: bool,
}

/// Why a lane is over before its orderly end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Aborted,
    Reset,
    Refused,
    Lost(Loss),
}

impl Fate {
    fn error(&self) -> io::Error {
        match self {
            Self::Aborted => aborted(),
            Self::Reset => io::Error::new(ErrorKind::ConnectionReset, "the peer reset the channel"),
            Self::Refused => {
                io::Error::new(ErrorKind::ConnectionRefused, "no listener, or its backlog is full (backlog)")
            }
            Self::Lost(loss) => loss.error(),
        }
    }
}

impl Lane {
    fn new(stream: u16, limits: &Limits) -> Self {
        Self {
            stream,
            sending: Sending::default(),
            receiving: Receiving::new(limits.recv_buffer),
            fate: None,
            is_asked: false,
            has_reader: true,
            has_writer: true,
            is_unread: false,
            end_seen: false,
        }
    }

    /// Asks the listener for a lane.
    pub(super) fn ask(stream: u16, scope: &mut Scope<'_>) -> Self {
        scope.engine.say(stream, Control::Open { window: scope.limits.recv_buffer });
        Self { is_asked: true, ..Self::new(stream, scope.limits) }
    }

    /// Whether the listener has taken the lane on.
    pub(super) fn poll_opened(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.fate {
            Some(fate) => Poll::Ready(Err(fate.error())),
            None if !self.is_asked => Poll::Ready(Ok(())),
            None => {
                register(&mut self.sending.waker, cx);
                Poll::Pending
            }
        }
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
        scope: &mut Scope<'_>,
    ) -> Poll<io::Result<usize>> {
        // An end that was seen stays one, whatever comes after it.
        if let Some(fate) = self.fate.as_ref().filter(|_| !self.end_seen) {
            return Poll::Ready(Err(fate.error()));
        }
        let (moved, credit) = self.receiving.give_to(into);
        if let Some(bytes) = credit {
            scope.engine.say(self.stream, Control::Credit { bytes });
        }
        if moved == 0 && self.receiving.closed.is_none() {
            register(&mut self.receiving.waker, cx);
            return Poll::Pending;
        }
        self.end_seen = moved == 0;
        Poll::Ready(Ok(moved))
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
        scope: &mut Scope<'_>,
    ) -> Poll<io::Result<usize>> {
        self.check_writer()?;
        if from.is_empty() {
            return Poll::Ready(Ok(0));
        }
        match self.sending.take_from(self.stream, scope.engine, scope.limits, from) {
            0 => {
                register(&mut self.sending.waker, cx);
                Poll::Pending
            }
            taken => Poll::Ready(Ok(taken)),
        }
    }

    /// Whether nothing is known to keep what was written from the peer. One that reads no more need not have missed any
    /// of it; if it has, it resets the channel.
    pub(super) fn flushed(&self) -> io::Result<()> {
        match &self.fate {
            Some(fate) => Err(fate.error()),
            None if self.sending.closed == Some(Close::Abort) => Err(ErrorKind::BrokenPipe.into()),
            None => Ok(()),
        }
    }

    /// Whether a write could still succeed.
    fn check_writer(&self) -> io::Result<()> {
        match &self.fate {
            Some(fate) => Err(fate.error()),
            None if self.sending.closed.is_some() || self.sending.is_stopped => {
                Err(ErrorKind::BrokenPipe.into())
            }
            None => Ok(()),
        }
    }

    /// Ends writing. Doing it again, or when the peer reads no more, changes nothing.
    pub(super) fn shutdown(&mut self, scope: &mut Scope<'_>) -> io::Result<()> {
        if let Some(fate) = self.fate.as_ref().filter(|_| self.sending.closed != Some(Close::End)) {
            return Err(fate.error());
        }
        self.close(Close::End, scope);
        Ok(())
    }

    pub(super) fn abort(&mut self, scope: &mut Scope<'_>) {
        if self.fate.is_none() {
            self.close(Close::Abort, scope);
            self.end(Fate::Aborted, scope);
        }
    }

    pub(super) fn drop_reader(&mut self, scope: &mut Scope<'_>) {
        self.has_reader = false;
        self.receiving.waker = None;
        self.is_unread |= self.receiving.discard();
        if !self.has_writer {
            self.leave(scope);
        }
    }

    pub(super) fn drop_writer(&mut self, scope: &mut Scope<'_>) {
        self.has_writer = false;
        self.sending.waker = None;
        if self.has_reader {
            self.close(Close::End, scope);
        } else {
            self.leave(scope);
        }
    }

    /// Nobody is there to read or write any more.
    fn leave(&mut self, scope: &mut Scope<'_>) {
        if self.fate.is_some() {
            return;
        }
        // Bytes that nobody read must not look to the peer as if they had arrived.
        if self.is_unread || self.is_asked {
            return self.abort(scope);
        }
        if self.receiving.closed.is_some() {
            return self.close(Close::End, scope);
        }
        // The end waits for the peer's: should bytes still be on their way, there must be a reset instead.
        scope.engine.say(self.stream, Control::Stop);
    }

    /// Tells the peer that this direction is over, unless it has been told as much.
    fn close(&mut self, how: Close, scope: &mut Scope<'_>) {
        let is_over = self.is_over() || matches!(self.fate, Some(Fate::Lost(_)));
        match (self.sending.closed, how) {
            (None, Close::End) => scope.engine.say(self.stream, Control::End),
            (None | Some(Close::End), Close::Abort) if !is_over => {
                scope.engine.say(self.stream, Control::Abort);
            }
            _ => return,
        }
        self.sending.closed = Some(how);
    }

    /// Queued data is dropped, and all waiting tasks are woken.
    fn end(&mut self, fate: Fate, scope: &mut Scope<'_>) {
        self.receiving.discard();
        self.fate.get_or_insert(fate);
        self.wake_all(scope);
    }

    /// The association is lost. Where the peer had ended its writing, all of it has arrived and can still be read.
    pub(super) fn lose(&mut self, loss: &Loss, scope: &mut Scope<'_>) {
        if self.receiving.closed == Some(Close::End) && self.fate.is_none() {
            self.sending.is_stopped = true;
            if self.sending.closed.is_none() {
                self.sending.closed = Some(Close::Abort);
            }
            return self.wake_all(scope);
        }
        self.end(Fate::Lost(loss.clone()), scope);
    }

    /// Wakes a write that waited for room.
    pub(super) fn wake_writer(&mut self, scope: &mut Scope<'_>) {
        if self.sending.waker.is_some() && self.sending.has_room(self.stream, scope.engine, scope.limits) {
            scope.woken.extend(self.sending.waker.take());
        }
    }

    /// Whether as many of its messages are on their way as may be.
    pub(super) fn is_pressed(&mut self, scope: &mut Scope<'_>) -> bool {
        self.sending.is_pressed(self.stream, scope.engine, scope.limits)
    }

    fn wake_all(&mut self, scope: &mut Scope<'_>) {
        scope.woken.extend(self.sending.waker.take());
        scope.woken.extend(self.receiving.waker.take());
    }

    /// Whether neither side writes any more, and both know it.
    pub(super) fn is_over(&self) -> bool {
        self.sending.closed.is_some() && self.receiving.closed.is_some()
    }

    /// Whether a half of the channel is held.
    pub(super) fn is_held(&self) -> bool {
        self.has_reader || self.has_writer
    }
}

fn register(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}

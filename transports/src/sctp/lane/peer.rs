//! Incoming messages of a lane.

use super::{Close, Fate, Lane, Limits, Scope};
use crate::sctp::engine::Chunks;
use crate::sctp::fault::Violation;
use crate::sctp::message::Control;

impl Lane {
    /// A lane that the dialer asks for.
    pub(in super::super) fn accept(stream: u16, window: u32, scope: &mut Scope<'_>) -> Self {
        scope.engine.say(stream, Control::Opened { window: scope.limits.recv_buffer });
        let mut lane = Self::new(stream, scope.limits);
        // Nothing was credited before, so it cannot be too much.
        let _ = lane.sending.credit(stream, window);
        lane
    }

    /// A lane that the dialer asks for and does not get. It stays until the dialer has understood.
    pub(in super::super) fn refuse(stream: u16, scope: &mut Scope<'_>) -> Self {
        let mut lane = Self::new(stream, &Limits { recv_buffer: 0, ..*scope.limits });
        (lane.has_reader, lane.has_writer) = (false, false);
        lane.abort(scope);
        lane
    }

    pub(in super::super) fn on_data(
        &mut self,
        message: Chunks,
        scope: &mut Scope<'_>,
    ) -> Result<(), Violation> {
        self.check_turn("DATA")?;
        self.receiving.admit(self.stream, message.len())?;
        if self.fate.is_some() {
            return Ok(());
        }
        if self.has_reader {
            self.receiving.push(message);
            scope.woken.extend(self.receiving.waker.take());
            return Ok(());
        }
        self.is_unread = true;
        if !self.has_writer {
            self.abort(scope);
        }
        Ok(())
    }

    pub(in super::super) fn on_control(
        &mut self,
        control: Control,
        scope: &mut Scope<'_>,
    ) -> Result<(), Violation> {
        match control {
            Control::Opened { window } => self.on_opened(window, scope),
            Control::Credit { bytes } => {
                self.sending.credit(self.stream, bytes)?;
                self.wake_writer(scope);
                Ok(())
            }
            Control::End => {
                self.check_turn("END")?;
                self.receiving.closed = Some(Close::End);
                scope.woken.extend(self.receiving.waker.take());
                if !self.is_held() {
                    self.close(Close::End, scope);
                }
                Ok(())
            }
            Control::Stop => {
                self.check_open("STOP")?;
                self.sending.is_stopped = true;
                self.close(Close::End, scope);
                scope.woken.extend(self.sending.waker.take());
                Ok(())
            }
            Control::Abort => self.on_abort(scope),
            Control::Open { .. } => Err(self.out_of_turn("OPEN")),
            Control::Closed => Err(self.out_of_turn("CLOSED")),
        }
    }

    fn on_opened(&mut self, window: u32, scope: &mut Scope<'_>) -> Result<(), Violation> {
        if !std::mem::take(&mut self.is_asked) {
            return Err(self.out_of_turn("OPENED"));
        }
        self.sending.credit(self.stream, window)?;
        scope.woken.extend(self.sending.waker.take());
        Ok(())
    }

    fn on_abort(&mut self, scope: &mut Scope<'_>) -> Result<(), Violation> {
        if self.receiving.closed == Some(Close::Abort) {
            return Err(self.out_of_turn("ABORT"));
        }
        let fate = if std::mem::take(&mut self.is_asked) { Fate::Refused } else { Fate::Reset };
        // The answer, where there was no last word yet; an END was one.
        if self.sending.closed.is_none() {
            self.close(Close::Abort, scope);
        }
        self.receiving.closed = Some(Close::Abort);
        self.end(fate, scope);
        Ok(())
    }

    /// Whether the peer may still write.
    fn check_turn(&self, what: &'static str) -> Result<(), Violation> {
        self.check_open(what)?;
        match self.receiving.closed {
            None => Ok(()),
            Some(_) => Err(self.out_of_turn(what)),
        }
    }

    /// Whether the peer may say such a thing at all.
    fn check_open(&self, what: &'static str) -> Result<(), Violation> {
        // A listener answers before it says anything else.
        let is_wrong = self.receiving.closed == Some(Close::Abort) || (self.is_asked && self.fate.is_none());
        if is_wrong { Err(self.out_of_turn(what)) } else { Ok(()) }
    }

    fn out_of_turn(&self, what: &'static str) -> Violation {
        Violation::OutOfTurn { what, stream: self.stream }
    }
}

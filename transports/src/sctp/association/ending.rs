//! The orderly end of an association: SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE.
//!
//! Nothing is lost by it: a side says that it is done only when all it has sent is acknowledged. A peer that does not
//! play along holds nothing up for longer than [`LINGER`].

use std::time::Duration;

use tokio::time::Instant;

use crate::sctp::wire::kind;

/// How long a silent peer may hold up the shutdown and the data before it, once no channel is held any more. Ten seconds let
/// a lossy path retransmit several times, and are soon enough where the socket is waited for.
pub(super) const LINGER: Duration = Duration::from_secs(10);
/// How long one message of the end waits for its answer.
const RETRY: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not begun.
    Open,
    /// This side wants to end, once all is acknowledged.
    Pending,
    /// The peer wants to end.
    Asked,
    /// A SHUTDOWN or a SHUTDOWN ACK, sent again at `retry`.
    Sent { kind: u8, retry: Instant },
    /// The last word was said or heard.
    Over,
}

#[derive(Debug)]
pub(super) struct Ending {
    state: State,
    deadline: Option<Instant>,
}

impl Ending {
    pub(super) fn new() -> Self {
        Self { state: State::Open, deadline: None }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// This side wants to end.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.is_open() {
            self.state = State::Pending;
            self.deadline = Some(now + LINGER);
        }
    }

    /// The peer's part of the end; says what to answer at once.
    pub(super) fn hear(&mut self, heard: u8, now: Instant) -> Option<u8> {
        match (self.state, heard) {
            (State::Open | State::Pending, kind::SHUTDOWN) => {
                self.state = State::Asked;
                None
            }
            (State::Sent { .. }, kind::SHUTDOWN) => {
                self.state = State::Sent { kind: kind::SHUTDOWN_ACK, retry: now + RETRY };
                Some(kind::SHUTDOWN_ACK)
            }
            (State::Sent { .. }, kind::SHUTDOWN_ACK) => {
                self.state = State::Over;
                Some(kind::SHUTDOWN_COMPLETE)
            }
            (State::Sent { kind: kind::SHUTDOWN_ACK, .. }, kind::SHUTDOWN_COMPLETE) => {
                self.state = State::Over;
                None
            }
            _ => None,
        }
    }

    /// What to say now; `is_idle` when all that was sent is acknowledged.
    pub(super) fn poll(&mut self, now: Instant, is_idle: bool) -> Option<u8> {
        let (say, is_due) = match self.state {
            State::Pending => (kind::SHUTDOWN, is_idle),
            State::Asked => (kind::SHUTDOWN_ACK, is_idle),
            State::Sent { kind, retry } => (kind, now >= retry),
            State::Open | State::Over => return None,
        };
        if !is_due {
            return None;
        }
        self.state = State::Sent { kind: say, retry: now + RETRY };
        self.deadline.get_or_insert(now + LINGER);
        Some(say)
    }

    /// Whether it has taken too long.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Sent { retry, .. } => self.deadline.map(|deadline| deadline.min(retry)),
            _ => self.deadline,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn two_sides_end_whoever_begins_and_when_both_do() {
        let now = Instant::now();
        for both in [false, true] {
            let (mut one, mut other) = (Ending::new(), Ending::new());
            one.begin(now);
            assert_eq!(one.poll(now, false), None, "something is not acknowledged yet");
            assert_eq!(one.poll(now, true), Some(kind::SHUTDOWN));
            if both {
                other.begin(now);
                assert_eq!(other.poll(now, true), Some(kind::SHUTDOWN));
                assert_eq!(one.hear(kind::SHUTDOWN, now), Some(kind::SHUTDOWN_ACK));
                assert_eq!(other.hear(kind::SHUTDOWN, now), Some(kind::SHUTDOWN_ACK));
            } else {
                assert_eq!(other.hear(kind::SHUTDOWN, now), None);
                assert_eq!(other.poll(now, true), Some(kind::SHUTDOWN_ACK));
            }
            assert_eq!(one.hear(kind::SHUTDOWN_ACK, now), Some(kind::SHUTDOWN_COMPLETE));
            assert_eq!(other.hear(kind::SHUTDOWN_COMPLETE, now), None);
            assert!(one.is_over() && other.is_over());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_asked_again_and_given_up() {
        let now = Instant::now();
        let mut ending = Ending::new();
        ending.begin(now);
        assert_eq!(ending.poll(now, true), Some(kind::SHUTDOWN));
        assert_eq!(ending.poll(now + RETRY / 2, true), None);
        assert_eq!(ending.poll(now + RETRY, true), Some(kind::SHUTDOWN));
        assert!(!ending.is_late(now + LINGER - RETRY) && ending.is_late(now + LINGER));
    }

    #[tokio::test(start_paused = true)]
    async fn a_word_out_of_turn_changes_nothing() {
        let mut ending = Ending::new();
        for heard in [kind::SHUTDOWN_ACK, kind::SHUTDOWN_COMPLETE] {
            assert_eq!(ending.hear(heard, Instant::now()), None);
            assert!(ending.is_open());
        }
    }
}

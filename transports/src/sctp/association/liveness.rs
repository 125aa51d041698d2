//! Liveness of the peer and of the path to it.

use std::time::Duration;

use tokio::time::Instant;

use crate::sctp::SctpOptions;
use crate::sctp::fault::Loss;

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// The peer has to be asked whether it is there.
    Question,
    Lost(Loss),
}

#[derive(Debug)]
pub(super) struct Liveness {
    interval: Duration,
    most: usize,
    patience: Duration,
    /// When the next question, or the end, is due.
    due: Instant,
    unanswered: usize,
    /// The last chunk that was sent, and up to which one the peer has acknowledged everything.
    sent: u32,
    acknowledged: u32,
    /// Since when no acknowledgement has come though one is wanted.
    waiting_since: Option<Instant>,
    /// When one has come last.
    pub(super) progress: Instant,
}

impl Liveness {
    /// `first` is the number of the first chunk to be sent.
    pub(super) fn new(options: &SctpOptions, first: u32, now: Instant) -> Self {
        let before = first.wrapping_sub(1);
        Self {
            interval: options.heartbeat,
            most: options.max_retransmits,
            patience: options.patience(),
            due: now + options.heartbeat,
            unanswered: 0,
            sent: before,
            acknowledged: before,
            waiting_since: None,
            progress: now,
        }
    }

    /// An undamaged packet of the peer's has come.
    pub(super) fn heard(&mut self, now: Instant) {
        self.unanswered = 0;
        self.due = now + self.interval;
    }

    /// Chunks up to `last` have been sent.
    pub(super) fn sent(&mut self, last: u32, now: Instant) {
        if self.sent == self.acknowledged && last != self.sent {
            self.waiting_since = Some(now);
        }
        self.sent = last;
    }

    /// The peer has acknowledged everything up to `last`; `is_full` when it has no room for more. Such a peer is slow,
    /// not out of reach.
    pub(super) fn acknowledged(&mut self, last: u32, is_full: bool, now: Instant) {
        if last != self.acknowledged || is_full {
            self.acknowledged = last;
            self.progress = now;
            self.waiting_since = (last != self.sent).then_some(now);
        }
    }

    pub(super) fn poll(&mut self, now: Instant) -> Due {
        if self.waiting_since.is_some_and(|since| now >= since + self.patience) {
            return Due::Lost(Loss::Stuck(self.patience));
        }
        if now < self.due {
            return Due::Nothing;
        }
        if self.unanswered == self.most {
            return Due::Lost(Loss::Silent(self.patience));
        }
        self.unanswered += 1;
        self.due = now + self.interval;
        Due::Question
    }

    pub(super) fn deadline(&self) -> Instant {
        self.waiting_since.map_or(self.due, |since| self.due.min(since + self.patience))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(now: Instant) -> Liveness {
        let options = SctpOptions::default().heartbeat(Duration::from_secs(1)).max_retransmits(2);
        Liveness::new(&options, 0, now)
    }

    #[tokio::test(start_paused = true)]
    async fn progress_and_a_full_peer_buy_time_and_an_old_wait_is_no_new_one() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut liveness = fresh(start);
        liveness.sent(5, at(0));
        liveness.acknowledged(3, false, at(2));
        liveness.heard(at(4));
        assert_eq!(liveness.poll(at(4)), Due::Nothing);
        liveness.acknowledged(3, true, at(4));
        liveness.heard(at(6));
        assert_eq!(liveness.poll(at(6)), Due::Nothing);
        liveness.acknowledged(5, false, at(6));
        liveness.heard(at(50));
        liveness.sent(6, at(50));
        assert_eq!(liveness.poll(at(50)), Due::Nothing, "nothing was waited for since 6 s");
    }
}

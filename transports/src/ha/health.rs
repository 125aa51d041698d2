//! Health of the members of a list, from their dials and channels.
//!
//! An open socket proves nothing: a member is well once it has answered. It has failed when a dial failed, was given up or
//! took too long; when its channel ended without a byte from it, by silence, by output that it did not take, or by bytes
//! that made no sense; and when its channels do not last. No text of an error is ever looked at. Trouble passes with time,
//! and what fails side by side is one trouble: the lanes of a connection notice the same outage, each for itself. It belongs
//! to one dialer and its forks: the list that they were made from is never changed.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use listenrain::channel::ChannelEnd;
use listenrain::{Backoff, BackoffState, GoodbyeReason, LinkError, NextError};
use tokio::time::Instant;

use crate::locks::lock;

/// A channel that lived at least this long has lasted; one that did not counts as a failure of its member. Well above a
/// handshake across the world, well below what people wait for.
pub(super) const STABLE: Duration = Duration::from_secs(1);

/// The health of every member of one list.
#[derive(Debug, Clone)]
pub(super) struct Health {
    members: Arc<Mutex<Vec<Standing>>>,
}

#[derive(Debug)]
struct Standing {
    backoff: BackoffState,
    /// Failures that were counted. What began before the last of them tells nothing new by failing too.
    failures: u64,
    /// Dials that gave a channel.
    opened: u64,
    /// Behind the others until then.
    waits_until: Option<Instant>,
    /// How long it took to find out, where it accepted and then said nothing, and has not answered since.
    silent_for: Option<Duration>,
    /// It will never answer.
    over: Option<NextError>,
}

/// The moment at which a dial, a channel or a proof began, by which its failure is told from an earlier one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    failures: u64,
    opened: u64,
    at: Instant,
}

impl Begun {
    pub(super) fn age(self) -> Duration {
        self.at.elapsed()
    }
}

impl Health {
    pub(super) fn new(members: usize, backoff: &Backoff) -> Self {
        let fresh = |number| Standing {
            backoff: backoff.state(number),
            failures: 0,
            opened: 0,
            waits_until: None,
            silent_for: None,
            over: None,
        };
        Self { members: Arc::new(Mutex::new((0..members).map(fresh).collect())) }
    }

    /// What is left of `members`, those in trouble behind all others.
    pub(super) fn sort(&self, members: impl Iterator<Item = usize>) -> Vec<usize> {
        let (now, standings) = (Instant::now(), self.lock());
        let mut left: Vec<_> = members.filter(|at| standings[*at].over.is_none()).collect();
        left.sort_by_key(|at| standings[*at].waits_until.filter(|until| *until > now));
        left
    }

    /// When `member` is worth another try; `None` when it never is.
    pub(super) fn next_try(&self, member: usize) -> Option<Instant> {
        let standing = &self.lock()[member];
        if standing.over.is_some() {
            return None;
        }
        Some(standing.waits_until.unwrap_or_else(Instant::now))
    }

    /// How long a channel to `member` that is not used yet may take to deliver something, where an open one is not enough.
    pub(super) fn proof(&self, member: usize) -> Option<Duration> {
        self.lock()[member].silent_for
    }

    /// Why members will never answer.
    pub(super) fn over(&self) -> Vec<NextError> {
        self.lock().iter().filter_map(|standing| standing.over.clone()).collect()
    }

    /// Begins to dial a member. Let go of without a word it counts as a failure, a dial that was given up, unless another
    /// dial of the member gave a channel meanwhile.
    pub(super) fn attempt(&self, member: usize) -> Attempt<'_> {
        Attempt { health: self, member, begun: self.begin(member), is_told: false }
    }

    /// Something about `member` begins now.
    pub(super) fn begin(&self, member: usize) -> Begun {
        let standing = &self.lock()[member];
        Begun { failures: standing.failures, opened: standing.opened, at: Instant::now() }
    }

    /// The member has answered on a channel.
    pub(super) fn answered(&self, member: usize, channel: Begun) {
        let standing = &mut self.lock()[member];
        standing.silent_for = None;
        if standing.failures == channel.failures {
            standing.waits_until = None;
        }
    }

    /// The member was found to say nothing on a channel, for as long as this.
    pub(super) fn fell_silent(&self, member: usize, begun: Begun, after: Duration) {
        self.failed(member, begun, after);
        let longest = &mut self.lock()[member].silent_for;
        *longest = (*longest).max(Some(after));
    }

    /// What had begun has failed, which took `after` to find out. The member stands behind the others for at least as long:
    /// else whatever it costs to try it would be paid again at once.
    fn failed(&self, member: usize, begun: Begun, after: Duration) {
        let standing = &mut self.lock()[member];
        if standing.failures != begun.failures {
            return;
        }
        standing.failures += 1;
        let wait = after + standing.backoff.failed();
        standing.stay_away(wait);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Standing>> {
        lock(&self.members)
    }
}

impl Standing {
    /// Behind the others for `wait` at least.
    fn stay_away(&mut self, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST_WAIT);
        self.waits_until = self.waits_until.max(Some(until));
    }
}

/// No peer and no silence keeps a member behind the others for longer: the longest that can be asked for by option.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// A dial of one member under way.
pub(super) struct Attempt<'a> {
    health: &'a Health,
    member: usize,
    begun: Begun,
    is_told: bool,
}

impl Attempt<'_> {
    /// There is a channel. Whether it is good for anything, it will tell itself.
    pub(super) fn opened(mut self) {
        self.is_told = true;
        self.health.lock()[self.member].opened += 1;
    }

    /// It gave none this time.
    pub(super) fn failed(mut self) {
        self.is_told = true;
        self.health.failed(self.member, self.begun, self.begun.age());
    }

    /// It never will.
    pub(super) fn gave_up(mut self, error: &NextError) {
        self.is_told = true;
        self.health.lock()[self.member].over = Some(error.clone());
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let has_opened = self.health.lock()[self.member].opened != self.begun.opened;
        if !self.is_told && !has_opened {
            self.health.failed(self.member, self.begun, self.begun.age());
        }
    }
}

/// One channel to a member, from its beginning to its end.
#[derive(Debug)]
pub(super) struct Life {
    health: Health,
    member: usize,
    begun: Begun,
    progress: Mutex<Progress>,
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    /// When something came last; `None` before anything has.
    heard: Option<Instant>,
    is_told: bool,
}

impl Life {
    pub(super) fn new(health: Health, member: usize) -> Self {
        let begun = health.begin(member);
        let progress = Mutex::new(Progress { heard: None, is_told: false });
        Self { health, member, begun, progress }
    }

    /// Bytes have come from the member.
    pub(super) fn heard(&self) {
        let first = self.progress().heard.replace(Instant::now()).is_none();
        if first {
            self.health.answered(self.member, self.begun);
        }
    }

    /// What the library says of its end.
    pub(super) fn ended(&self, end: &ChannelEnd) {
        if !end.asked && matches!(end.cause, LinkError::Silent(_)) {
            // Its caller sent nothing on it, and its protocol cannot ping.
            self.progress().is_told = true;
            return;
        }
        self.judge(&end.cause, end.answered, end.stay_away);
    }

    fn judge(&self, cause: &LinkError, answered: bool, stay_away: Option<Duration>) {
        let last = {
            let mut progress = self.progress();
            progress.is_told = true;
            progress.heard.unwrap_or(self.begun.at)
        };
        let (member, begun) = (self.member, self.begun);
        match Verdict::of(cause, answered, begun.age() >= STABLE) {
            Verdict::Nothing => {}
            Verdict::Well => self.health.lock()[member].backoff.succeeded(),
            Verdict::Failed => self.health.failed(member, begun, last.elapsed()),
            Verdict::Silent => self.health.fell_silent(member, begun, last.elapsed()),
        }
        if let Some(wait) = stay_away.filter(|wait| !wait.is_zero()) {
            let standing = &mut self.health.lock()[member];
            // What other channels have heard before does not unsay it.
            standing.failures += 1;
            standing.stay_away(wait);
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }
}

impl Drop for Life {
    /// A channel that was let go of without a word about its end is judged by its age.
    fn drop(&mut self) {
        if self.progress().is_told {
            return;
        }
        if self.begun.age() >= STABLE {
            self.health.lock()[self.member].backoff.succeeded();
        } else {
            self.health.failed(self.member, self.begun, Duration::ZERO);
        }
    }
}

/// What the end of a channel says of its member.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Nothing,
    Well,
    Failed,
    /// It accepted, and then said nothing.
    Silent,
}

impl Verdict {
    fn of(cause: &LinkError, answered: bool, lasted: bool) -> Self {
        match cause {
            // This side had no more use for it.
            LinkError::Closed if !(answered && lasted) => Self::Nothing,
            LinkError::Silent(_) | LinkError::SlowPacket(_) | LinkError::Unanswered { .. } => Self::Silent,
            LinkError::Io(error) if error.kind() == ErrorKind::TimedOut => Self::Silent,
            LinkError::PeerClosed
            // A member that renews its channels is as well as before.
            | LinkError::Goodbye(GoodbyeReason::Age)
            | LinkError::Closed
            | LinkError::Io(_)
            | LinkError::Truncated { .. }
            | LinkError::Panic(_)
                if answered && lasted =>
            {
                Self::Well
            }
            // Whatever else there is or will be: refusals, output that was not taken, bytes that are no packets.
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::Arc;
    use tokio::time::advance;

    const MINUTE: Duration = Duration::from_secs(60);

    fn health() -> Health {
        Health::new(2, &Backoff::between(Duration::from_millis(100), Duration::from_secs(10)).seeded(1))
    }

    /// How long the member stands behind the others from now on.
    fn wait(health: &Health, member: usize) -> Duration {
        let until = health.lock()[member].waits_until;
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    #[test]
    fn only_an_answer_and_a_life_make_a_member_well() {
        let io = |kind: ErrorKind| LinkError::Io(Arc::new(io::Error::from(kind)));
        let reset = io(ErrorKind::ConnectionReset);
        for (cause, answered, lasted, verdict) in [
            (&LinkError::PeerClosed, true, true, Verdict::Well),
            (&LinkError::PeerClosed, true, false, Verdict::Failed),
            (&LinkError::PeerClosed, false, true, Verdict::Failed),
            (&reset, true, true, Verdict::Well),
            (&reset, false, true, Verdict::Failed),
            (&LinkError::Closed, true, true, Verdict::Well),
            (&LinkError::Closed, false, true, Verdict::Nothing),
            (&LinkError::Closed, true, false, Verdict::Nothing),
            (&LinkError::Goodbye(GoodbyeReason::Age), true, true, Verdict::Well),
            (&LinkError::Goodbye(GoodbyeReason::Age), true, false, Verdict::Failed),
            (&LinkError::Goodbye(GoodbyeReason::Draining), true, true, Verdict::Failed),
            (&LinkError::Silent(MINUTE), true, true, Verdict::Silent),
            (&LinkError::SlowPacket(MINUTE), true, true, Verdict::Silent),
            (&io(ErrorKind::TimedOut), true, true, Verdict::Silent),
        ] {
            assert_eq!(Verdict::of(cause, answered, lasted), verdict, "{cause}, {answered}, {lasted}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_asks_to_be_left_alone_is_at_once_whatever_its_other_channels_hear() {
        let health = health();
        let (goes, stays) = (Life::new(health.clone(), 0), Life::new(health.clone(), 0));
        goes.heard();
        advance(MINUTE).await;
        goes.judge(&LinkError::PeerClosed, true, Some(MINUTE));
        stays.heard();
        assert_eq!(wait(&health, 0), MINUTE);
        goes.judge(&LinkError::PeerClosed, true, Some(Duration::MAX));
        assert_eq!(wait(&health, 0), LONGEST_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_channel_of_whose_end_nothing_is_told_is_judged_by_its_age() {
        let health = health();
        let long = Life::new(health.clone(), 0);
        advance(STABLE).await;
        drop(long);
        assert_eq!(wait(&health, 0), Duration::ZERO);
        drop(Life::new(health.clone(), 0));
        assert!(wait(&health, 0) > Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dial_that_is_given_up_counts_unless_another_of_the_member_was_answered() {
        let health = health();
        let (given_up, other) = (health.attempt(0), health.attempt(0));
        other.opened();
        drop(given_up);
        assert_eq!(wait(&health, 0), Duration::ZERO);
        drop(health.attempt(0));
        assert!(wait(&health, 0) > Duration::ZERO);
    }
}

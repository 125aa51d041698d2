//! How the members of a list are doing, as their own channels tell.
//!
//! A member is in trouble when dialling it failed, was given up or took too long, and when its channels do not last;
//! no text of an error is ever looked at. Trouble passes with time, and what fails side by side is one trouble: the lanes
//! of a connection notice the same outage, each for itself. It belongs to one dialer: the list that it was made
//! from is never changed.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use listenrain::buffer::ReadBuffer;
use listenrain::{Backoff, Channel, ChannelRead, Course, NextError};
use tokio::time::Instant;

/// A channel that lived at least this long has worked; one that did not counts as a failure of its member. Well above a
/// handshake across the world, well below what people wait for.
pub(super) const STABLE: Duration = Duration::from_secs(1);

/// The health of every member of one list.
#[derive(Debug, Clone)]
pub(super) struct Health {
    members: Arc<Mutex<Vec<Standing>>>,
}

#[derive(Debug)]
struct Standing {
    course: Course,
    /// Failures that were counted. What began before the last of them tells nothing new by failing too.
    failures: u64,
    /// Behind the others until then.
    waits_until: Option<Instant>,
    /// It will never answer.
    over: Option<NextError>,
}

impl Health {
    pub(super) fn new(members: usize, backoff: &Backoff) -> Self {
        let fresh =
            |number| Standing { course: backoff.course(number), failures: 0, waits_until: None, over: None };
        Self { members: Arc::new(Mutex::new((0..members).map(fresh).collect())) }
    }

    /// What is left of `members`, those in trouble behind all others.
    pub(super) fn sort(&self, members: impl Iterator<Item = usize>) -> Vec<usize> {
        let (now, standings) = (Instant::now(), self.lock());
        let mut left: Vec<_> = members.filter(|at| standings[*at].over.is_none()).collect();
        left.sort_by_key(|at| standings[*at].waits_until.filter(|until| *until > now));
        left
    }

    /// When the first of `members` is worth another try; `None` when none ever is.
    pub(super) fn next_try(&self, members: std::ops::Range<usize>) -> Option<Instant> {
        let standings = self.lock();
        let left = standings[members].iter().filter(|standing| standing.over.is_none());
        left.map(|standing| standing.waits_until.unwrap_or_else(Instant::now)).min()
    }

    /// Begins to dial a member. Let go of without a word, it counts as a failure: a dial that was given up.
    pub(super) fn attempt(&self, member: usize) -> Attempt<'_> {
        Attempt { health: self, member, seen: self.seen(member), is_told: false }
    }

    /// Why members will never answer.
    pub(super) fn over(&self) -> Vec<NextError> {
        self.lock().iter().filter_map(|standing| standing.over.clone()).collect()
    }

    /// The channel to `member`, which tells by how long it lives how the member is doing.
    pub(super) fn watch(&self, member: usize, mut channel: Channel) -> Channel {
        let life = Life { health: self.clone(), member, seen: self.seen(member), since: Instant::now() };
        channel.read = Box::new(Watched { half: channel.read, _life: life });
        channel
    }

    fn seen(&self, member: usize) -> u64 {
        self.lock()[member].failures
    }

    /// What began when `seen` failures of the member had been counted has failed.
    fn failed(&self, member: usize, seen: u64) {
        let standing = &mut self.lock()[member];
        if standing.failures != seen {
            return;
        }
        standing.failures += 1;
        standing.waits_until = Some(Instant::now() + standing.course.failed());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Standing>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A dial of one member under way.
pub(super) struct Attempt<'a> {
    health: &'a Health,
    member: usize,
    seen: u64,
    is_told: bool,
}

impl Attempt<'_> {
    /// It answered. Whether that lasts, its channel will tell.
    pub(super) fn answered(mut self) {
        self.is_told = true;
        self.health.lock()[self.member].waits_until = None;
    }

    /// It will never answer.
    pub(super) fn gave_up(mut self, error: &NextError) {
        self.is_told = true;
        self.health.lock()[self.member].over = Some(error.clone());
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_told {
            self.health.failed(self.member, self.seen);
        }
    }
}

/// The time from a channel's beginning to its end.
struct Life {
    health: Health,
    member: usize,
    seen: u64,
    since: Instant,
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.since.elapsed() >= STABLE {
            self.health.lock()[self.member].course.succeeded();
        } else {
            self.health.failed(self.member, self.seen);
        }
    }
}

/// A read half with a [`Life`], which ends when the half is dropped.
struct Watched {
    half: Box<dyn ChannelRead>,
    _life: Life,
}

impl ChannelRead for Watched {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        self.half.poll_read(cx, into)
    }
}

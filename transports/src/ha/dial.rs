//! Dialing a list: every member is tried, and what failed stands behind the others for a while.
//!
//! One dial tries the members one after the other, from the first (with [`FailBack::Never`] from the one that worked
//! last), those in trouble after all others; each has [`attempt_timeout`](super::HaOptions::attempt_timeout). Health
//! comes from dials, and from what comes on channels and how they end: see `health.rs`. Backing off between dials is the
//! caller's business, as with every generator; a member that failed is moreover not tried first again until its own wait is
//! over, nor before as much time has passed as it took to find out.
//!
//! Forks dial side by side, and share health, what probes have found, and the member in use.
//!
//! Cancel safety: dropping a dial closes what it had begun, and counts against the member it was at, so that the next
//! dial goes on with the others.

use std::collections::VecDeque;
use std::fmt;
use std::io::{Error, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, EndpointError, NextError};
use tokio::time::timeout;

use super::channel::watch;
use super::health::Health;
use super::options::{FailBack, HaOptions};
use super::{Member, probe};
use crate::dialing::timed_out;
use crate::locks::lock;

/// Dials the members of one list.
pub(super) struct Dialer {
    shared: Arc<Shared>,
    dialers: Vec<Box<dyn ChannelGenerator>>,
}

/// What a dialer and its forks have in common.
struct Shared {
    list: Endpoint,
    members: Vec<Member>,
    health: Health,
    found: Found,
    options: HaOptions,
    /// The member that the last channel leads to.
    current: AtomicUsize,
}

/// Channels to better members that a probe has dialled, for the next dials to give.
#[derive(Clone, Default)]
pub(super) struct Found(Arc<Mutex<VecDeque<(usize, Channel)>>>);

impl Dialer {
    pub(super) fn new(
        list: Endpoint,
        members: Vec<Member>,
        options: HaOptions,
    ) -> Result<Self, EndpointError> {
        let dialer = |member: &Member| {
            let dialer = member.dialer();
            dialer.map_err(|error| list.invalid(format!("member `{}`: {}", member.endpoint, error.why)))
        };
        let dialers = members.iter().map(dialer).collect::<Result<_, _>>()?;
        let health = Health::new(members.len(), &options.backoff());
        let (found, current) = (Found::default(), AtomicUsize::new(0));
        Ok(Self { shared: Arc::new(Shared { list, members, health, found, options, current }), dialers })
    }

    async fn dial(&mut self) -> Result<Channel, NextError> {
        if let Some((member, channel)) = self.shared.found.take() {
            return Ok(self.give(member, channel));
        }
        let mut failed = Vec::new();
        for member in self.shared.order() {
            let (dialer, limit) = (&mut *self.dialers[member], self.shared.options.attempt_timeout);
            match attempt(dialer, &self.shared.health, member, limit).await {
                Ok(channel) => return Ok(self.give(member, channel)),
                Err(error) => failed.push(error),
            }
        }
        Err(self.shared.all_failed(failed))
    }

    fn give(&self, member: usize, channel: Channel) -> Channel {
        let Shared { list, members, health, found, options, current } = &*self.shared;
        let was = current.swap(member, Ordering::Relaxed);
        if member != was {
            let (to, was) = (&members[member].endpoint, &members[was].endpoint);
            tracing::info!(%list, %to, %was, "another member is in use");
        }
        let channel = watch(health, member, channel);
        if options.fail_back != FailBack::Eager || member == 0 {
            return channel;
        }
        let better = (0..member).filter_map(|better| Some((better, self.probing(better)?))).collect();
        let (health, found) = (health.clone(), found.clone());
        channel.superseded_by(probe::until_better(better, health, found, options.attempt_timeout))
    }

    /// A dialer that can be asked while this one dials: a dial that is under way never waits for a probe.
    fn probing(&self, member: usize) -> Option<Box<dyn ChannelGenerator>> {
        self.dialers[member].fork().or_else(|| self.shared.members[member].dialer().ok())
    }
}

impl Shared {
    fn order(&self) -> Vec<usize> {
        let is_never = self.options.fail_back == FailBack::Never;
        let from = if is_never { self.current.load(Ordering::Relaxed) } else { 0 };
        self.health.sort((from..self.members.len()).chain(0..from))
    }

    fn all_failed(&self, mut failed: Vec<NextError>) -> NextError {
        let over = self.health.over();
        let is_final = over.len() == self.members.len();
        // Those that are over were not tried again, but count among the reasons.
        failed.retain(|error| !error.is_final);
        failed.extend(over);
        let kind = failed.first().map_or(ErrorKind::NotFound, |error| error.kind);
        let error = Error::new(kind, AllFailed { members: failed });
        let told = if is_final { NextError::lasting } else { NextError::passing };
        told("dial", &self.list, error)
    }
}

impl ChannelGenerator for Dialer {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(self.dial())
    }

    fn endpoint(&self) -> &Endpoint {
        &self.shared.list
    }

    /// `None` where a member's dialer cannot be forked: a second dialer would not share what channels of the first share.
    fn fork(&self) -> Option<Box<dyn ChannelGenerator>> {
        let dialers = self.dialers.iter().map(|dialer| dialer.fork()).collect::<Option<_>>()?;
        Some(Box::new(Self { shared: Arc::clone(&self.shared), dialers }))
    }
}

/// Dials one member once.
pub(super) async fn attempt(
    dialer: &mut dyn ChannelGenerator,
    health: &Health,
    member: usize,
    limit: Duration,
) -> Result<Channel, NextError> {
    let attempt = health.attempt(member);
    match timeout(limit, dialer.next()).await {
        Ok(Ok(channel)) => {
            attempt.opened();
            Ok(channel)
        }
        Ok(Err(error)) => {
            if error.is_final {
                attempt.gave_up(&error)
            } else {
                attempt.failed()
            }
            Err(error)
        }
        Err(_) => {
            attempt.failed();
            Err(NextError::passing("dial", dialer.endpoint(), timed_out("answer", limit, "attempt_timeout")))
        }
    }
}

impl Found {
    pub(super) fn put(&self, member: usize, channel: Channel) {
        lock(&self.0).push_back((member, channel));
    }

    fn take(&self) -> Option<(usize, Channel)> {
        lock(&self.0).pop_front()
    }
}

/// No member of a list has answered: why not, of each.
#[derive(Debug)]
#[non_exhaustive]
pub struct AllFailed {
    /// What each member said, in the order in which they were tried; those that are over for good last.
    pub members: Vec<NextError>,
}

impl fmt::Display for AllFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no member answered")?;
        for (index, error) in self.members.iter().enumerate() {
            let source = error.source.as_ref().map_or_else(String::new, |source| format!(": {source}"));
            write!(f, "{} {error}{source}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl std::error::Error for AllFailed {}

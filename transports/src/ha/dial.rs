//! Dialling a list: every member is tried, and what failed stands behind the others for a while.
//!
//! One dial tries the members one after the other, from the first (with [`FailBack::Never`] from the one that worked
//! last), those in trouble after all others; each has [`attempt_timeout`](super::HaOptions::attempt_timeout). Health
//! comes from dials and from how long channels live. Backing off between dials is the caller's business, as with every
//! generator; a member that failed is moreover not tried first again until its own wait is over.
//!
//! Cancel safety: dropping a dial closes what it had begun, and counts against the member it was at, so that the next
//! dial goes on with the others.

use std::collections::VecDeque;
use std::fmt;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, EndpointError, NextError};
use tokio::time::timeout;

use super::health::Health;
use super::options::{FailBack, HaOptions};
use super::{Member, probe};
use crate::options::value::show_duration;

/// Dials the members of one list.
pub(super) struct Dialer {
    list: Endpoint,
    members: Vec<Member>,
    dialers: Vec<Box<dyn ChannelGenerator>>,
    health: Health,
    found: Found,
    options: HaOptions,
    /// The member that the last channel leads to.
    current: usize,
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
        Ok(Self { list, members, dialers, health, found: Found::default(), options, current: 0 })
    }

    async fn dial(&mut self) -> Result<Channel, NextError> {
        if let Some((member, channel)) = self.found.take() {
            return Ok(self.give(member, channel));
        }
        let mut failed = Vec::new();
        for member in self.order() {
            let dialer = &mut *self.dialers[member];
            match attempt(dialer, &self.health, member, self.options.attempt_timeout).await {
                Ok(channel) => return Ok(self.give(member, channel)),
                Err(error) => failed.push(error),
            }
        }
        Err(self.all_failed(failed))
    }

    fn order(&self) -> Vec<usize> {
        let from = if self.options.fail_back == FailBack::Never { self.current } else { 0 };
        let count = self.members.len();
        self.health.sort((from..count).chain(0..from))
    }

    fn give(&mut self, member: usize, channel: Channel) -> Channel {
        if member != self.current {
            let (list, to) = (&self.list, &self.members[member].endpoint);
            tracing::info!(%list, %to, was = %self.members[self.current].endpoint, "another member is in use");
        }
        self.current = member;
        let channel = self.health.watch(member, channel);
        if self.options.fail_back != FailBack::Eager || member == 0 {
            return channel;
        }
        let better = self.members[..member].to_vec();
        let limit = self.options.attempt_timeout;
        channel.superseded_by(probe::until_better(better, self.health.clone(), self.found.clone(), limit))
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
        &self.list
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
            attempt.answered();
            Ok(channel)
        }
        Ok(Err(error)) => {
            if error.is_final {
                attempt.gave_up(&error);
            }
            Err(error)
        }
        Err(_) => {
            let text = format!("no answer within {} (attempt_timeout)", show_duration(limit));
            Err(NextError::passing("dial", dialer.endpoint(), Error::new(ErrorKind::TimedOut, text)))
        }
    }
}

impl Found {
    pub(super) fn put(&self, member: usize, channel: Channel) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back((member, channel));
    }

    fn take(&self) -> Option<(usize, Channel)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
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

//! Several endpoints of the transport under test, and active/standby over them.
//!
//! A transport that is itself one of lists is put to the test as it is, with the members that it chooses; any other one
//! is put below an [`ActiveStandby`].

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use listenrain::{Endpoint, NextError, Transport};
use listenrain_transports::{ActiveStandby, Registry};

use super::bed::{Bed, Door, End};
use super::failure::{Check, Failure};
use crate::layer::Side;

/// How long a member that failed stands behind the others at first; little, so that nobody waits for it to be over.
pub(crate) const FIRST_WAIT: Duration = Duration::from_millis(5);
/// How long that may become.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_millis(40);

/// Endpoints in the order of preference, whether anybody listens there or not.
pub(crate) struct Members {
    /// What understands lists of them.
    lists: Arc<dyn Transport>,
    /// Whether the transport under test understands nothing but lists.
    only_lists: bool,
    all: Vec<Endpoint>,
}

impl Members {
    /// `count` members at fresh endpoints, and a listener at each.
    pub(crate) async fn listening(bed: &Bed, count: usize) -> Check<(Self, Vec<Door>)> {
        let mut fresh = Vec::new();
        let mut only_lists = false;
        while fresh.len() < count {
            let scratch = bed.scratch_with_small_windows();
            only_lists = scratch.is_list();
            if only_lists { fresh.extend(scratch.members()?) } else { fresh.push(scratch) }
        }
        fresh.truncate(count);
        let lists = if only_lists { bed.transport.clone() } else { over(bed.transport.clone())? };
        let mut members = Self { lists, only_lists, all: fresh };
        let mut doors = Vec::new();
        for at in 0..count {
            let door = members.listen(bed, at).await?;
            members.all[at] = door.endpoint().members()?.pop().unwrap_or_else(|| door.endpoint().clone());
            doors.push(door);
        }
        Ok((members, doors))
    }

    /// A listener at one of them.
    pub(crate) async fn listen(&self, bed: &Bed, member: usize) -> Result<Door, NextError> {
        let at = self.alone(member).map_err(|error| NextError::invalid("listen", error))?;
        bed.listen(&at).await
    }

    fn alone(&self, member: usize) -> Result<Endpoint, listenrain::EndpointError> {
        let member = &self.all[member];
        if self.only_lists { Endpoint::list(self.lists.scheme(), [member]) } else { Ok(member.clone()) }
    }

    /// A dialer for the list of all, which goes back to its first member as `fail_back` says.
    pub(crate) fn dialer(&self, bed: &Bed, fail_back: &str) -> Check<Door> {
        let text = |wait: Duration| format!("{}ms", wait.as_millis());
        let list = Endpoint::list(self.lists.scheme(), &self.all)?
            .with_option("fail_back", fail_back)
            .with_option("first_wait", &text(FIRST_WAIT))
            .with_option("longest_wait", &text(LONGEST_WAIT));
        Ok(bed.door(Side::Dialer, self.lists.dialer(&list)?))
    }

    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.all
    }
}

fn over(transport: Arc<dyn Transport>) -> Check<Arc<dyn Transport>> {
    let mut members = Registry::new();
    members.register(transport).map_err(|error| Failure::new(error.to_string()))?;
    Ok(Arc::new(ActiveStandby::new(members)))
}

/// What the first of the doors accepts, and which one that is.
pub(crate) async fn first_of(doors: &mut [Option<Door>]) -> Check<(usize, End)> {
    let there = doors.iter_mut().enumerate().filter_map(|(at, door)| Some((at, door.as_mut()?)));
    let mut accepts: Vec<_> = there.map(|(at, door)| (at, Box::pin(door.next()))).collect();
    poll_fn(|cx| {
        let accepted = accepts.iter_mut().find_map(|(at, accept)| match accept.as_mut().poll(cx) {
            Poll::Ready(accepted) => Some(accepted.map(|end| (*at, end))),
            Poll::Pending => None,
        });
        accepted.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

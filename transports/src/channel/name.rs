//! The table of names: each with its listener's queue, open links and faults.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use listenrain::{Channel, ChannelFacts, Endpoint};

use super::control::{Direction, Faults};
use super::link::{Link, Side};
use super::options::ChannelOptions;
use super::{SCHEME, endpoint_of_dial};

use crate::locks::lock;

/// The names of one instance. A name stays while a listener, a link or a control holds it.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<String, Weak<Name>>,
    numbers: u64,
    prune_at: usize,
}

impl Names {
    /// What is known under `name`, which is new when it has no holder.
    pub(super) fn named(&self, name: &str) -> Arc<Name> {
        let mut known = lock(&self.known);
        if let Some(name) = known.by_name.get(name).and_then(Weak::upgrade) {
            return name;
        }
        if known.by_name.len() >= known.prune_at {
            known.by_name.retain(|_, name| name.strong_count() > 0);
            known.prune_at = 2 * known.by_name.len() + 16;
        }
        let fresh = Arc::new(Name::default());
        known.by_name.insert(name.to_owned(), Arc::downgrade(&fresh));
        fresh
    }

    /// A made-up name.
    pub(super) fn fresh(&self) -> String {
        format!("fresh-{}", self.number())
    }

    /// A number that this instance gives once, to tell dials and made-up names apart.
    pub(super) fn number(&self) -> u64 {
        let mut known = lock(&self.known);
        known.numbers += 1;
        known.numbers
    }
}

/// One name.
#[derive(Debug, Default)]
pub(super) struct Name {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    listener: Option<Queue>,
    links: Vec<Weak<Link>>,
    /// Of links to come, by the side that reads.
    faults: [Faults; 2],
    refuse: bool,
    prune_at: usize,
}

/// What waits for a listener.
#[derive(Debug)]
struct Queue {
    endpoint: Endpoint,
    options: ChannelOptions,
    waiting: VecDeque<(Arc<Link>, Channel)>,
    waker: Option<Waker>,
}

impl Name {
    pub(super) fn listen(&self, endpoint: Endpoint, options: ChannelOptions) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.listener.is_some() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "the name has a listener already"));
        }
        state.listener = Some(Queue { endpoint, options, waiting: VecDeque::new(), waker: None });
        Ok(())
    }

    /// Frees the name; channels that were not accepted are reset.
    pub(super) fn unlisten(&self) {
        let queue = lock(&self.state).listener.take();
        for (link, _) in queue.into_iter().flat_map(|queue| queue.waiting) {
            link.reset(Some(Side::Listener));
        }
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Channel> {
        let mut state = lock(&self.state);
        let Some(queue) = &mut state.listener else {
            return Poll::Pending;
        };
        match queue.waiting.pop_front() {
            Some((_, channel)) => Poll::Ready(channel),
            None => {
                let old = queue.waker.replace(cx.waker().clone());
                drop(state);
                drop(old);
                Poll::Pending
            }
        }
    }

    pub(super) fn dial(
        self: &Arc<Self>,
        endpoint: &Endpoint,
        number: u64,
        options: &ChannelOptions,
    ) -> io::Result<Channel> {
        let mut state = lock(&self.state);
        let State { listener, faults, refuse, .. } = &mut *state;
        let queue = listener.as_mut().filter(|_| !*refuse);
        let queue = queue.ok_or_else(|| refused("the name has no listener"))?;
        if queue.waiting.len() >= queue.options.backlog {
            return Err(refused("the listener's backlog is full (backlog)"));
        }
        let link = Link::new(Some(self.clone()), [options.limits(), queue.options.limits()], *faults);
        let dialer = endpoint_of_dial(endpoint, number);
        let facts = |local: &Endpoint, peer: &Endpoint| {
            ChannelFacts::new(SCHEME).between(Some(local.clone()), Some(peer.clone()))
        };
        let ours = link.channel(Side::Dialer, facts(&dialer, &queue.endpoint));
        let theirs = link.channel(Side::Listener, facts(&queue.endpoint, &dialer));
        let weak = Arc::downgrade(&link);
        queue.waiting.push_back((link, theirs));
        let waker = queue.waker.take();
        state.keep(weak);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(ours)
    }

    pub(super) fn change(&self, direction: Direction, change: impl Fn(&mut Faults)) {
        let mut state = lock(&self.state);
        for side in direction.sides() {
            change(&mut state.faults[*side as usize]);
        }
        // Locked until all are changed, so that no new link starts with the old faults and is missed.
        let links: Vec<_> = state.links().collect();
        for link in &links {
            for side in direction.sides() {
                link.towards(*side).change(&change);
            }
        }
        drop(state);
    }

    pub(super) fn cut(&self) {
        let links: Vec<_> = lock(&self.state).links().collect();
        for link in links {
            link.reset(None);
        }
    }

    pub(super) fn refuse(&self, on: bool) {
        lock(&self.state).refuse = on;
    }

    pub(super) fn open_channels(&self) -> usize {
        let links: Vec<_> = lock(&self.state).links().collect();
        links.len()
    }
}

impl State {
    fn links(&self) -> impl Iterator<Item = Arc<Link>> {
        self.links.iter().filter_map(Weak::upgrade)
    }

    fn keep(&mut self, link: Weak<Link>) {
        if self.links.len() >= self.prune_at {
            self.links.retain(|link| link.strong_count() > 0);
            self.prune_at = 2 * self.links.len() + 16;
        }
        self.links.push(link);
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why)
}

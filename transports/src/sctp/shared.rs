//! A handle to an association, shared by its hub and the halves of its channels.

use std::sync::{Arc, Mutex, Weak};

use listenrain::{Channel, ChannelFacts};
use tokio::sync::mpsc::UnboundedSender;

use super::association::{Association, Role};
use super::fault::Loss;
use super::halves::{ReadHalf, WriteHalf};
use super::lane::{Lane, Scope};

use crate::locks::lock;

/// The one handle to an association. It does not keep the hub alive, nor the association in it.
pub(super) struct Shared {
    association: Mutex<Association>,
    /// What the hub knows it by.
    tag: u32,
    /// Wakes the hub.
    wants: UnboundedSender<u32>,
    role: Role,
    facts: ChannelFacts,
}

impl Shared {
    pub(super) fn new(
        association: Association,
        tag: u32,
        wants: UnboundedSender<u32>,
        facts: ChannelFacts,
    ) -> Arc<Self> {
        let role = association.role;
        Arc::new(Self { association: Mutex::new(association), tag, wants, role, facts })
    }

    /// Acts on the association; afterwards wakes whom that concerns, and the hub if there is something to send.
    pub(super) fn act<T>(&self, act: impl FnOnce(&mut Association) -> T) -> T {
        let (done, is_news) = self.act_unheard(|association| {
            let was_touched = association.is_touched();
            let done = act(association);
            (done, association.is_touched() && !was_touched)
        });
        if is_news {
            // A hub that is gone has lost the association.
            let _ = self.wants.send(self.tag);
        }
        done
    }

    /// As [`act`](Self::act), for the hub itself.
    pub(super) fn act_unheard<T>(&self, act: impl FnOnce(&mut Association) -> T) -> T {
        let mut association = lock(&self.association);
        let done = act(&mut association);
        let woken = association.take_woken();
        drop(association);
        // Only now, since waking may run anything.
        for waker in woken {
            waker.wake();
        }
        done
    }

    /// Acts on the lane at `key`, of which the caller holds a half.
    pub(super) fn on_lane<T>(&self, key: usize, act: impl FnOnce(&mut Lane, &mut Scope<'_>) -> T) -> T {
        self.act(|association| association.on_lane(key, act))
    }

    /// As [`on_lane`](Self::on_lane), by which the caller lets go of its half.
    pub(super) fn let_go(&self, key: usize, act: impl FnOnce(&mut Lane, &mut Scope<'_>)) {
        self.act(|association| {
            association.touch();
            association.on_lane(key, act);
        });
    }

    /// The lane at `key` as a channel; once for each key.
    pub(super) fn channel(self: &Arc<Self>, key: usize) -> Channel {
        let stream = self.act_unheard(|association| association.on_lane(key, |lane, _| lane.stream));
        let mut facts = self.facts.clone();
        // No two channels have the same two ends, though they share a port.
        let dialled = if self.role == Role::Dialer { &mut facts.local } else { &mut facts.peer };
        *dialled = dialled.take().map(|end| {
            let address = format!("{}#{stream}", end.address());
            end.with_address(address)
        });
        facts.more.insert("stream".to_owned(), stream.to_string());
        let read = ReadHalf { shared: self.clone(), lane: key };
        let write = WriteHalf { shared: self.clone(), lane: key };
        Channel::from_halves(read, write, facts)
    }

    pub(super) fn lose(&self, loss: Loss) {
        self.act_unheard(|association| association.lose(loss));
    }
}

/// A dialer's hold on its association: while there is one, the association waits for more lanes.
pub(super) struct Wanted(Weak<Shared>);

impl Wanted {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::downgrade(shared))
    }

    pub(super) fn get(&self) -> Option<Arc<Shared>> {
        self.0.upgrade()
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.act(Association::unwanted);
        }
    }
}

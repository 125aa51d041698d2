//! The listening sockets of one transport, and those that still carry accepted channels.
//!
//! A socket outlives its listener while channels of it are open, and the next listener at the same address takes it
//! over. Another process cannot: to it the address stays taken until then.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::acceptor::Acceptor;

use crate::locks::lock;

/// What the world knows of a listening hub.
#[derive(Debug)]
pub(in super::super) struct Handle {
    pub(in super::super) local: SocketAddr,
    /// Takes tags of associations that have something to send. An association says so once, until the hub has looked after it.
    pub(super) wants: UnboundedSender<u32>,
    acceptor: Mutex<Option<Arc<Acceptor>>>,
}

impl Handle {
    pub(super) fn new(
        local: SocketAddr,
        acceptor: Option<Arc<Acceptor>>,
    ) -> (Arc<Self>, UnboundedReceiver<u32>) {
        let (wants, wanting) = unbounded_channel();
        (Arc::new(Self { local, wants, acceptor: Mutex::new(acceptor) }), wanting)
    }

    pub(super) fn acceptor(&self) -> Option<Arc<Acceptor>> {
        lock(&self.acceptor).clone()
    }

    /// Nobody listens by `acceptor` any more.
    pub(in super::super) fn detach(&self, acceptor: &Weak<Acceptor>) {
        lock(&self.acceptor).take_if(|known| Arc::as_ptr(known) == acceptor.as_ptr());
        // No association has this tag; it only wakes the hub.
        let _ = self.wants.send(0);
    }

    /// No peer is accepted any more, and the listener hears so.
    pub(super) fn close(&self) {
        drop(lock(&self.acceptor).take());
    }
}

#[derive(Debug, Default)]
pub(in super::super) struct Registry {
    hubs: Mutex<BTreeMap<SocketAddr, Arc<Handle>>>,
}

impl Registry {
    /// The hub at `address`, from now on with `acceptor`; `None` when there is no hub.
    ///
    /// # Errors
    ///
    /// When there is a listener already.
    pub(in super::super) fn take_over(
        &self,
        address: SocketAddr,
        acceptor: &Arc<Acceptor>,
    ) -> Result<Option<Arc<Handle>>, Taken> {
        let hubs = lock(&self.hubs);
        let Some(handle) = hubs.get(&address) else {
            return Ok(None);
        };
        let mut slot = lock(&handle.acceptor);
        if slot.is_some() {
            return Err(Taken);
        }
        *slot = Some(acceptor.clone());
        Ok(Some(handle.clone()))
    }

    pub(super) fn add(&self, handle: Arc<Handle>) {
        lock(&self.hubs).insert(handle.local, handle);
    }

    /// Ends the hub of `handle` by `close`, which frees its address, unless there is a listener again.
    pub(super) fn retire(&self, handle: &Arc<Handle>, close: impl FnOnce()) -> bool {
        // Locked all the while, so that whoever listens next finds either the hub or a free address.
        let mut hubs = lock(&self.hubs);
        if lock(&handle.acceptor).is_some() {
            return false;
        }
        forget(&mut hubs, handle);
        close();
        true
    }

    /// The hub of `handle` is gone, with or without a listener.
    pub(super) fn forget(&self, handle: &Arc<Handle>) {
        forget(&mut lock(&self.hubs), handle);
    }
}

/// Somebody listens there already.
#[derive(Debug)]
pub(in super::super) struct Taken;

fn forget(hubs: &mut BTreeMap<SocketAddr, Arc<Handle>>, handle: &Arc<Handle>) {
    if hubs.get(&handle.local).is_some_and(|known| Arc::ptr_eq(known, handle)) {
        hubs.remove(&handle.local);
    }
}

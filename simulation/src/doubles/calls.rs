//! The calls of one line: those that wait to be written, and those that wait for their replies.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use listenrain::{CallError, Kind, LinkError, Outcome, Packet, Refusal, Sent};
use tokio::sync::oneshot;

use super::budget::Permit;
use super::flaw::{Faulty, Flaw};

/// Every call that has not ended, and the order in which those that are not sent will be.
#[derive(Debug, Default)]
pub(super) struct Calls {
    faulty: Faulty,
    last: u64,
    open: BTreeMap<u64, Open>,
    queue: VecDeque<u64>,
}

#[derive(Debug)]
struct Open {
    packet: Packet,
    told: oneshot::Sender<Outcome<Bytes>>,
    is_sent: bool,
    permit: Permit,
}

impl Calls {
    pub(super) fn new(faulty: Faulty) -> Self {
        Self { faulty, ..Self::default() }
    }

    /// Queues a call, and gives its id and where its outcome will be told.
    pub(super) fn push(
        &mut self,
        kind: Kind,
        body: Bytes,
        permit: Permit,
    ) -> (u64, oneshot::Receiver<Outcome<Bytes>>) {
        let id = self.fresh_id();
        let (told, outcome) = oneshot::channel();
        let packet = Packet::new(kind, id, body);
        self.open.insert(id, Open { packet, told, is_sent: false, permit });
        self.queue.push_back(id);
        (id, outcome)
    }

    fn fresh_id(&mut self) -> u64 {
        if self.faulty.has(Flaw::ReusesIds) {
            return (1..).find(|id| !self.open.contains_key(id)).unwrap_or_default();
        }
        self.last += 1;
        self.last
    }

    /// The next packet to write, which counts as sent from now on.
    pub(super) fn next(&mut self) -> Option<Packet> {
        let id = self.queue.pop_front()?;
        let open = self.open.get_mut(&id)?;
        open.is_sent = true;
        Some(open.packet.clone())
    }

    /// The packet of `id` is written whole: what wants no reply ends with that.
    pub(super) fn written(&mut self, id: u64) {
        if self.open.get(&id).is_some_and(|open| open.packet.kind == Kind::OneWay) {
            self.end(id, Ok(Bytes::new()));
        }
    }

    /// Ends call `id`, if it is one that has not ended.
    pub(super) fn end(&mut self, id: u64, outcome: Outcome<Bytes>) {
        if let Some(open) = self.open.remove(&id) {
            // One that is not sent must not be.
            self.queue.retain(|queued| *queued != id);
            // Its caller may have gone.
            let _ = open.told.send(outcome);
        }
    }

    pub(super) fn is_sent(&self, id: u64) -> bool {
        self.open.get(&id).is_some_and(|open| open.is_sent)
    }

    /// The caller of `id` waits no longer.
    pub(super) fn forget(&mut self, id: u64) {
        self.queue.retain(|queued| *queued != id);
        if let Some(open) = self.open.remove(&id)
            && self.faulty.has(Flaw::KeepsRoom)
        {
            open.permit.lose();
        }
    }

    /// The link is lost that had carried what is sent.
    pub(super) fn link_lost(&mut self) {
        if self.faulty.has(Flaw::LR03) {
            return;
        }
        if self.faulty.has(Flaw::Resends) {
            return self.send_again();
        }
        let sent = if self.faulty.has(Flaw::SaysUnsent) { Sent::No } else { Sent::Maybe };
        for id in self.sent() {
            self.end(id, Err(CallError::Lost { sent, cause: LinkError::PeerClosed }));
        }
    }

    fn send_again(&mut self) {
        for id in self.sent() {
            self.queue.push_back(id);
        }
        self.open.values_mut().for_each(|open| open.is_sent = false);
    }

    /// Ends everything that is not sent by `refusal`.
    pub(super) fn refuse(&mut self, refusal: &Refusal) {
        let queued: Vec<_> = self.queue.iter().copied().collect();
        for id in queued {
            self.end(id, Err(CallError::Refused(refusal.clone())));
        }
    }

    /// Ends everything, since this side closes.
    pub(super) fn close(&mut self) {
        self.refuse(&Refusal::Closed);
        for id in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(id, Err(CallError::Lost { sent: Sent::Maybe, cause: LinkError::Closed }));
        }
    }

    /// Throws the second half of what is queued out of the queue.
    pub(super) fn halve_queue(&mut self) {
        self.queue.truncate(self.queue.len().div_ceil(2));
    }

    fn sent(&self) -> Vec<u64> {
        self.open.iter().filter(|(_, open)| open.is_sent).map(|(id, _)| *id).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }
}

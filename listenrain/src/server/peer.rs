//! State of an accepted channel that outlives its link, since handlers may still hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::Shared;
use super::builder::OnDisconnect;
use super::channels::Address;
use super::runs::Runs;
use super::turns::Turns;
use crate::channel::ChannelFacts;
use crate::correlation::Mode;
use crate::link::Signal;
use crate::packet::GoodbyeReason;
use crate::primitives::budget::Account;

/// One accepted channel, as its link and its handlers share it.
pub(crate) struct Peer {
    pub(super) number: u64,
    /// Set where channels of an address are limited below the server's limit.
    pub(super) address: Option<Address>,
    pub(super) signal: Arc<Signal>,
    pub(super) runs: Runs,
    pub(super) facts: Arc<ChannelFacts>,
    /// Requests that are not answered.
    pub(super) places: Arc<Account>,
    /// Bytes that it keeps in memory.
    pub(super) memory: Arc<Account>,
    /// Handlers that run.
    pub(super) handlers: Arc<Account>,
    /// Bytes of answers that are queued.
    pub(super) queued_bytes: AtomicU64,
    /// Set where order is all that a reply has.
    pub(super) turns: Option<Turns>,
    /// Why it is ended, once it is.
    why: AtomicU8,
}

impl Peer {
    pub(super) fn new(
        number: u64,
        address: Option<Address>,
        facts: ChannelFacts,
        shared: &Shared,
    ) -> Arc<Self> {
        let limits = &shared.options.limits;
        Arc::new(Self {
            number,
            address,
            signal: Arc::new(Signal::new(&shared.parts.new_queue)),
            runs: Runs::default(),
            facts: Arc::new(facts),
            places: shared.places.account(limits.requests as u64),
            memory: shared.memory.account(limits.bytes as u64),
            handlers: shared.handlers.account(u64::MAX >> 2),
            queued_bytes: AtomicU64::new(0),
            turns: matches!(shared.parts.correlation.0, Mode::Order).then(Turns::default),
            why: AtomicU8::new(0),
        })
    }

    /// The channel is to end in an orderly way.
    pub(super) fn finish(&self, why: GoodbyeReason) {
        let _ = self.why.compare_exchange(0, why.to_byte(), Ordering::AcqRel, Ordering::Relaxed);
        self.signal.finish();
    }

    /// The channel is to end now.
    pub(super) fn stop(&self, why: GoodbyeReason) {
        let _ = self.why.compare_exchange(0, why.to_byte(), Ordering::AcqRel, Ordering::Relaxed);
        self.signal.stop();
    }

    pub(super) fn why(&self) -> GoodbyeReason {
        GoodbyeReason::from_byte(self.why.load(Ordering::Acquire))
    }

    /// The channel is over: what is queued goes nowhere.
    pub(super) fn end(&self, on_disconnect: OnDisconnect) {
        drop(self.signal.outbox.close());
        if let Some(turns) = &self.turns {
            turns.clear();
        }
        if on_disconnect == OnDisconnect::Cancel {
            self.runs.cancel_all();
        }
    }
}

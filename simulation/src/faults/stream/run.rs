//! The interface between stream faults and the run that they happen in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use listenrain::Endpoint;

use super::wire::Wire;
use crate::faults::{FaultKind, FaultPlan};
use crate::random::Random;

/// Which way something passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// From the client to a server.
    ToServer,
    /// From a server to the client.
    ToClient,
}

/// One run: its plan and clock, and what is to be known of it afterwards.
pub(crate) trait Run: Send + Sync + fmt::Debug + 'static {
    /// What goes wrong in it.
    fn plan(&self) -> &FaultPlan;

    /// How long it has lasted.
    fn now(&self) -> Duration;

    /// Random choices for the purpose `what`, the same for the same seed and order of asking.
    fn random(&self, what: &str) -> Random;

    /// Something has happened to party `who`.
    fn note(&self, who: u16, what: &'static str, number: u64, amount: u64);

    /// Fault number `fault` has happened, to party `who`; `in_packet`: in the middle of a write.
    fn fired(&self, fault: usize, who: u16, in_packet: bool);

    /// Whether fault number `fault` has happened.
    fn has_fired(&self, fault: usize) -> bool;

    /// Which server listens at `endpoint`.
    fn server_at(&self, endpoint: &Endpoint) -> Option<usize>;

    /// Something is to pass between the client and `server`.
    fn passes(&self, server: usize, way: Way);

    /// One more dial is under way, or one less.
    fn dialing(&self, begins: bool);

    /// The client was led to `server`.
    fn led_to(&self, server: usize);

    /// A channel of party `who` opens, which has the number that is given back.
    fn opens(&self, who: u16) -> u64;

    /// Channel `number` of party `who` is to be cut when its program is killed.
    fn registers(&self, number: u64, who: u16, wire: &Arc<Wire>);

    /// Channel `number` of party `who` closes.
    fn closes(&self, number: u64, who: u16);

    /// A channel of the client `who` is lost, which had taken these calls.
    fn channel_lost(&self, who: u16, calls: &[u64]);

    /// The channel that has taken these calls lets a bit flip.
    fn channel_spoilt(&self, calls: &[u64]);

    /// A channel of party `who` has taken all of call `number`; whether there is such a call.
    fn call_is_sent(&self, who: u16, number: u64) -> bool;
}

impl dyn Run {
    /// The first fault of `kind` that is on for `server`, and how much of it.
    pub(super) fn active(&self, kind: FaultKind, server: usize) -> Option<(usize, u64)> {
        self.plan().active(kind, server, self.now()).next().map(|(fault, how)| (fault, how.amount))
    }

    /// When a fault begins or ends next.
    pub(super) fn next_change(&self) -> Option<Duration> {
        self.plan().next_change(self.now())
    }
}

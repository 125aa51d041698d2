//! The run as stream faults see it.

use std::sync::Arc;
use std::time::Duration;

use listenrain::Endpoint;

use super::channels::LANE_DEAD;
use super::{RunContext, Situation, Way};
use crate::faults::{Cut, FaultPlan, Run, Wire};
use crate::random::Random;

impl Run for RunContext {
    fn plan(&self) -> &FaultPlan {
        self.plan()
    }

    fn now(&self) -> Duration {
        self.now()
    }

    fn random(&self, what: &str) -> Random {
        self.random(what)
    }

    fn note(&self, who: u16, what: &'static str, number: u64, amount: u64) {
        self.note(who, what, number, amount);
    }

    fn fired(&self, fault: usize, who: u16, in_packet: bool) {
        self.fired(fault, who, in_packet);
    }

    fn has_fired(&self, fault: usize) -> bool {
        self.has_fired(fault)
    }

    fn server_at(&self, endpoint: &Endpoint) -> Option<usize> {
        self.server_at(endpoint)
    }

    fn passes(&self, server: usize, way: Way) {
        self.passes(server, way);
    }

    fn dialing(&self, begins: bool) {
        let dialing = &mut self.seen().dialing;
        *dialing = if begins { *dialing + 1 } else { *dialing - 1 };
    }

    fn led_to(&self, server: usize) {
        self.led_to(server);
    }

    fn opens(&self, who: u16) -> u64 {
        let now = self.now();
        let mut seen = self.seen();
        seen.channels_made += 1;
        let number = seen.channels_made;
        *seen.channels.entry(who).or_default() += 1;
        *seen.opened.entry(who).or_default() += 1;
        seen.trace.add(now, who, "channel opens", number, 0);
        number
    }

    fn registers(&self, number: u64, who: u16, wire: &Arc<Wire>) {
        let mut seen = self.seen();
        seen.wires.insert(number, (who, Arc::downgrade(wire)));
        let is_dying = seen.dying.contains(&who);
        drop(seen);
        if is_dying {
            wire.sever(Cut::Reset);
        }
    }

    fn closes(&self, number: u64, who: u16) {
        let now = self.now();
        let mut seen = self.seen();
        seen.wires.remove(&number);
        if let Some(channels) = seen.channels.get_mut(&who) {
            *channels -= 1;
        }
        // Those of a program that is killed close in any order.
        if !seen.is_closed && !seen.dying.contains(&who) {
            seen.trace.add(now, who, "channel closes", number, 0);
        }
    }

    fn channel_lost(&self, who: u16, calls: &[u64]) {
        let now = self.now();
        let mut seen = self.seen();
        if seen.channels.get(&who).is_some_and(|channels| *channels > 1) {
            seen.situations.insert(Situation::Seen(LANE_DEAD));
        }
        calls.iter().for_each(|number| seen.history.doom(*number, now));
    }

    fn channel_spoilt(&self, calls: &[u64]) {
        let mut seen = self.seen();
        calls.iter().for_each(|number| seen.history.spoil(*number));
    }

    fn call_is_sent(&self, who: u16, number: u64) -> bool {
        let now = self.now();
        let mut seen = self.seen();
        let is_call = seen.history.is_sent(number, now);
        if is_call {
            seen.trace.add(now, who, "sent", number, 0);
        }
        is_call
    }
}

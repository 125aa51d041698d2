//! A state machine: a caller that is a struct, not a closure.

use listenrain::{Outcome, StateMachine};
use tokio::sync::oneshot;

use super::messages::Droplet;
use super::used::Used;

/// Passes its outcome on.
#[derive(Debug)]
pub(crate) struct Told {
    outcome: oneshot::Sender<Outcome<Droplet>>,
    used: Used,
}

impl Told {
    pub(crate) fn new(used: &Used) -> (Self, oneshot::Receiver<Outcome<Droplet>>) {
        let (outcome, told) = oneshot::channel();
        let used = used.clone();
        (Self { outcome, used }, told)
    }
}

impl StateMachine<Droplet> for Told {
    fn ended(self: Box<Self>, outcome: Outcome<Droplet>) {
        self.used.note("state machines told");
        let _ = self.outcome.send(outcome);
    }
}

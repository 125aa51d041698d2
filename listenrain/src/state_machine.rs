//! `StateMachine`: a caller's callbacks.

use crate::error::Outcome;

/// A caller that goes on by callbacks. It is told exactly one [`Outcome`], on the protocol's callback executor.
///
/// Any `FnOnce(Outcome<M>)` is one.
#[doc(alias = "StatMachine")]
#[doc(alias = "SyncStatMachine")]
pub trait StateMachine<M>: Send + 'static {
    /// How the call ended. A panic in here harms no other call.
    fn ended(self: Box<Self>, outcome: Outcome<M>);
}

impl<M, F: FnOnce(Outcome<M>) + Send + 'static> StateMachine<M> for F {
    fn ended(self: Box<Self>, outcome: Outcome<M>) {
        self(outcome);
    }
}

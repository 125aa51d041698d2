//! A client that forgets whom to tell, and a server that does not wait.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{BoxFuture, CallError, Failure, Outcome};

use crate::stack::{Caller, InUse, Serving, Told};

/// Nobody is told of a callback that was not run.
pub(super) struct Forgetful(pub(super) Arc<dyn Caller>);

impl Caller for Forgetful {
    fn call(&self, to: usize, body: Bytes, timeout: Duration) -> BoxFuture<'_, Outcome<Bytes>> {
        self.0.call(to, body, timeout)
    }

    fn send(&self, to: usize, body: Bytes, timeout: Duration, told: Told) -> BoxFuture<'_, ()> {
        let told = Box::new(move |outcome| match outcome {
            Err(CallError::Failed(Failure::NotRun)) => {}
            outcome => told(outcome),
        });
        self.0.send(to, body, timeout, told)
    }

    fn one_way(&self, to: usize, body: Bytes) -> BoxFuture<'_, Result<(), CallError>> {
        self.0.one_way(to, body)
    }

    fn close(&self, within: Duration) -> BoxFuture<'_, ()> {
        self.0.close(within)
    }

    fn in_use(&self) -> InUse {
        self.0.in_use()
    }
}

/// A drain cuts off what there is.
pub(super) struct Hasty(pub(super) Arc<dyn Serving>);

impl Serving for Hasty {
    fn drain(&self, _: Duration) -> BoxFuture<'_, ()> {
        self.0.drain(Duration::ZERO)
    }

    fn in_use(&self) -> InUse {
        self.0.in_use()
    }
}

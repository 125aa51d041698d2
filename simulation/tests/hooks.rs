//! The sound transports that the broken ones are built upon, and short ways to put hooks on top of them.
#![allow(dead_code, reason = "the broken transports and the faulty stacks need different parts")]
#![allow(unused_imports, reason = "the broken transports and the faulty stacks need different parts")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Channel, ChannelRead, ChannelWrite, Transport};
use listenrain_simulation::conformance::Subject;
pub(crate) use listenrain_simulation::faults::{
    Generators, Halves, Listening, Next, Polled, changed_channels, deliver, let_go, read_piece,
};
use listenrain_simulation::faults::{Layer, Layered, Side};
use listenrain_transports::InProcess;
use listenrain_transports::channel::ChannelOptions;

/// Bytes that wait in one direction at most: little, so that full is soon.
pub(crate) const WINDOW: usize = 64 << 10;

/// The sound transport that most are built upon.
pub(crate) fn sound() -> Subject {
    let transport =
        InProcess::new(ChannelOptions::default().capacity(WINDOW)).expect("a capacity within its bounds");
    Subject::from(transport).in_memory()
}

/// `below` with `layer` on top.
pub(crate) fn upon_transport(below: Arc<dyn Transport>, layer: impl Layer) -> Subject {
    Subject::shared(Arc::new(Layered::new(below, Arc::new(layer))))
}

/// Locks, also behind a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A layer on top of the sound transport.
pub(crate) trait Upon {
    fn subject(self) -> Subject;
}

impl<L: Layer> Upon for L {
    fn subject(self) -> Subject {
        upon_transport(sound().transport().clone(), self).in_memory()
    }
}

/// The sound transport whose reads are these.
pub(crate) fn reads<S: Send + 'static>(
    state: impl Fn() -> S + Send + Sync + 'static,
    read: fn(&mut S, &mut dyn ChannelRead, &mut Context<'_>, &mut ReadBuffer) -> Polled<usize>,
) -> Subject {
    Halves::each(state).read(read).subject()
}

/// The sound transport whose writes are these.
pub(crate) fn writes<S: Send + 'static>(
    state: impl Fn() -> S + Send + Sync + 'static,
    write: fn(&mut S, &mut dyn ChannelWrite, &mut Context<'_>, &mut WriteBuffer) -> Polled<usize>,
) -> Subject {
    Halves::each(state).write(write).subject()
}

/// The sound transport whose channels `change` has changed.
pub(crate) fn channels(change: impl Fn(Side, Channel) -> Channel + Send + Sync + 'static) -> Subject {
    changed_channels(change).subject()
}

/// Says that all of `from` was written.
pub(crate) fn swallow(from: &mut WriteBuffer) -> Polled<usize> {
    let count = from.len();
    from.clear();
    Poll::Ready(Ok(count))
}

//! Loom models of `listenrain`'s concurrency primitives: every interleaving of two or three threads, within a bound on
//! preemptions, of the very files that the library is built from.
//!
//! Each model names the seeded bugs that it must catch; a model that catches nothing proves nothing. Neither needs
//! a flag: `cargo test` runs them.

mod budget;
mod coverage;
mod deadlines;
mod handover;
mod in_flight;
mod keyed;
mod lanes;
mod outbox;
mod owner_lock;
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    missing_docs,
    reason = "the library's files as they are; it uses more of them than the models do"
)]
#[path = "../../../listenrain/src/primitives/mod.rs"]
mod primitives;
mod run;
mod sync;
mod traffic;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Wake};

use loom::sync::Notify;
use loom::thread::{self, JoinHandle};

/// Runs `model` under every interleaving with at most `preemptions` preemptions.
fn check(preemptions: usize, model: fn()) -> Checked {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
    Checked { preemptions, model }
}

/// A model that holds as the library is.
struct Checked {
    preemptions: usize,
    model: fn(),
}

impl Checked {
    /// It must fail with the seeded bug `mutant`, and say `what`; a model that fails for another reason (it ran out of
    /// branches, say) has caught nothing.
    fn catches(self, mutant: &'static str, what: &str) -> Self {
        let mutated = || check(self.preemptions, self.model);
        let failed = sync::with_mutant(mutant, || catch_unwind(AssertUnwindSafe(mutated)));
        let panic = failed.err().unwrap_or_else(|| panic!("the seeded bug `{mutant}` was not caught"));
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("");
        assert!(said.contains(what), "{mutant}: caught for another reason: {said}");
        self
    }
}

/// A modelled thread that has `shared` too.
fn beside<S: 'static, T: 'static>(
    shared: &Arc<S>,
    run: impl FnOnce(&Arc<S>) -> T + 'static,
) -> JoinHandle<T> {
    let shared = Arc::clone(shared);
    thread::spawn(move || run(&shared))
}

/// What loom says of threads that wait for a wake-up which never comes.
const STUCK: &str = "deadlock";

/// Blocks this modelled thread until `poll` is ready.
fn block_on<T>(poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    block_on_woken(&Woken::new(), poll)
}

/// As [`block_on`], for a thread that others may wake too.
fn block_on_woken<T>(woken: &Arc<Woken>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Arc::clone(woken).into();
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = poll(&mut cx) {
            return value;
        }
        woken.0.wait();
    }
}

/// A waker of loom's own aborts the process when a stuck model is unwound with it in a table; this one does not.
struct Woken(Notify);

impl Woken {
    fn new() -> Arc<Self> {
        Arc::new(Self(Notify::new()))
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

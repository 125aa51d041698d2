// A handler that is cancelled, or whose deadline passes, while it is polled ends once, gives its place back, and
// leaves its channel's table once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Waker;

use loom::sync::Mutex;

use crate::primitives::run::{Handler, Progress, Step};
use crate::{beside, check};

/// A request with what its executor, its deadline and its channel do to it.
struct Request {
    handler: Handler<&'static str, &'static str>,
    progress: Progress,
    /// How often the handler's future was dropped.
    dropped: AtomicUsize,
    /// Whether it stands in the table, and how often it has left.
    table: Mutex<(bool, usize)>,
}

impl Request {
    fn new() -> Arc<Self> {
        let (handler, table) = (Handler::new("permit"), Mutex::new((false, 0)));
        Arc::new(Self { handler, progress: Progress::new(), dropped: AtomicUsize::new(0), table })
    }

    /// Polls a handler that is not ready.
    fn poll(&self) {
        let Some(future) = self.handler.take() else { return };
        if self.handler.put_back(future, Waker::noop()).is_some() {
            self.handled();
        }
    }

    fn end(&self) {
        self.note(Step::Answered);
        if self.handler.end().0.is_some() {
            self.handled();
        }
    }

    fn handled(&self) {
        self.dropped.fetch_add(1, SeqCst);
        assert!(self.handler.take_permit().is_some(), "its place is given back once");
        self.note(Step::Handled);
    }

    fn note(&self, step: Step) {
        if self.progress.note(step) {
            self.leave();
        }
    }

    fn enter(&self) {
        if self.progress.is_over() {
            return;
        }
        self.table.lock().unwrap().0 = true;
        if self.progress.enter() {
            self.leave();
        }
    }

    fn leave(&self) {
        let mut table = self.table.lock().unwrap();
        *table = (false, table.1 + 1);
    }
}

/// An executor polls as the request is ended, while its channel enters it.
fn poll_end_and_enter() {
    let request = Request::new();
    assert!(request.handler.begin("future").is_none());
    let executor = beside(&request, move |polling| polling.poll());
    let deadline = beside(&request, move |ending| ending.end());
    request.enter();
    executor.join().unwrap();
    deadline.join().unwrap();
    assert_eq!(request.dropped.load(SeqCst), 1, "the handler has ended once");
    assert!(request.handler.take_permit().is_none(), "its place is given back");
    let (stands, left) = *request.table.lock().unwrap();
    assert!(!stands && left <= 1, "it stands in no table");
}

#[test]
fn a_handler_that_is_ended_while_it_is_polled_ends_once_and_leaves_nothing() {
    check(3, poll_end_and_enter)
        .catches("run: an end that meets a poll is forgotten", "the handler has ended once")
        .catches("run: one that ends as it is entered stays", "it stands in no table");
}

//! Starts the handlers of requests that are admitted: at once, or from the line for a handler's place.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::Shared;
use super::line::Line;
use super::peer::Peer;
use super::run::Run;
use super::waiting::Accepted;
use crate::executor::Job;
use crate::primitives::budget::{Permit, Place};

/// The line of one channel for handlers' places, and what a request that is served leaves for the next one.
pub(super) struct Starter {
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    /// Whether a request that finds no place is refused, and does not wait.
    refuses: bool,
    pub(super) waiting: Line<Accepted>,
    /// Where the channel itself waits for a place.
    place: Place,
    /// Of a handler that has ended, until all that was read with its request has been seen to.
    permit: Option<Permit>,
    /// Of a request that is over, to be used again.
    spare: Option<Arc<Run>>,
}

impl Starter {
    pub(super) fn new(shared: &Arc<Shared>, peer: &Arc<Peer>, refuses: bool) -> Self {
        let (shared, peer, waiting) = (Arc::clone(shared), Arc::clone(peer), Line::default());
        Self { shared, peer, refuses, waiting, place: Place::default(), permit: None, spare: None }
    }

    /// Serves a request at once, or puts it in line; gives back one that is to be refused.
    pub(super) fn admit(&mut self, request: Accepted) -> Option<Accepted> {
        if self.waiting.is_empty()
            && !self.has_too_many_answers()
            && let Some(permit) = self.kept_permit().or_else(|| self.peer.handlers.try_acquire(1))
        {
            self.start(request, permit);
            return None;
        }
        if self.refuses {
            return Some(request);
        }
        self.waiting.push(request);
        None
    }

    /// Starts what stands in line, as far as there are places for handlers.
    pub(super) fn start_waiting(&mut self, cx: &mut Context<'_>) {
        while !self.waiting.is_empty() && !self.has_too_many_answers() {
            let Some(permit) = self.kept_permit().or_else(|| self.permit_in_line(cx)) else { return };
            if let Some(request) = self.waiting.pop() {
                self.start(request, permit);
            }
        }
        self.permit = None;
        // What is granted to a line that is empty by now goes to another channel.
        self.peer.handlers.leave(&mut self.place);
    }

    fn permit_in_line(&mut self, cx: &mut Context<'_>) -> Option<Permit> {
        match self.peer.handlers.poll_acquire(&mut self.place, 1, cx) {
            Poll::Ready(permit) => permit.ok(),
            Poll::Pending => None,
        }
    }

    /// Whether answers that the peer does not read weigh too much for more of them to be made.
    fn has_too_many_answers(&self) -> bool {
        self.peer.queued_bytes.load(Ordering::Acquire) >= self.shared.options.limits.bytes as u64
    }

    fn start(&mut self, request: Accepted, permit: Permit) {
        let (mut run, payload) = self.run_of(request, permit);
        let starts_in_place = self.shared.parts.handlers.starts_in_place;
        match self.shared.dispatch.dispatch(payload, &run) {
            Some(handler) if starts_in_place => match run.poll_first(handler) {
                Some(handler) => {
                    run.begin(handler);
                    self.execute(Job::begun(Arc::clone(&run) as _));
                }
                None => self.keep_permit(&run),
            },
            Some(handler) => {
                run.begin(handler);
                self.execute(Job::new(Arc::clone(&run) as _));
            }
            None => {
                run.handled();
                self.keep_permit(&run);
            }
        }
        run.enter();
        if Arc::get_mut(&mut run).is_some() {
            self.spare = Some(run);
        }
    }

    fn run_of(&mut self, request: Accepted, permit: Permit) -> (Arc<Run>, Bytes) {
        if let Some(mut spare) = self.spare.take()
            && let Some(run) = Arc::get_mut(&mut spare)
        {
            let payload = run.renew(request, permit);
            return (spare, payload);
        }
        Run::new(&self.shared, &self.peer, request, permit)
    }

    /// The place of a handler that has ended is the next request's of the same batch, unless others wait for one, or would be
    /// refused for want of it.
    fn keep_permit(&mut self, run: &Run) {
        self.permit = run.take_permit().filter(|_| !self.refuses);
    }

    fn kept_permit(&mut self) -> Option<Permit> {
        self.permit.take().filter(|permit| !permit.is_awaited())
    }

    fn execute(&self, job: Job) {
        if let Err(panic) = self.shared.parts.handlers.execute(job) {
            self.shared.note_panic("executor of handlers", &panic);
        }
    }

    /// Gives back what it does not need while nothing comes.
    pub(super) fn shrink(&mut self) {
        self.spare = None;
    }
}

impl Drop for Starter {
    fn drop(&mut self) {
        self.peer.handlers.leave(&mut self.place);
    }
}

//! Worker threads of a batch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::failure::is_alike;
use super::{Coverage, Deal, Ran, Sweep, Swept, Within, run, run_twice};
use crate::trace::Trace;

/// How long runs that have begun may go on when a sweep is ended early.
const GRACE: Duration = Duration::from_secs(5);

/// What `sweep` finds.
pub(super) fn sweep(sweep: &Sweep) -> Swept {
    let began = Instant::now();
    let deal = Arc::new(sweep.deal());
    let mut swept = Swept::nothing(sweep.seeds.clone(), sweep.is_partial);
    swept.coverage = Coverage::of(deal.cells());
    if !deal.cells().is_empty() {
        gather(sweep, &deal, &mut swept);
    }
    swept.took = began.elapsed();
    swept.is_interrupted =
        sweep.stop.is_set() && swept.runs < sweep.seeds.end.saturating_sub(sweep.seeds.start);
    shrink(sweep, &deal, &mut swept);
    swept
}

/// Plays every seed, and adds what became of it to `swept`.
fn gather(sweep: &Sweep, deal: &Arc<Deal>, swept: &mut Swept) {
    let ended = play(sweep, deal);
    let mut stopped: Option<Instant> = None;
    loop {
        let (seed, ran) = match ended.recv_timeout(Duration::from_millis(100)) {
            Ok(ended) => ended,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let now = Instant::now();
                let waits = |since: Instant| now.duration_since(since) < GRACE;
                match sweep.stop.is_set() {
                    true if !waits(*stopped.get_or_insert(now)) => return,
                    _ => continue,
                }
            }
        };
        if let Some(watcher) = &sweep.watcher {
            watcher(&ran);
        }
        if let Some(cell) = deal.cell(seed) {
            swept.add(cell, ran, deal.is_twice(seed), &sweep.replay);
        }
    }
}

/// Starts the threads; each run comes out when it has ended, and the channel ends with the last.
fn play(sweep: &Sweep, deal: &Arc<Deal>) -> Receiver<(u64, Ran)> {
    let (tell, told) = sync_channel(sweep.jobs);
    let first = sweep.seeds.start;
    let count = sweep.seeds.end.saturating_sub(first);
    let taken = Arc::new(AtomicU64::new(0));
    for _ in 0..sweep.jobs.min(usize::try_from(count).unwrap_or(usize::MAX)) {
        let (taken, tell, deal) = (taken.clone(), tell.clone(), deal.clone());
        let (stack, stop) = (sweep.stack.clone(), sweep.stop.clone());
        let work = move || {
            while !stop.is_set() {
                let next = taken.fetch_add(1, Ordering::Relaxed);
                let Some(seed) = (next < count).then(|| first + next) else { return };
                let Some(cell) = deal.cell(seed) else { return };
                let play = if deal.is_twice(seed) { run_twice } else { run };
                let mut ran = play(&cell.plan(seed), cell, &stack);
                if ran.is_good() {
                    // It is asked for no more, and there may be many.
                    ran.trace = Trace::new();
                }
                if tell.send((seed, ran)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("sweep".to_owned()).spawn(work).expect("a thread for a sweep");
    }
    told
}

/// Looks for the smallest plan of each failure, several at the same time.
fn shrink(sweep: &Sweep, deal: &Deal, swept: &mut Swept) {
    let jobs = sweep.jobs.min(swept.failures.len());
    let left = Mutex::new(swept.failures.iter_mut());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while !sweep.stop.is_set() {
                    let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(failure) = next else { return };
                    let Some(cell) = deal.cell(failure.plan.seed) else { return };
                    // A smaller plan that shows another mistake would hide this one.
                    let first = failure.violations.clone();
                    let fails = |violations: &[String]| is_alike(violations, &first);
                    failure.shrink(cell, &sweep.stack, Within::default(), &sweep.stop, fails);
                }
            });
        }
    });
}

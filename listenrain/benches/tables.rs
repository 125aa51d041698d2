//! Benchmarks of the tables on a call's way: in-flight table, send queue, table of user ids, timers.
//!
//! Each is measured with 1,000 others there, since that is what it has to be quick with.
//! `cargo bench -p listenrain --bench tables`; with `-- --test` each runs once.

#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the library's files as they are; it uses more of them than the benchmarks do"
)]
#[path = "../src/primitives/mod.rs"]
mod primitives;
#[allow(dead_code, reason = "as above")]
#[path = "../src/sync.rs"]
mod sync;

use std::hint::black_box;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use criterion::Criterion;
use listenrain::{CallId, HashPool, HeapTimers, StateMachinePool, Timers};
use tokio::time::Instant;

use primitives::in_flight::{InFlight, Told, Waiter};
use primitives::outbox::{FifoQueue, Outbox, Ticket};

const OTHERS: u64 = 1000;

fn in_flight(criterion: &mut Criterion) {
    let calls: InFlight<u64, u64> = InFlight::new();
    let mut cx = Context::from_waker(Waker::noop());
    let others: Vec<_> = (0..OTHERS).map(|other| calls.insert(other, Waiter::Task(None))).collect();
    criterion.bench_function("in_flight/insert, poll, end, poll", |bencher| {
        bencher.iter(|| {
            let id = calls.insert(7, Waiter::Task(None)).expect("it is open");
            assert!(calls.poll(id, &mut cx).is_pending());
            let _ = calls.end(id, 8).map(Told::tell);
            assert_eq!(calls.poll(id, &mut cx), Poll::Ready(Some(8)));
        });
    });
    let mut told = Vec::new();
    criterion.bench_function("in_flight/leave and end, a batch of 16", |bencher| {
        bencher.iter(|| {
            let ids = [(); 16].map(|()| calls.insert(7, Waiter::Task(None)).expect("it is open"));
            calls.leave(1, &mut ids.to_vec(), |id| Some(*id), |_, _| true);
            calls.end_all(1, ids.map(|id| (id, 8)), &mut told, |_| {});
            told.drain(..).for_each(Told::tell);
            for id in ids {
                black_box(calls.poll(id, &mut cx).is_ready());
            }
        });
    });
    black_box(others);
}

fn queue(criterion: &mut Criterion) {
    let outbox: Outbox<u64> = Outbox::new(Box::new(FifoQueue::default()));
    let mut batch = Vec::new();
    criterion.bench_function("outbox/push 16, pop as one batch", |bencher| {
        bencher.iter(|| {
            for item in 0..16 {
                outbox.push(Ticket::from_bits(item), item).expect("it is open");
            }
            outbox.pop_batch(&mut batch, 1 << 20, |_| 64);
            assert_eq!(batch.len(), 16);
            batch.clear();
        });
    });
}

fn ids(criterion: &mut Criterion) {
    let mut pool = HashPool::default();
    for other in 0..OTHERS {
        pool.put(other, CallId::from_bits(other));
    }
    criterion.bench_function("hash_pool/put, take", |bencher| {
        bencher.iter(|| {
            assert!(pool.put(black_box(OTHERS), CallId::from_bits(OTHERS)));
            black_box(pool.take(&OTHERS));
        });
    });
}

fn timers(criterion: &mut Criterion) {
    let (mut timers, start) = (HeapTimers::default(), Instant::now());
    for other in 0..OTHERS {
        timers.add(CallId::from_bits(other), start + Duration::from_millis(other + 1));
    }
    let call = CallId::from_bits(OTHERS);
    for (name, deadline) in [("timers/add, remove: due last", 5000), ("timers/add, remove: due first", 0)] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                timers.add(call, start + Duration::from_millis(deadline));
                timers.remove(call);
            });
        });
    }
    criterion.bench_function("timers/add, expire", |bencher| {
        bencher.iter(|| {
            timers.add(call, start);
            assert_eq!(timers.expired(start), Some(call));
        });
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    in_flight(&mut criterion);
    queue(&mut criterion);
    ids(&mut criterion);
    timers(&mut criterion);
    criterion.final_summary();
}

//! The library with a flaw of the original each.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use listenrain::{CallError, LinkError, Refusal, Sent};
use listenrain_simulation::faults::Layer;
use listenrain_simulation::scenario::Reach;
use listenrain_simulation::stack::{Handler, Stack};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::channels::{at, counting_ends, kept_open, listener, repeats_the_first, swallows_after_a_redial};
use super::list::AND_NOTHING_IS_WHY;
use super::stack::{Drained, Faulty, Hooked, Places};
use crate::hooks::changed_channels;

/// Every one, by the flaw's number.
pub(crate) const OF_THE_ORIGINAL: &[Faulty] = &[
    // A client writes the first request of its queue twice.
    Faulty::new("drain-repeats", "LR01", "lr01-drain-writes-each-once")
        .says("call #, which ended as reply, was sent more than once: at […")
        .client(|library, node, setup, reach, servers| {
            library.client(&at(node, repeats_the_first()), setup, reach, servers)
        }),
    // After a loss a request is written into a channel that has ended.
    Faulty::new("parked-writer", "LR02", "lr02-redials-without-traffic")
        .says("call #, made when all was healed, ended as…")
        .client(|library, node, setup, reach, servers| {
            library.client(&at(node, swallows_after_a_redial()), setup, reach, servers)
        }),
    // Callers in flight are told late that their link is lost.
    Faulty::new("silent-loss", "LR03", "lr03-a-lost-link-is-told")
        .says("call # was lost with its channel at #, its caller was told at #")
        .client(|library, node, setup, reach, servers| {
            let mut caller = Hooked::new(library.client(node, setup, reach, servers), ())?;
            caller.call = |hooked, to, body, timeout| {
                Box::pin(async move {
                    let outcome = hooked.inner.call(to, body, timeout).await;
                    if matches!(outcome, Err(CallError::Lost { .. })) {
                        sleep(Duration::from_secs(1)).await;
                    }
                    outcome
                })
            };
            Ok(Arc::new(caller))
        }),
    // A deadline is forgotten.
    Faulty::new("dead-timers", "LR04", "lr04-deadlines-outlive-a-failed-dial")
        .says("call # ended after #, its deadline was #")
        .client(|library, node, setup, reach, servers| {
            let mut caller = Hooked::new(library.client(node, setup, reach, servers), ())?;
            caller.call =
                |hooked, to, body, timeout| hooked.inner.call(to, body, timeout + Duration::from_secs(5));
            Ok(Arc::new(caller))
        }),
    // Each call that finds the connection down closes its queue, and the second close panics.
    Faulty::new("two-closes", "LR05", "lr05-two-closes-are-one")
        .says("panicked: close of closed channel at simulation/tests/faulty/original.rs:#…")
        .client(|library, node, setup, reach, servers| {
            let closed = Arc::<AtomicBool>::default();
            let mut caller = Hooked::new(library.client(node, setup, reach, servers), closed)?;
            caller.outcome = |closed, outcome| {
                if matches!(outcome, Err(CallError::Refused(Refusal::Down { .. }))) {
                    let closed = closed.clone();
                    tokio::spawn(async move {
                        assert!(!closed.swap(true, Ordering::Relaxed), "close of closed channel");
                    });
                }
                Some(outcome)
            };
            Ok(Arc::new(caller))
        }),
    // A server keeps channels open that have ended.
    Faulty::new("leaky-server", "LR06", "lr06-a-lost-channel-is-closed")
        .says("server # has # channels open after its end")
        .serve(|library, node, setup, below, handler| {
            library.serve(node, setup, listener(below, kept_open), handler)
        }),
    // The place of a handler whose channel has gone is never free again.
    Faulty::new("stuck-handlers", "LR07", "lr07-handlers-outlive-their-channel")
        .says("server # has InUse { requests: #, bytes: #, queued: # } in use after its end")
        .serve(|library, site, setup, below, handler| {
            let (places, ends) = (Places::default(), Arc::<AtomicUsize>::default());
            let (taken, ended) = (places.clone(), ends.clone());
            let handler: Handler = Arc::new(move |body, one_way| {
                let (place, answer) = (taken.take(), handler(body, one_way));
                let (ended, before) = (ended.clone(), ended.load(Ordering::Relaxed));
                Box::pin(async move {
                    let answer = answer.await;
                    if ended.load(Ordering::Relaxed) == before {
                        place.give_back();
                    }
                    answer
                })
            });
            let below = listener(below, counting_ends(ends));
            let mut serving = Drained::new(library.serve(site, setup, below, handler)?);
            serving.kept = places;
            Ok(Arc::new(serving))
        }),
    // A close waits for what never comes.
    Faulty::new("idle-close-hangs", "LR08", "lr08-an-idle-close-ends")
        .says("a close that was given # had not ended after #")
        .client(|library, node, setup, reach, servers| {
            let mut caller = Hooked::new(library.client(node, setup, reach, servers), ())?;
            caller.close = |_, _| Box::pin(pending());
            Ok(Arc::new(caller))
        }),
    // A close after a loss waits for what never comes.
    Faulty::new("broken-close-hangs", "LR09", "lr09-a-broken-link-closes-too")
        .says("a close that was given # had not ended after #")
        .client(|library, node, setup, reach, servers| {
            let lost = Arc::<AtomicBool>::default();
            let mut caller = Hooked::new(library.client(node, setup, reach, servers), lost)?;
            caller.outcome = |lost, outcome| {
                lost.fetch_or(matches!(outcome, Err(CallError::Lost { .. })), Ordering::Relaxed);
                Some(outcome)
            };
            caller.close = |hooked, within| match hooked.state.load(Ordering::Relaxed) {
                true => Box::pin(pending()),
                false => hooked.inner.close(within),
            };
            Ok(Arc::new(caller))
        }),
    // The time that a call waits for room does not count.
    Faulty::new("queue-is-free", "LR10", "lr10-the-deadline-covers-the-queue")
        .says("call # ended after #, its deadline was #")
        .client(|library, node, setup, reach, servers| {
            let room = Arc::new(Semaphore::new(1));
            let mut caller = Hooked::new(library.client(node, setup, reach, servers), room)?;
            caller.call = |hooked, to, body, timeout| {
                Box::pin(async move {
                    let _room = hooked.state.acquire().await;
                    hooked.inner.call(to, body, timeout).await
                })
            };
            Ok(Arc::new(caller))
        }),
    // A close does not wait for what is queued.
    Faulty::new("drain-halves", "LR11", "lr11-a-drain-writes-all").says("call # ended as…").client(
        |library, node, setup, reach, servers| {
            let mut caller = Hooked::new(library.client(node, setup, reach, servers), ())?;
            caller.close = |hooked, _| hooked.inner.close(Duration::ZERO);
            Ok(Arc::new(caller))
        },
    ),
    // A reply that arrives during a close is thrown away.
    Faulty::new("drain-deaf", "LR12", "lr12-a-drain-takes-replies").says(AND_NOTHING_IS_WHY).client(
        |library, node, setup, reach, servers| {
            let closing = Arc::<AtomicBool>::default();
            let mut caller = Hooked::new(library.client(node, setup, reach, servers), closing)?;
            caller.outcome = |closing, outcome| {
                let is_lost = outcome.is_ok() && closing.load(Ordering::Relaxed);
                let lost = || Err(CallError::Lost { sent: Sent::Maybe, cause: LinkError::Closed });
                Some(if is_lost { lost() } else { outcome })
            };
            caller.close = |hooked, within| {
                hooked.state.store(true, Ordering::Relaxed);
                hooked.inner.close(within)
            };
            Ok(Arc::new(caller))
        },
    ),
    // A pool tells connections apart by their endpoint alone.
    Faulty::new("pool-mixes", "LR13", "lr13-protocols-do-not-share")
        .says("the client has 2 channels open, not 4")
        .client(|library, node, setup, _, servers| {
            library.client(node, setup, Reach::Pool { protocols: 1 }, servers)
        }),
    // A connection that leaves the pool is not closed.
    Faulty::new("pool-evicts", "LR14", "lr14-a-late-drop-spares-the-fresh")
        .says("the client has # channels open, not 1")
        .client(|library, node, setup, reach, servers| {
            library.client(&at(node, kept_open_by_clients()), setup, reach, servers)
        }),
    // The channel that a failover leaves behind is not closed.
    Faulty::new("failover-leaks", "LR15", "lr15-a-failover-closes-the-old")
        .says("the client has # channels open, not 1")
        .client(|library, node, setup, reach, servers| {
            library.client(&at(node, kept_open_by_clients()), setup, reach, servers)
        }),
    // The standby is never tried.
    Faulty::new("active-only", "LR16", "lr16-the-standby-is-tried")
        .says("call #, made when all was healed, ended as refused at #")
        .client(|library, node, setup, _, servers| library.client(node, setup, Reach::Direct, &servers[..1])),
];

/// Channels of a client that stay open when they are dropped.
fn kept_open_by_clients() -> impl Layer {
    changed_channels(|_, channel| kept_open(channel))
}

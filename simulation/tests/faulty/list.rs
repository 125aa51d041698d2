//! Every faulty stack.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use listenrain::{CallError, Failure, LinkError, Refusal, Sent};
use listenrain_simulation::scenario::{ClientSetup, Reach};
use listenrain_simulation::stack::{Handler, Stack};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::channels::{
    Graveyard, at, deaf_when_full, first_open, kept_open, listener, one_writer, repeats_the_first,
    reset_after, reset_by_larger, stays_held, swallows_after_a_redial, without_hello,
};
use super::hooks::{Generators, lock};
use super::stack::{Drained, Faulty, Hooked};

const AND_NOTHING_IS_WHY: &str = "call # ended as lost, and nothing that went wrong then and there is why…";

/// Those with a flaw of the original, by its number.
const OF_THE_ORIGINAL: &[Faulty] = &[
    Faulty::new(
        ("drain-repeats", "LR01"),
        "A client writes the first request of its queue twice.",
        ("lr01-drain-writes-each-once", "call #, which ended as reply, was sent more than once: at […"),
    )
    .client(|library, site, setup, reach, servers| {
        library.client(&at(site, repeats_the_first()), setup, reach, servers)
    }),
    Faulty::new(
        ("parked-writer", "LR02"),
        "After a loss a request is written into a channel that has ended.",
        ("lr02-redials-without-traffic", "call #, made when all was healed, ended as…"),
    )
    .client(|library, site, setup, reach, servers| {
        library.client(&at(site, swallows_after_a_redial()), setup, reach, servers)
    }),
    Faulty::new(
        ("silent-loss", "LR03"),
        "Callers in flight are told late that their link is lost.",
        ("lr03-a-lost-link-is-told", "call # was lost with its channel at #, its caller was told at #"),
    )
    .client(|library, site, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), ())?;
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
    Faulty::new(
        ("dead-timers", "LR04"),
        "A deadline is forgotten.",
        ("lr04-deadlines-outlive-a-failed-dial", "call # ended after #, its deadline was #"),
    )
    .client(|library, site, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), ())?;
        caller.call =
            |hooked, to, body, timeout| hooked.inner.call(to, body, timeout + Duration::from_secs(5));
        Ok(Arc::new(caller))
    }),
    Faulty::new(
        ("two-closes", "LR05"),
        "Each call that finds the connection down closes its queue, and the second close panics.",
        ("lr05-two-closes-are-one", "panicked: close of closed channel at simulation/tests/faulty/list.rs:#"),
    )
    .client(|library, site, setup, reach, servers| {
        let closed = Arc::<AtomicBool>::default();
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), closed)?;
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
    Faulty::new(
        ("leaky-server", "LR06"),
        "A server keeps channels open that have ended.",
        ("lr06-a-lost-channel-is-closed", "server # has # channels open after its end"),
    )
    .serve(|library, site, setup, below, handler| {
        let kept = kept_for_good();
        library.serve(site, setup, listener(below, move |channel| kept_open(channel, &kept)), handler)
    }),
    Faulty::new(
        ("stuck-handlers", "LR07"),
        "A drain ends with handlers at work.",
        (
            "lr07-handlers-outlive-their-channel",
            "server # has InUse { requests: #, bytes: #, queued: # } in use after its end",
        ),
    )
    .serve(|library, site, setup, below, handler| {
        let inner = library.serve(site, setup, below, handler)?;
        Ok(Arc::new(Drained { inner, drain: |_, _| Box::pin(async {}) }))
    }),
    Faulty::new(
        ("idle-close-hangs", "LR08"),
        "A close waits for what never comes.",
        ("lr08-an-idle-close-ends", "a close that was given # had not ended after #"),
    )
    .client(|library, site, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), ())?;
        caller.close = |_, _| Box::pin(pending());
        Ok(Arc::new(caller))
    }),
    Faulty::new(
        ("broken-close-hangs", "LR09"),
        "A close after a loss waits for what never comes.",
        ("lr09-a-broken-link-closes-too", "a close that was given # had not ended after #"),
    )
    .client(|library, site, setup, reach, servers| {
        let lost = Arc::<AtomicBool>::default();
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), lost)?;
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
    Faulty::new(
        ("queue-is-free", "LR10"),
        "The time that a call waits for room does not count.",
        ("lr10-the-deadline-covers-the-queue", "call # ended after #, its deadline was #"),
    )
    .client(|library, site, setup, reach, servers| {
        let room = Arc::new(Semaphore::new(1));
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), room)?;
        caller.call = |hooked, to, body, timeout| {
            Box::pin(async move {
                let _room = hooked.state.acquire().await;
                hooked.inner.call(to, body, timeout).await
            })
        };
        Ok(Arc::new(caller))
    }),
    Faulty::new(
        ("drain-halves", "LR11"),
        "A close does not wait for what is queued.",
        ("lr11-a-drain-writes-all", "call # ended as…"),
    )
    .client(|library, site, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), ())?;
        caller.close = |hooked, _| hooked.inner.close(Duration::ZERO);
        Ok(Arc::new(caller))
    }),
    Faulty::new(
        ("drain-deaf", "LR12"),
        "A reply that arrives during a close is thrown away.",
        ("lr12-a-drain-takes-replies", AND_NOTHING_IS_WHY),
    )
    .client(|library, site, setup, reach, servers| {
        let closing = Arc::<AtomicBool>::default();
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), closing)?;
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
    }),
    Faulty::new(
        ("pool-mixes", "LR13"),
        "A pool tells connections apart by their endpoint alone.",
        ("lr13-protocols-do-not-share", "the client has 2 channels open, not 4"),
    )
    .client(|library, site, setup, _, servers| {
        library.client(site, setup, Reach::Pool { protocols: 1 }, servers)
    }),
    Faulty::new(
        ("pool-evicts", "LR14"),
        "A connection that leaves the pool is not closed.",
        ("lr14-a-late-drop-spares-the-fresh", "the client has # channels open, not 1"),
    )
    .client(|library, site, setup, reach, servers| {
        let kept = Generators::new(kept_for_good());
        let kept = kept.channel(|kept, _, channel| kept_open(channel, kept));
        library.client(&at(site, kept), setup, reach, servers)
    }),
    Faulty::new(
        ("failover-leaks", "LR15"),
        "The channel that a failover leaves behind is not closed.",
        ("lr15-a-failover-closes-the-old", "the client has # channels open, not 1"),
    )
    .client(|library, site, setup, reach, servers| {
        let kept = Generators::new(kept_for_good());
        let kept = kept.channel(|kept, _, channel| kept_open(channel, kept));
        library.client(&at(site, kept), setup, reach, servers)
    }),
    Faulty::new(
        ("active-only", "LR16"),
        "The standby is never tried.",
        ("lr16-the-standby-is-tried", "call #, made when all was healed, ended as refused at #"),
    )
    .client(|library, site, setup, _, servers| library.client(site, setup, Reach::Direct, &servers[..1])),
];

/// Those with another mistake.
const OWN: &[Faulty] = &[
    Faulty::new(
        ("resends", "own"),
        "What was sent before its link was lost is sent again.",
        ("lr03-a-lost-link-is-told", "call #, which ended as reply, was sent more than once: at […"),
    )
    .client(|library, site, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), ())?;
        caller.call = |hooked, to, body, timeout| {
            Box::pin(async move {
                match hooked.inner.call(to, body.clone(), timeout).await {
                    Err(CallError::Lost { .. }) => hooked.inner.call(to, body, timeout).await,
                    outcome => outcome,
                }
            })
        };
        Ok(Arc::new(caller))
    }),
    Faulty::new(
        ("says-unsent", "own"),
        "Whatever is lost with its link is said not to have been sent.",
        ("lr03-a-lost-link-is-told", "call # ended as lost unsent, and was sent at #"),
    )
    .client(|library, site, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), ())?;
        caller.outcome = |(), outcome| match outcome {
            Err(CallError::Lost { cause, .. }) => Some(Err(CallError::Lost { sent: Sent::No, cause })),
            outcome => Some(outcome),
        };
        Ok(Arc::new(caller))
    }),
    Faulty::new(
        ("mixes-replies", "own"),
        "After a call that has timed out the next one is given the reply to another.",
        ("lr10-the-deadline-covers-the-queue", "call # was given the reply to #"),
    )
    .client(|library, site, setup, reach, servers| {
        let last = Arc::<Mutex<(Bytes, bool)>>::default();
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), last)?;
        caller.outcome = |last, mut outcome| {
            let mut last = lock(last);
            match &mut outcome {
                Ok(reply) if last.1 && !last.0.is_empty() => *last = (std::mem::replace(reply, last.0.clone()), false),
                Ok(reply) => last.0 = reply.clone(),
                Err(error) => last.1 |= matches!(error, CallError::Timeout),
            }
            Some(outcome)
        };
        Ok(Arc::new(caller))
    }),
    Faulty::new(
        ("no-limit", "own"),
        "There is no limit to what a client has in flight.",
        (
            "lr10-the-deadline-covers-the-queue",
            "the client has InUse { requests: 5, bytes: #, queued: # } in use, at most 4 and 4194304 may be",
        ),
    )
    .client(|library, site, setup, reach, servers| {
        let setup = ClientSetup { requests: 1000, ..setup.clone() };
        library.client(site, &setup, reach, servers)
    }),
    Faulty::new(
        ("keeps-room", "own"),
        "A close keeps what calls had taken.",
        (
            "lr10-the-deadline-covers-the-queue",
            "the client has InUse { requests: #, bytes: #, queued: # } in use after its end",
        ),
    )
    .client(|library, site, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), ())?;
        caller.close = |hooked, _| {
            Box::pin(async move {
                // Something is under way when the connection is left alone.
                let inner = hooked.inner.clone();
                tokio::spawn(async move { inner.call(0, Bytes::from_static(&[0xFF; 16]), HOUR).await });
                tokio::task::yield_now().await;
            })
        };
        Ok(Arc::new(caller))
    }),
    Faulty::new(
        ("one-writer", "own"),
        "What a peer does not read holds up what is written to all others.",
        (
            "deaf-clients",
            "call # ended as lost, and nothing that went wrong then and there is why: Lost { sent: Maybe, cause: Silent(#) }",
        ),
    )
    .serve(|library, site, setup, below, handler| {
        library.serve(site, setup, listener(below, one_writer()), handler)
    }),
    Faulty::new(
        ("stays-held", "own"),
        "A channel that was held up is read again much later, although there is room.",
        ("shared-room", AND_NOTHING_IS_WHY),
    )
    .serve(|library, site, setup, below, handler| {
        library.serve(site, setup, listener(below, stays_held()), handler)
    }),
    Faulty::new(
        ("full-is-deaf", "own"),
        "A full server accepts channels and does nothing with them.",
        ("full-server", AND_NOTHING_IS_WHY),
    )
    .serve(|library, site, setup, below, handler| {
        let below = deaf_when_full(below, setup.connections);
        let mut setup = setup.clone();
        setup.connections *= 10;
        library.serve(site, &setup, below, handler)
    }),
    Faulty::new(
        ("says-no-goodbye", "own"),
        "A server that is drained does not say what it has taken.",
        ("restart", "the server of call #, which never began, ended in an orderly way, and the call as lost…"),
    )
    .serve(|library, site, setup, below, handler| {
        library.serve(site, setup, listener(below, without_hello()), handler)
    }),
    Faulty::new(
        ("cuts-off", "own"),
        "A drain does not wait for what was taken.",
        ("rolling-restart", "the server of call #, which began, ended in an orderly way, and the call as lost…"),
    )
    .serve(|library, site, setup, below, handler| {
        let inner = library.serve(site, setup, below, handler)?;
        Ok(Arc::new(Drained { inner, drain: |inner, _| inner.drain(Duration::ZERO) }))
    }),
    Faulty::new(
        ("ages-abruptly", "own"),
        "A channel that has reached its largest age is cut.",
        ("old-channels", AND_NOTHING_IS_WHY),
    )
    .serve(|library, site, setup, below, handler| {
        let mut setup = setup.clone();
        match setup.max_age.take() {
            Some(age) => library.serve(site, &setup, listener(below, reset_after(age)), handler),
            None => library.serve(site, &setup, below, handler),
        }
    }),
    Faulty::new(
        ("runs-on", "own"),
        "Handlers run on past the deadlines of their calls.",
        ("endless-handlers", "server # has # handlers running after its end"),
    )
    .serve(|library, site, setup, below, handler| library.serve(site, setup, below, spawned(handler, false))),
    Faulty::new(
        ("open-sockets", "own"),
        "A member of a list that can be dialed counts as one that answers.",
        ("silent-member", "call #, made when all was healed, ended as…"),
    )
    .client(|library, site, setup, _, servers| {
        library.client(&at(site, first_open(servers)), setup, Reach::Direct, &servers[..1])
    }),
    Faulty::new(
        ("forgets-callbacks", "own"),
        "A callback whose job its executor drops is never told.",
        ("executors", "call # had 0 outcomes: []"),
    )
    .client(|library, site, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), ())?;
        caller.outcome = |(), outcome| match outcome {
            Err(CallError::Failed(Failure::NotRun)) => None,
            outcome => Some(outcome),
        };
        Ok(Arc::new(caller))
    }),
    Faulty::new(
        ("panics-hang", "own"),
        "A handler that panics is never answered for.",
        ("panics", "call # ended as timeout, and nothing that went wrong then and there is why…"),
    )
    .serve(|library, site, setup, below, handler| library.serve(site, setup, below, spawned(handler, true))),
    Faulty::new(
        ("large-is-fatal", "own"),
        "A request that is too large costs its channel.",
        ("too-large", AND_NOTHING_IS_WHY),
    )
    .serve(|library, site, setup, below, handler| {
        library.serve(site, setup, listener(below, reset_by_larger(setup.largest)), handler)
    }),
    Faulty::new(
        ("keeps-one-ways", "own"),
        "The place of a message that wants no reply is never free again.",
        (
            "steady-load",
            "server # has InUse { requests: #, bytes: #, queued: # } in use when every call has ended",
        ),
    )
    .serve(|library, site, setup, below, handler| {
        let handler: Handler = Arc::new(move |body, one_way| {
            let answer = handler(body, one_way);
            Box::pin(async move {
                let answer = answer.await;
                if one_way {
                    pending::<()>().await;
                }
                answer
            })
        });
        library.serve(site, setup, below, handler)
    }),
    Faulty::new(
        ("leaks", "own"),
        "Memory of each request is never freed.",
        ("steady-load", "# bytes were left after the run, at most # may be"),
    )
    .serve(|library, site, setup, below, handler| {
        let handler: Handler = Arc::new(move |body, one_way| {
            std::mem::forget(Vec::<u8>::with_capacity(64 << 10));
            handler(body, one_way)
        });
        library.serve(site, setup, below, handler)
    }),
];

const HOUR: Duration = Duration::from_secs(3600);

/// Every one.
pub fn all() -> impl Iterator<Item = &'static Faulty> {
    OF_THE_ORIGINAL.iter().chain(OWN)
}

/// What is put in here stays open when all else is gone.
fn kept_for_good() -> Graveyard {
    let kept = Graveyard::default();
    std::mem::forget(kept.clone());
    kept
}

/// Handlers that run on when they are dropped, and never end where `hangs` when they panic.
fn spawned(handler: Handler, hangs: bool) -> Handler {
    Arc::new(move |body, one_way| {
        let running = tokio::spawn(handler(body, one_way));
        Box::pin(async move {
            match running.await {
                Ok(answer) => answer,
                Err(_) if hangs => pending().await,
                Err(_) => Err("the handler panicked".to_owned()),
            }
        })
    })
}

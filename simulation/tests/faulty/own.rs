//! The library with a mistake that the original does not have, each.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use listenrain::{CallError, Failure, Sent};
use listenrain_simulation::scenario::{ClientSetup, Reach};
use listenrain_simulation::stack::{Handler, Stack};

use super::channels::{
    at, deaf_when_full, first_open, listener, one_writer, reset_after, reset_by_larger, stays_held,
    without_hello,
};
use super::list::AND_NOTHING_IS_WHY;
use super::stack::{Drained, Faulty, Hooked, Places};
use crate::hooks::lock;

/// Every one.
pub(crate) const OWN: &[Faulty] = &[
    // What was sent before its link was lost is sent again.
    Faulty::new("resends", "own", "lr03-a-lost-link-is-told")
.says("call #, which ended as reply, was sent more than once: at […")
.client(|library, node, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(node, setup, reach, servers), ())?;
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
    // Whatever is lost with its link is said not to have been sent.
    Faulty::new("says-unsent", "own", "lr03-a-lost-link-is-told")
.says("call # ended as lost unsent, and was sent at #")
.client(|library, node, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(node, setup, reach, servers), ())?;
        caller.outcome = |(), outcome| match outcome {
            Err(CallError::Lost { cause, .. }) => Some(Err(CallError::Lost { sent: Sent::No, cause })),
            outcome => Some(outcome),
        };
        Ok(Arc::new(caller))
    }),
    // After a call that has timed out the next one is given the reply to another.
    Faulty::new("mixes-replies", "own", "lr10-the-deadline-covers-the-queue")
.says("call # was given the reply to #")
.client(|library, node, setup, reach, servers| {
        let last = Arc::<Mutex<(Bytes, bool)>>::default();
        let mut caller = Hooked::new(library.client(node, setup, reach, servers), last)?;
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
    // There is no limit to what a client has in flight.
    Faulty::new("no-limit", "own", "lr10-the-deadline-covers-the-queue")
.says("the client has InUse { requests: 5, bytes: #, queued: # } in use, at most 4 and 4194304 may be")
.client(|library, node, setup, reach, servers| {
        let setup = ClientSetup { requests: 1000, ..setup.clone() };
        library.client(node, &setup, reach, servers)
    }),
    // A call that is taken back keeps its room.
    Faulty::new("keeps-room", "own", "lr10-the-deadline-covers-the-queue")
.says("the client has InUse { requests: #, bytes: #, queued: # } in use after its end")
.client(|library, site, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(site, setup, reach, servers), Places::default())?;
        caller.call = |hooked, to, body, timeout| {
            Box::pin(async move {
                let place = hooked.state.take();
                let outcome = hooked.inner.call(to, body, timeout).await;
                place.give_back();
                outcome
            })
        };
        caller.in_use = |places, in_use| places.beside(in_use);
        Ok(Arc::new(caller))
    }),
    // What a peer does not read holds up what is written to all others.
    Faulty::new("one-writer", "own", "deaf-clients")
.says("call # ended as lost, and nothing that went wrong then and there is why: Lost { sent: Maybe, cause: Silent(#) }")
.serve(|library, node, setup, below, handler| {
        library.serve(node, setup, listener(below, one_writer()), handler)
    }),
    // A channel that was held up is read again much later, although there is room.
    Faulty::new("stays-held", "own", "shared-room")
.says(AND_NOTHING_IS_WHY)
.serve(|library, node, setup, below, handler| {
        library.serve(node, setup, listener(below, stays_held()), handler)
    }),
    // A full server accepts channels and does nothing with them.
    Faulty::new("full-is-deaf", "own", "full-server")
.says(AND_NOTHING_IS_WHY)
.serve(|library, node, setup, below, handler| {
        let below = deaf_when_full(below, setup.connections);
        let mut setup = setup.clone();
        setup.connections *= 10;
        library.serve(node, &setup, below, handler)
    }),
    // A server that is drained does not say what it has taken.
    Faulty::new("says-no-goodbye", "own", "restart")
.says("the server of call #, which never began, ended in an orderly way, and the call as lost…")
.serve(|library, node, setup, below, handler| {
        library.serve(node, setup, listener(below, without_hello()), handler)
    }),
    // A drain does not wait for what was taken.
    Faulty::new("cuts-off", "own", "rolling-restart")
.says("the server of call #, which began, ended in an orderly way, and the call as lost…")
.serve(|library, node, setup, below, handler| {
        let inner = library.serve(node, setup, below, handler)?;
        let mut serving = Drained::new(inner);
        serving.drain = |inner, _| inner.drain(Duration::ZERO);
        Ok(Arc::new(serving))
    }),
    // A channel that has reached its largest age is cut.
    Faulty::new("ages-abruptly", "own", "old-channels")
.says(AND_NOTHING_IS_WHY)
.serve(|library, node, setup, below, handler| {
        let mut setup = setup.clone();
        match setup.max_age.take() {
            Some(age) => library.serve(node, &setup, listener(below, reset_after(age)), handler),
            None => library.serve(node, &setup, below, handler),
        }
    }),
    // Handlers run on past the deadlines of their calls.
    Faulty::new("runs-on", "own", "endless-handlers")
.says("server # has # handlers running after its end")
.serve(|library, node, setup, below, handler| library.serve(node, setup, below, spawned(handler, false))),
    // A member of a list that can be dialed counts as one that answers.
    Faulty::new("open-sockets", "own", "silent-member")
.says("call #, made when all was healed, ended as…")
.client(|library, node, setup, _, servers| {
        library.client(&at(node, first_open(servers)), setup, Reach::Direct, &servers[..1])
    }),
    // A callback whose job its executor drops is never told.
    Faulty::new("forgets-callbacks", "own", "executors")
.says("call # had 0 outcomes: []")
.client(|library, node, setup, reach, servers| {
        let mut caller = Hooked::new(library.client(node, setup, reach, servers), ())?;
        caller.outcome = |(), outcome| match outcome {
            Err(CallError::Failed(Failure::NotRun)) => None,
            outcome => Some(outcome),
        };
        Ok(Arc::new(caller))
    }),
    // A handler that panics is never answered for.
    Faulty::new("panics-hang", "own", "panics")
.says("call # ended as timeout, and nothing that went wrong then and there is why…")
.serve(|library, node, setup, below, handler| library.serve(node, setup, below, spawned(handler, true))),
    // A request that is too large costs its channel.
    Faulty::new("large-is-fatal", "own", "too-large")
.says(AND_NOTHING_IS_WHY)
.serve(|library, node, setup, below, handler| {
        library.serve(node, setup, listener(below, reset_by_larger(setup.largest)), handler)
    }),
    // The place of a message that wants no reply is never free again.
    Faulty::new("keeps-one-ways", "own", "steady-load")
.says("server # has InUse { requests: #, bytes: #, queued: # } in use when every call has ended")
.serve(|library, node, setup, below, handler| {
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
        library.serve(node, setup, below, handler)
    }),
    // Memory of each request is never freed.
    Faulty::new("leaks", "own", "steady-load")
.says("# bytes were left after the run, at most # may be")
.serve(|library, node, setup, below, handler| {
        let handler: Handler = Arc::new(move |body, one_way| {
            std::mem::forget(Vec::<u8>::with_capacity(64 << 10));
            handler(body, one_way)
        });
        library.serve(node, setup, below, handler)
    }),
];

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

//! What a server does in a run.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use listenrain::BoxFuture;
use tokio::time::sleep;

use super::bodies::{Task, reply, understand};
use super::{Extra, Reach, Scenario, Situation};
use crate::fault::{Fault, FaultKind};
use crate::panics::Injected;
use crate::stack::{Handler, Stack};
use crate::stage::Stage;
use crate::world::{Role, Site};

/// How long a server may take to end once its clients are gone.
const DRAIN: Duration = Duration::from_secs(2);

/// How much longer that may take.
const DRAINED_WITHIN: Duration = Duration::from_millis(200);

/// The role of each server of `scenario`.
pub(super) fn role(scenario: Arc<Scenario>, stack: Arc<dyn Stack>) -> Role {
    Arc::new(move |site| {
        let (scenario, stack) = (scenario.clone(), stack.clone());
        Box::pin(async move {
            if scenario.extra == Extra::HostileServers {
                super::hostile::serve(&site).await;
            } else if let Err(why) = serve(&scenario, &*stack, &site).await {
                site.stage.violation(format!("{} could not serve: {why}", site.name));
            }
        })
    })
}

async fn serve(scenario: &Scenario, stack: &dyn Stack, site: &Site) -> Result<(), String> {
    loop {
        let listener = site.listen().await?;
        let endpoint = listener.endpoint().clone();
        let is_standby = scenario.reach == Reach::Standby && site.server > Some(0);
        let handler = handler(site.stage.clone(), site.who, is_standby);
        let server = stack.serve(site, &scenario.server, listener, handler)?;
        site.announce(endpoint);
        let restart = next_restart(site);
        let begins = restart.map_or(Duration::MAX, |(_, fault)| fault.begins());
        tokio::select! {
            biased;
            () = site.stage.over() => return end(site, &*server).await,
            () = watch(scenario, site, &*server) => {}
            () = sleep(begins.saturating_sub(site.stage.now())) => {}
        }
        let Some((number, fault)) = restart else { continue };
        site.stage.fired(number, site.who, false);
        end(site, &*server).await?;
        drop(server);
        let back = fault.ends(site.stage.plan().heal()).unwrap_or(Duration::MAX);
        tokio::select! {
            biased;
            () = site.stage.over() => return Ok(()),
            () = sleep(back.saturating_sub(site.stage.now())) => {}
        }
    }
}

/// The next time that the server at `site` is to end in an orderly way and to begin anew, with its place in the plan.
fn next_restart(site: &Site) -> Option<(usize, &Fault)> {
    let (now, who) = (site.stage.now(), site.server?);
    let all = site.stage.plan().faults.iter().enumerate();
    let to_come = all
        .filter(|(_, fault)| fault.kind == FaultKind::Restart && fault.concerns(who) && fault.begins() > now);
    to_come.min_by_key(|(_, fault)| fault.at_ms)
}

/// Ends in an orderly way, and looks that nothing is left.
async fn end(site: &Site, server: &dyn crate::stack::Serving) -> Result<(), String> {
    let began = site.stage.now();
    server.drain(DRAIN).await;
    let took = site.stage.now() - began;
    if took > DRAIN + DRAINED_WITHIN {
        site.stage.violation(format!("{} was given {DRAIN:?} to end, and took {took:?}", site.name));
    }
    let left = server.in_use();
    if left != crate::stack::InUse::default() {
        site.stage.violation(format!("{} has {left:?} in use after its end", site.name));
    }
    let left = super::client::channels_at_last(&site.stage, site.who).await;
    if left > 0 {
        site.stage.violation(format!("{} has {left} channels open after its end", site.name));
    }
    let left = site.stage.handlers(site.who);
    if left > 0 {
        site.stage.violation(format!("{} has {left} handlers running after its end", site.name));
    }
    Ok(())
}

/// Looks whether what is bounded stays so, for ever.
async fn watch(scenario: &Scenario, site: &Site, server: &dyn crate::stack::Serving) {
    let setup = &scenario.server;
    loop {
        // Each channel has limits of its own, and handlers outlive theirs.
        let most = (setup.requests * site.stage.opened(site.who).max(1)) as u64;
        let now = server.in_use();
        site.stage.has_in_use(&site.name, now);
        if now.requests > most {
            site.stage.violation(format!("{} has {} requests, the limit is {most}", site.name, now.requests));
        }
        if now.requests >= setup.requests as u64 {
            site.stage.situation(Situation::Seen(FULL));
        }
        if now.bytes >= setup.all.1 as u64 / 2 {
            site.stage.situation(Situation::Seen(SHORT));
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// A server had half the memory in use that it may have.
pub(super) const SHORT: &str = "a server that is short of memory";

/// A server's limit was reached.
pub(super) const FULL: &str = "a server at its limit of requests";

/// A server that is not the first of its list was asked.
pub(super) const STANDBY: &str = "a standby that is asked";

/// A handler runs that ends at the deadline of its call only.
pub(super) const ENDLESS: &str = "a handler that never ends by itself";

/// Does what requests ask for.
fn handler(stage: Stage, who: u16, is_standby: bool) -> Handler {
    Arc::new(move |body: Bytes, _one_way| {
        let asked = understand(body);
        // From here on: a request whose future is dropped before it is polled may have executed.
        let running = asked.as_ref().ok().map(|asked| stage.call_executes(who, asked.number));
        if is_standby && running.is_some() {
            stage.situation(Situation::Seen(STANDBY));
        }
        let stage = stage.clone();
        let answer: BoxFuture<'static, Result<Bytes, String>> = Box::pin(async move {
            let _running = running;
            let asked = asked?;
            match asked.task {
                Task::Answer | Task::SpoilRequest | Task::SpoilReply => {}
                Task::Forever => {
                    stage.situation(Situation::Seen(ENDLESS));
                    pending().await
                }
                Task::Wait(wait) => sleep(wait).await,
                Task::Panic => std::panic::panic_any(Injected),
                Task::Fail => return Err("as it was asked to".to_owned()),
            }
            Ok(reply(asked.number, asked.reply))
        });
        answer
    })
}

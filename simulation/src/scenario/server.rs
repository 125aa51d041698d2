//! The server role.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use listenrain::BoxFuture;
use tokio::time::sleep;

use super::{Extra, Reach, Scenario, Situation};
use crate::context::RunContext;
use crate::faults::{Fault, FaultKind};
use crate::network::{Node, Role};
use crate::panics::Injected;
use crate::stack::bodies::{Task, reply, understand};
use crate::stack::{Handler, Stack};

/// How long a server may take to end once its clients are gone.
const DRAIN: Duration = Duration::from_secs(2);

/// How much longer that may take.
const DRAINED_WITHIN: Duration = Duration::from_millis(200);

/// The role of each server of `scenario`.
pub(super) fn role(scenario: Arc<Scenario>, stack: Arc<dyn Stack>) -> Role {
    Arc::new(move |node| {
        let (scenario, stack) = (scenario.clone(), stack.clone());
        Box::pin(async move {
            if scenario.extra == Extra::HostileServers {
                super::hostile::serve(&node).await;
            } else if let Err(why) = serve(&scenario, &*stack, &node).await {
                node.context.violation(format!("{} could not serve: {why}", node.name));
            }
        })
    })
}

async fn serve(scenario: &Scenario, stack: &dyn Stack, node: &Node) -> Result<(), String> {
    loop {
        let listener = node.listen().await?;
        let endpoint = listener.endpoint().clone();
        let is_standby = scenario.reach == Reach::Standby && node.server > Some(0);
        let handler = handler(node.context.clone(), node.who, is_standby);
        let server = stack.serve(node, &scenario.server, listener, handler)?;
        node.announce(endpoint);
        let restart = next_restart(node);
        let begins = restart.map_or(Duration::MAX, |(_, fault)| fault.begins());
        tokio::select! {
            biased;
            () = node.context.over() => return end(node, &*server).await,
            () = watch(scenario, node, &*server) => {}
            () = sleep(begins.saturating_sub(node.context.now())) => {}
        }
        let Some((number, fault)) = restart else { continue };
        node.context.fired(number, node.who, false);
        end(node, &*server).await?;
        drop(server);
        let back = fault.ends(node.context.plan().heal()).unwrap_or(Duration::MAX);
        tokio::select! {
            biased;
            () = node.context.over() => return Ok(()),
            () = sleep(back.saturating_sub(node.context.now())) => {}
        }
    }
}

/// The next time that the server at `node` is to end in an orderly way and to begin anew, with its place in the plan.
fn next_restart(node: &Node) -> Option<(usize, &Fault)> {
    let (now, who) = (node.context.now(), node.server?);
    let all = node.context.plan().faults.iter().enumerate();
    let to_come = all
        .filter(|(_, fault)| fault.kind == FaultKind::Restart && fault.concerns(who) && fault.begins() > now);
    to_come.min_by_key(|(_, fault)| fault.at_ms)
}

/// Ends in an orderly way, and looks that nothing is left.
async fn end(node: &Node, server: &dyn crate::stack::Serving) -> Result<(), String> {
    let began = node.context.now();
    server.drain(DRAIN).await;
    let took = node.context.now() - began;
    if took > DRAIN + DRAINED_WITHIN {
        node.context.violation(format!("{} was given {DRAIN:?} to end, and took {took:?}", node.name));
    }
    let left = server.in_use();
    if left != crate::stack::InUse::default() {
        node.context.violation(format!("{} has {left:?} in use after its end", node.name));
    }
    let left = super::client::channels_at_last(&node.context, node.who).await;
    if left > 0 {
        node.context.violation(format!("{} has {left} channels open after its end", node.name));
    }
    let left = node.context.handlers(node.who);
    if left > 0 {
        node.context.violation(format!("{} has {left} handlers running after its end", node.name));
    }
    Ok(())
}

/// Looks whether what is bounded stays so, for ever.
async fn watch(scenario: &Scenario, node: &Node, server: &dyn crate::stack::Serving) {
    let setup = &scenario.server;
    loop {
        // Each channel has limits of its own, and handlers outlive theirs.
        let most = (setup.requests * node.context.opened(node.who).max(1)) as u64;
        let now = server.in_use();
        node.context.has_in_use(&node.name, now);
        if now.requests > most {
            node.context
                .violation(format!("{} has {} requests, the limit is {most}", node.name, now.requests));
        }
        if now.requests >= setup.requests as u64 {
            node.context.situation(Situation::Seen(FULL));
        }
        if now.bytes >= setup.all.1 as u64 / 2 {
            node.context.situation(Situation::Seen(SHORT));
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
fn handler(context: RunContext, who: u16, is_standby: bool) -> Handler {
    Arc::new(move |body: Bytes, _one_way| {
        let asked = understand(body);
        // From here on: a request whose future is dropped before it is polled may have executed.
        let running = asked.as_ref().ok().map(|asked| context.call_executes(who, asked.number));
        if is_standby && running.is_some() {
            context.situation(Situation::Seen(STANDBY));
        }
        let context = context.clone();
        let answer: BoxFuture<'static, Result<Bytes, String>> = Box::pin(async move {
            let _running = running;
            let asked = asked?;
            match asked.task {
                Task::Answer | Task::SpoilRequest | Task::SpoilReply => {}
                Task::Forever => {
                    context.situation(Situation::Seen(ENDLESS));
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

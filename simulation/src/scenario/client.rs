//! The client role: a load while things go wrong, then calls that must succeed, then an orderly end.

use std::sync::Arc;
use std::time::Duration;

use listenrain::{CallError, ErrorCode, Failure, Overflow, Refusal, RemoteRefusal};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::load::Op;
use super::{Extra, Scenario, Situation};
use crate::context::RunContext;
use crate::history::{Call, End, Manner};
use crate::network::{Node, Role};
use crate::stack::bodies::{Asked, Task, check, request};
use crate::stack::{Caller, InUse, Stack};

/// How long the parties have to find each other again once everything is healed. No call is made meanwhile: nothing may
/// depend on it.
const SETTLES: Duration = Duration::from_secs(4);
/// Calls that must succeed then, by each way.
const PROBES: usize = 3;
/// How long each may take.
const PROBE_WITHIN: Duration = Duration::from_secs(1);
/// How much later than its deadline a caller may be told: a turn of the scheduler, and the grain of the clock.
pub(crate) const LATE: Duration = Duration::from_millis(50);
/// How long an orderly end may take, beyond what it was given.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// The role of the client of `scenario`.
pub(super) fn role(scenario: Arc<Scenario>, stack: Arc<dyn Stack>) -> Role {
    Arc::new(move |node| {
        let (scenario, stack) = (scenario.clone(), stack.clone());
        Box::pin(async move {
            if let Err(why) = play(&scenario, &stack, &node).await {
                node.context.violation(why);
            }
        })
    })
}

async fn play(scenario: &Arc<Scenario>, stack: &Arc<dyn Stack>, node: &Node) -> Result<(), String> {
    let context = &node.context;
    let mut endpoints = context.endpoints(scenario.servers).await;
    let mut beside = JoinSet::new();
    match scenario.extra {
        Extra::Forwarder => {
            endpoints[0] =
                super::forwarder::start(node, &endpoints[0], stack.bodies().packets(), &mut beside).await?;
        }
        Extra::HostileClient => {
            beside.spawn(super::hostile::bother(node.clone(), endpoints.clone(), stack.bodies().packets()));
        }
        extra => super::guests::start(extra, node, &endpoints[0], &stack.bodies().packets(), &mut beside),
    }
    sleep(scenario.begins_at.saturating_sub(context.now())).await;
    let caller = stack.client(node, &scenario.client, scenario.reach, &endpoints)?;
    let watcher = tokio::spawn(watch(scenario.clone(), context.clone(), caller.clone()));
    run_load(scenario, stack, node, &caller).await?;
    if scenario.closes_at.is_none() {
        settle_and_probe(scenario, stack, node, &caller).await;
        close(context, &caller, scenario.closes_within).await;
    }
    watcher.abort();
    let _ = watcher.await;
    beside.shutdown().await;
    let channels = channels_at_last(context, node.who).await;
    if channels > 0 {
        context.violation(format!("the client has {channels} channels open after its end"));
    }
    let left = caller.in_use();
    if left != InUse::default() {
        context.violation(format!("the client has {left:?} in use after its end"));
    }
    Ok(())
}

/// Makes every call of the load at its time, and waits until each has ended.
async fn run_load(
    scenario: &Arc<Scenario>,
    stack: &Arc<dyn Stack>,
    node: &Node,
    caller: &Arc<dyn Caller>,
) -> Result<(), String> {
    let context = &node.context;
    let plan = context.plan();
    let ways = scenario.reach.ways(scenario.servers);
    let ops = scenario.load.ops(plan.seed, plan.calls, ways);
    let last = ops.iter().map(|op| op.at + op.timeout).max().unwrap_or_default();
    let began = context.now();
    let mut calls = JoinSet::new();
    let all = stack.says_everything();
    let largest = if stack.follows_setup() { scenario.server.largest } else { usize::MAX };
    for mut op in ops {
        if !all {
            op = op.plainly();
        }
        let (context, caller) = (context.clone(), caller.clone());
        calls.spawn(async move {
            sleep((began + op.at).saturating_sub(context.now())).await;
            one(&context, &*caller, op, largest, false).await;
        });
    }
    if let Some(at) = scenario.closes_at {
        sleep((began + at).saturating_sub(context.now())).await;
        if context.with_history(|history| history.open() > 0) {
            context.situation(Situation::Seen(DRAINED));
        }
        close(context, caller, scenario.closes_within).await;
    }
    let patience = (began + last).saturating_sub(context.now()) + Duration::from_secs(5);
    let all = async { while calls.join_next().await.is_some() {} };
    if timeout(patience, all).await.is_err() {
        let open = context.with_history(crate::history::History::open);
        return Err(format!("{open} calls had no outcome 5 s after the last deadline"));
    }
    let timeouts = context.with_history(|history| history.count(End::Timeout));
    if timeouts >= 10 {
        context.situation(Situation::Seen(MANY_TIMEOUTS));
    }
    Ok(())
}

/// A client was closed while its calls were in flight.
pub(super) const DRAINED: &str = "a drain with calls in flight";

/// Waits until all is healed and settled, then calls: every call must be answered.
async fn settle_and_probe(
    scenario: &Scenario,
    stack: &Arc<dyn Stack>,
    node: &Node,
    caller: &Arc<dyn Caller>,
) {
    let _ = stack;
    let context = &node.context;
    sleep((context.plan().heal() + SETTLES).saturating_sub(context.now())).await;
    if scenario.extra == Extra::HostileServers {
        return;
    }
    let ways = scenario.reach.ways(scenario.servers);
    for probe in 0..PROBES * ways {
        let number = PROBE_NUMBERS + probe as u64;
        let asked = Asked { number, reply: 1 + probe * 700, task: Task::Answer };
        let op = Op {
            at: Duration::ZERO,
            manner: Manner::Call,
            asked,
            size: 1 + probe * 500,
            timeout: PROBE_WITHIN,
            cancel_after: None,
            to: probe % ways,
        };
        one(context, &**caller, op, usize::MAX, true).await;
    }
    count_channels(scenario, node).await;
    is_at_rest(scenario, node, caller).await;
}

/// Once all is healed and settled there are the channels that the client wants, at both their ends, and no others.
async fn count_channels(scenario: &Scenario, node: &Node) {
    let context = &node.context;
    if matches!(scenario.extra, Extra::HostileClient | Extra::Forwarder)
        || context.plan().faults.iter().any(|fault| fault.stays)
    {
        return;
    }
    let wanted = scenario.reach.ways(scenario.servers) * scenario.client.lanes;
    if context.opened(node.who) > wanted && context.kinds_fired().keys().all(|kind| kind.spares_links()) {
        context.situation(AGED);
    }
    let here = || context.channels(node.who);
    let there = || (0..node.who).map(|server| context.channels(server)).sum::<usize>();
    // One that has reached its largest age is there beside the next one for a moment.
    let turns = if scenario.server.max_age.is_some() { 25 } else { 0 };
    for _ in 0..turns {
        if (here(), there()) != (wanted, wanted) {
            sleep(Duration::from_millis(20)).await;
        }
    }
    let (here, there) = (here(), there());
    if here != wanted {
        context.violation(format!("the client has {here} channels open, not {wanted}"));
    }
    if there != here {
        context.violation(format!("the servers have {there} channels open, the client {here}"));
    }
}

/// Once every call has ended nothing is in use, on either side.
async fn is_at_rest(scenario: &Scenario, node: &Node, caller: &Arc<dyn Caller>) {
    /// Replies may be on their way to the wire.
    const RESTS: Duration = Duration::from_millis(100);
    if scenario.extra == Extra::HostileClient {
        return;
    }
    let context = &node.context;
    context.quiet_begins();
    sleep(RESTS).await;
    let in_use = caller.in_use();
    if in_use != InUse::default() {
        context.violation(format!("the client has {in_use:?} in use when every call has ended"));
    }
    context.quiet_is_over();
}

/// How many channels party `who` has open a little after its end: a party that is told of an end still has to let go.
pub(super) async fn channels_at_last(context: &RunContext, who: u16) -> usize {
    const LETS_GO: Duration = Duration::from_millis(100);
    if context.channels(who) > 0 {
        sleep(LETS_GO).await;
    }
    context.channels(who)
}

/// Numbers of calls that are made once all is healed.
pub(crate) const PROBE_NUMBERS: u64 = 1 << 32;

/// Ends `caller` in an orderly way, and looks that this takes no longer than it is `given`.
async fn close(context: &RunContext, caller: &Arc<dyn Caller>, given: Duration) {
    context.set_draining(true);
    let began = context.now();
    // Two at once are one.
    let both = async { tokio::join!(caller.close(given), caller.close(given)) };
    if timeout(given + CLOSE_WITHIN, both).await.is_err() {
        context.violation(format!(
            "a close that was given {given:?} had not ended after {:?}",
            context.now() - began
        ));
    }
    context.set_draining(false);
    context.note(0, "closed", 0, (context.now() - began).as_micros() as u64);
}

/// Makes one call, and records it.
async fn one(context: &RunContext, caller: &dyn Caller, op: Op, largest: usize, is_probe: bool) {
    let number = op.asked.number;
    let body = request(&op.asked, op.size);
    let call = Call::new(op.manner, context.now(), op.timeout);
    let may_fail = matches!(op.asked.task, Task::Fail | Task::Panic | Task::SpoilRequest | Task::SpoilReply);
    let is_endless = op.asked.task == Task::Forever;
    let (way, is_too_large) = (op.to, body.len() > largest);
    context.call_begins(number, Call { way, is_probe, may_fail, is_endless, is_too_large, ..call });
    match op.manner {
        Manner::Call => {
            let call = caller.call(op.to, body, op.timeout);
            let outcome = match op.cancel_after {
                None => Some(call.await),
                Some(after) => timeout(after, call).await.ok(),
            };
            match outcome {
                Some(outcome) => record(context, number, op.asked.reply, outcome),
                None => context.call_ends(number, End::Cancelled, None),
            }
        }
        Manner::Send => {
            let (told, reply) = (context.clone(), op.asked.reply);
            let tell = Box::new(move |outcome| record(&told, number, reply, outcome));
            caller.send(op.to, body, op.timeout, tell).await;
            // A caller is told by its deadline; this task is what the run waits for.
            let deadline = op.timeout + LATE;
            let open = || context.with_history(|history| history.calls()[&number].is_open());
            let mut waited = Duration::ZERO;
            while open() && waited < deadline {
                sleep(Duration::from_millis(5)).await;
                waited += Duration::from_millis(5);
            }
        }
        Manner::OneWay => {
            let end = match caller.one_way(op.to, body).await {
                Ok(()) => End::Sent,
                Err(error) => return fail(context, number, error),
            };
            context.call_ends(number, end, None);
        }
    }
}

/// A channel was ended although nothing takes channels away.
pub(super) const AGED: Situation =
    Situation::Seen("channels that were ended and dialled anew, with nothing wrong");
/// A server was not there for so long that calls were refused.
pub(super) const DOWN: &str = "calls refused, as the server is down";
/// A server says that it is full, and calls are refused for that.
pub(super) const TURNED_AWAY: &str = "calls refused, as the server is full";
/// A server took nothing of a request, since it was too large.
pub(super) const TOO_LARGE: &str = "a request too large for its server";
/// A handler or a codec of a server panicked.
pub(super) const PANIC_THERE: &str = "a panic at the server";
/// A codec of the client panicked.
pub(super) const PANIC_HERE: &str = "a panic at the client";

fn record(context: &RunContext, number: u64, reply: usize, outcome: listenrain::Outcome<bytes::Bytes>) {
    match outcome {
        Ok(seen) => match check(number, reply, &seen) {
            Ok(()) => context.call_ends(number, End::Reply, None),
            Err(why) => context.call_ends(number, End::WrongReply, Some(why)),
        },
        Err(error) => fail(context, number, error),
    }
}

fn fail(context: &RunContext, number: u64, error: CallError) {
    let seen = match &error {
        CallError::Refused(Refusal::Down { cause: Some(cause), .. }) if tells_of(cause, "it is full") => {
            Some(TURNED_AWAY)
        }
        CallError::Refused(Refusal::Down { .. }) => Some(DOWN),
        CallError::Refused(Refusal::ByPeer(RemoteRefusal::TooLarge { .. })) => Some(TOO_LARGE),
        CallError::Refused(Refusal::ByPeer(_)) => Some(REFUSED),
        CallError::Failed(Failure::Remote(remote)) if remote.code == ErrorCode::Panic => Some(PANIC_THERE),
        CallError::Failed(Failure::Panic(_) | Failure::Decode(_)) => Some(PANIC_HERE),
        _ => None,
    };
    if let Some(seen) = seen {
        context.situation(Situation::Seen(seen));
    }
    context.call_fails(number, error);
}

/// Whether `error`, or what it comes from, says `what`.
fn tells_of(error: &(dyn std::error::Error + 'static), what: &str) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|error| error.to_string().contains(what))
}

/// Looks whether what is bounded stays so, for ever.
async fn watch(scenario: Arc<Scenario>, context: RunContext, caller: Arc<dyn Caller>) {
    let setup = &scenario.client;
    let ways = scenario.reach.ways(scenario.servers) as u64;
    let (requests, bytes) = (setup.requests as u64 * ways, setup.bytes as u64 * ways);
    // One that is larger than the budget alone is let in alone.
    let bytes = bytes.max((scenario.load.largest.0 as u64) * ways);
    loop {
        let now = caller.in_use();
        if now.requests > requests || now.bytes > bytes {
            context
                .violation(format!("the client has {now:?} in use, at most {requests} and {bytes} may be"));
        }
        let under_way = context.with_history(|history| history.under_way()) as u64;
        if under_way > requests {
            context.violation(format!("{under_way} calls are under way, at most {requests} may be"));
        }
        if now.requests >= setup.requests as u64 && setup.when_full == Overflow::Wait {
            context.situation(Situation::Seen(CLIENT_FULL));
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// The server refused a call.
pub(super) const REFUSED: &str = "a call refused by the server";
/// Many deadlines passed in the same run.
pub(super) const MANY_TIMEOUTS: &str = "ten timeouts in one run";

/// The client's limit was reached.
pub(super) const CLIENT_FULL: &str = "a client at its limit of requests";

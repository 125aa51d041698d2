//! What the client does in a run: a load while things go wrong, then calls that must succeed, then an orderly end.

use std::sync::Arc;
use std::time::Duration;

use listenrain::{CallError, ErrorCode, Failure, Overflow, Refusal, RemoteRefusal};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::bodies::{Asked, Task, check, request};
use super::load::Op;
use super::{Extra, Scenario, Situation};
use crate::history::{Call, End, Manner};
use crate::stack::{Caller, InUse, Stack};
use crate::stage::Stage;
use crate::world::{Role, Site};

/// How long the parties have to find each other again once everything is healed. Nobody calls meanwhile: nothing may
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
    Arc::new(move |site| {
        let (scenario, stack) = (scenario.clone(), stack.clone());
        Box::pin(async move {
            if let Err(why) = play(&scenario, &stack, &site).await {
                site.stage.violation(why);
            }
        })
    })
}

async fn play(scenario: &Arc<Scenario>, stack: &Arc<dyn Stack>, site: &Site) -> Result<(), String> {
    let stage = &site.stage;
    let mut endpoints = stage.endpoints(scenario.servers).await;
    let mut beside = JoinSet::new();
    match scenario.extra {
        Extra::Forwarder => {
            endpoints[0] =
                super::forwarder::start(site, &endpoints[0], stack.bodies().packets(), &mut beside).await?;
        }
        Extra::HostileClient => {
            beside.spawn(super::hostile::bother(site.clone(), endpoints.clone(), stack.bodies().packets()));
        }
        extra => super::guests::start(extra, site, &endpoints[0], &stack.bodies().packets(), &mut beside),
    }
    sleep(scenario.begins_at.saturating_sub(stage.now())).await;
    let caller = stack.client(site, &scenario.client, scenario.reach, &endpoints)?;
    let watcher = tokio::spawn(watch(scenario.clone(), stage.clone(), caller.clone()));
    run_load(scenario, stack, site, &caller).await?;
    if scenario.closes_at.is_none() {
        settle_and_probe(scenario, stack, site, &caller).await;
        close(stage, &caller, scenario.closes_within).await;
    }
    watcher.abort();
    let _ = watcher.await;
    beside.shutdown().await;
    let channels = channels_at_last(stage, site.who).await;
    if channels > 0 {
        stage.violation(format!("the client has {channels} channels open after its end"));
    }
    let left = caller.in_use();
    if left != InUse::default() {
        stage.violation(format!("the client has {left:?} in use after its end"));
    }
    Ok(())
}

/// Makes every call of the load at its time, and waits until each has ended.
async fn run_load(
    scenario: &Arc<Scenario>,
    stack: &Arc<dyn Stack>,
    site: &Site,
    caller: &Arc<dyn Caller>,
) -> Result<(), String> {
    let stage = &site.stage;
    let plan = stage.plan();
    let ways = scenario.reach.ways(scenario.servers);
    let ops = scenario.load.ops(plan.seed, plan.calls, ways);
    let last = ops.iter().map(|op| op.at + op.timeout).max().unwrap_or_default();
    let began = stage.now();
    let mut calls = JoinSet::new();
    let all = stack.says_everything();
    let largest = if stack.follows_setup() { scenario.server.largest } else { usize::MAX };
    for mut op in ops {
        if !all {
            op = op.plainly();
        }
        let (stage, caller) = (stage.clone(), caller.clone());
        calls.spawn(async move {
            sleep((began + op.at).saturating_sub(stage.now())).await;
            one(&stage, &*caller, op, largest, false).await;
        });
    }
    if let Some(at) = scenario.closes_at {
        sleep((began + at).saturating_sub(stage.now())).await;
        if stage.with_history(|history| history.open() > 0) {
            stage.situation(Situation::Seen(DRAINED));
        }
        close(stage, caller, scenario.closes_within).await;
    }
    let patience = (began + last).saturating_sub(stage.now()) + Duration::from_secs(5);
    let all = async { while calls.join_next().await.is_some() {} };
    if timeout(patience, all).await.is_err() {
        let open = stage.with_history(crate::history::History::open);
        return Err(format!("{open} calls had no outcome 5 s after the last deadline"));
    }
    let timeouts = stage.with_history(|history| history.count(End::Timeout));
    if timeouts >= 10 {
        stage.situation(Situation::Seen(MANY_TIMEOUTS));
    }
    Ok(())
}

/// A client was closed while its calls were in flight.
pub(super) const DRAINED: &str = "a drain with calls in flight";

/// Waits until all is healed and settled, then calls: every call must be answered.
async fn settle_and_probe(
    scenario: &Scenario,
    stack: &Arc<dyn Stack>,
    site: &Site,
    caller: &Arc<dyn Caller>,
) {
    let _ = stack;
    let stage = &site.stage;
    sleep((stage.plan().heal() + SETTLES).saturating_sub(stage.now())).await;
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
        one(stage, &**caller, op, usize::MAX, true).await;
    }
    count_channels(scenario, site).await;
    is_at_rest(scenario, site, caller).await;
}

/// Once all is healed and settled there are the channels that the client wants, at both their ends, and no others.
async fn count_channels(scenario: &Scenario, site: &Site) {
    let stage = &site.stage;
    if matches!(scenario.extra, Extra::HostileClient | Extra::Forwarder)
        || stage.plan().faults.iter().any(|fault| fault.stays)
    {
        return;
    }
    let wanted = scenario.reach.ways(scenario.servers) * scenario.client.lanes;
    if stage.opened(site.who) > wanted && stage.kinds_fired().keys().all(|kind| kind.spares_links()) {
        stage.situation(AGED);
    }
    let here = || stage.channels(site.who);
    let there = || (0..site.who).map(|server| stage.channels(server)).sum::<usize>();
    // One that has reached its largest age is there beside the next one for a moment.
    let turns = if scenario.server.max_age.is_some() { 25 } else { 0 };
    for _ in 0..turns {
        if (here(), there()) != (wanted, wanted) {
            sleep(Duration::from_millis(20)).await;
        }
    }
    let (here, there) = (here(), there());
    if here != wanted {
        stage.violation(format!("the client has {here} channels open, not {wanted}"));
    }
    if there != here {
        stage.violation(format!("the servers have {there} channels open, the client {here}"));
    }
}

/// Once every call has ended nothing is in use, on either side.
async fn is_at_rest(scenario: &Scenario, site: &Site, caller: &Arc<dyn Caller>) {
    /// Replies may be on their way to the wire.
    const RESTS: Duration = Duration::from_millis(100);
    if scenario.extra == Extra::HostileClient {
        return;
    }
    let stage = &site.stage;
    stage.quiet_begins();
    sleep(RESTS).await;
    let in_use = caller.in_use();
    if in_use != InUse::default() {
        stage.violation(format!("the client has {in_use:?} in use when every call has ended"));
    }
    stage.quiet_is_over();
}

/// How many channels party `who` has open a little after its end: whoever is told of an end still has to let go.
pub(super) async fn channels_at_last(stage: &Stage, who: u16) -> usize {
    const LETS_GO: Duration = Duration::from_millis(100);
    if stage.channels(who) > 0 {
        sleep(LETS_GO).await;
    }
    stage.channels(who)
}

/// Numbers of calls that are made once all is healed.
pub(crate) const PROBE_NUMBERS: u64 = 1 << 32;

/// Ends `caller` in an orderly way, and looks that this takes no longer than it is `given`.
async fn close(stage: &Stage, caller: &Arc<dyn Caller>, given: Duration) {
    stage.set_draining(true);
    let began = stage.now();
    // Two at once are one.
    let both = async { tokio::join!(caller.close(given), caller.close(given)) };
    if timeout(given + CLOSE_WITHIN, both).await.is_err() {
        stage.violation(format!(
            "a close that was given {given:?} had not ended after {:?}",
            stage.now() - began
        ));
    }
    stage.set_draining(false);
    stage.note(0, "closed", 0, (stage.now() - began).as_micros() as u64);
}

/// Makes one call, and records it.
async fn one(stage: &Stage, caller: &dyn Caller, op: Op, largest: usize, is_probe: bool) {
    let number = op.asked.number;
    let body = request(&op.asked, op.size);
    let call = Call::new(op.manner, stage.now(), op.timeout);
    let may_fail = matches!(op.asked.task, Task::Fail | Task::Panic | Task::SpoilRequest | Task::SpoilReply);
    let is_endless = op.asked.task == Task::Forever;
    let (way, is_too_large) = (op.to, body.len() > largest);
    stage.call_begins(number, Call { way, is_probe, may_fail, is_endless, is_too_large, ..call });
    match op.manner {
        Manner::Call => {
            let call = caller.call(op.to, body, op.timeout);
            let outcome = match op.cancel_after {
                None => Some(call.await),
                Some(after) => timeout(after, call).await.ok(),
            };
            match outcome {
                Some(outcome) => record(stage, number, op.asked.reply, outcome),
                None => stage.call_ends(number, End::Cancelled, None),
            }
        }
        Manner::Send => {
            let (told, reply) = (stage.clone(), op.asked.reply);
            let tell = Box::new(move |outcome| record(&told, number, reply, outcome));
            caller.send(op.to, body, op.timeout, tell).await;
            // Whoever is told is told by its deadline; this task is what the run waits for.
            let deadline = op.timeout + LATE;
            let open = || stage.with_history(|history| history.calls()[&number].is_open());
            let mut waited = Duration::ZERO;
            while open() && waited < deadline {
                sleep(Duration::from_millis(5)).await;
                waited += Duration::from_millis(5);
            }
        }
        Manner::OneWay => {
            let end = match caller.one_way(op.to, body).await {
                Ok(()) => End::Sent,
                Err(error) => return fail(stage, number, error),
            };
            stage.call_ends(number, end, None);
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

fn record(stage: &Stage, number: u64, reply: usize, outcome: listenrain::Outcome<bytes::Bytes>) {
    match outcome {
        Ok(seen) => match check(number, reply, &seen) {
            Ok(()) => stage.call_ends(number, End::Reply, None),
            Err(why) => stage.call_ends(number, End::WrongReply, Some(why)),
        },
        Err(error) => fail(stage, number, error),
    }
}

fn fail(stage: &Stage, number: u64, error: CallError) {
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
        stage.situation(Situation::Seen(seen));
    }
    stage.call_fails(number, error);
}

/// Whether `error`, or what it comes from, says `what`.
fn tells_of(error: &(dyn std::error::Error + 'static), what: &str) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|error| error.to_string().contains(what))
}

/// Looks whether what is bounded stays so, for ever.
async fn watch(scenario: Arc<Scenario>, stage: Stage, caller: Arc<dyn Caller>) {
    let setup = &scenario.client;
    let ways = scenario.reach.ways(scenario.servers) as u64;
    let (requests, bytes) = (setup.requests as u64 * ways, setup.bytes as u64 * ways);
    // One that is larger than the budget alone is let in alone.
    let bytes = bytes.max((scenario.load.largest.0 as u64) * ways);
    loop {
        let now = caller.in_use();
        if now.requests > requests || now.bytes > bytes {
            stage.violation(format!("the client has {now:?} in use, at most {requests} and {bytes} may be"));
        }
        let under_way = stage.with_history(|history| history.under_way()) as u64;
        if under_way > requests {
            stage.violation(format!("{under_way} calls are under way, at most {requests} may be"));
        }
        if now.requests >= setup.requests as u64 && setup.when_full == Overflow::Wait {
            stage.situation(Situation::Seen(CLIENT_FULL));
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

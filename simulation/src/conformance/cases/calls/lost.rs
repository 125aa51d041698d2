//! Channels that are lost with calls in flight, and what comes after.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{
    CallError, Client, Command, ConnectionState, Outcome, RawBytes, Request, Responder, Router, Sent,
};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::dial_log::DialLog;
use super::lines::{Line, Loss};
use super::sides::{Both, Call, native};
use crate::conformance::context::{Endpoints, TestContext, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::stack::{Executed, call, client, echo, message, number_of, server};

type Told = (u64, Outcome<Bytes>);
type Held = (Bytes, Responder<RawBytes>);
type Lose = fn(&(Line, Line));

pub(super) async fn connection_lost(context: &mut TestContext) -> Check {
    let count = context.size(200, 20) as u64;
    let (arrive, mut arrived) = mpsc::unbounded_channel();
    let mut both = Both::start(context, &native()?, holding(arrive)).await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let ways: [(&str, Lose); 4] = [
        ("aborted by the client", |(near, _)| near.lose(Loss::Abort)),
        ("dropped by the client", |(near, _)| near.lose(Loss::Drop)),
        ("dropped by the server", |(_, far)| far.lose(Loss::Drop)),
        ("aborted by the server", |(_, far)| far.lose(Loss::Abort)),
    ];
    let mut ended = BTreeSet::new();
    for (round, (way, lose)) in (0..).zip(ways) {
        let failed = |failure: Failure| failure.at(format!("a channel with {count} calls, {way}"));
        let first = 1 + round * count;
        call_in_two_ways(&both.client, first..first + count, &tell).await;
        let held = all_arrived(&mut arrived, count).await?;
        let opened = both.lines.count();
        lose(&both.lines.nth(opened).await?);
        let ending = all_lost(&mut told, &mut ended, count);
        at_once("the end of every call", ending).await.and_then(|ended| ended).map_err(failed)?;
        // What the server says now reaches no caller, also when the client has another channel.
        for (message, responder) in held {
            let _ = responder.reply(message);
        }
        call(&both.client, 0, 100).await.map_err(failed)?;
    }
    drop(tell);
    both.client.close().await;
    let again = told.recv().await;
    ensure!(again.is_none(), "a call was told its outcome twice, the second time {again:?}");
    Ok(())
}

/// Keeps every request but those of number 0.
fn holding(arrive: UnboundedSender<Held>) -> Router<RawBytes> {
    Router::new().respond(Command(0), move |request: Request<Bytes>, responder| {
        if number_of(&request.message) == Some(0) {
            let _ = responder.reply(request.message);
        } else {
            let _ = arrive.send((request.message, responder));
        }
        async {}
    })
}

/// Half of the callers wait in a task, half are called back.
async fn call_in_two_ways(
    client: &Client<RawBytes>,
    numbers: impl Iterator<Item = u64>,
    tell: &UnboundedSender<Told>,
) {
    for number in numbers {
        let (client, tell, message) = (client.clone(), tell.clone(), message(number, 100));
        if number % 2 == 0 {
            client.send(message, move |outcome| drop(tell.send((number, outcome)))).await;
        } else {
            tokio::spawn(async move {
                let outcome = client.call(message).await;
                drop(tell.send((number, outcome)));
            });
        }
    }
}

async fn all_arrived(arrived: &mut UnboundedReceiver<Held>, count: u64) -> Check<Vec<Held>> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(arrived.recv().await.ok_or_else(|| Failure::new("the server is gone"))?);
    }
    Ok(held)
}

/// Each of `count` more calls ends, as one whose request may have been executed.
async fn all_lost(told: &mut UnboundedReceiver<Told>, ended: &mut BTreeSet<u64>, count: u64) -> Check {
    for _ in 0..count {
        let (number, outcome) = told.recv().await.ok_or_else(|| Failure::new("a call was forgotten"))?;
        ensure!(
            matches!(&outcome, Err(CallError::Lost { sent: Sent::Maybe, .. })),
            "call {number} ended with {outcome:?}, expected Lost and maybe sent"
        );
        ensure!(
            ended.insert(number),
            "call {number} was told its outcome twice, the second time {outcome:?}"
        );
    }
    Ok(())
}

pub(super) async fn reconnect(context: &mut TestContext) -> Check {
    let count = context.size(50, 8) as u64;
    let (protocol, executed) = (native()?, Executed::default());
    let Endpoints { dialer, listener, .. } = context.endpoints().await?;
    let endpoint = listener.endpoint().clone();
    let mut serving = server(&protocol, echo(&executed)).listen(listener.generator)?;
    let log = DialLog::default();
    let client = client(&protocol, context.random.draw()).dial(log.on(dialer.generator))?;
    let mut states = client.connection().watch();
    let mut number = 0;
    answered(&client, &mut number, count).await?;
    // A drained server asks to be left alone for a second: each round takes that long. C12 has more rounds.
    for patience in [Duration::ZERO, Duration::from_secs(1)].into_iter().take(context.size(2, 1)) {
        let before = log.entries().failed;
        serving.drain(patience).await;
        let is_lost = |state: &_| !matches!(state, ConnectionState::Working);
        let losing = at_once("noticing that the server is gone", states.wait_for(is_lost)).await?;
        drop(losing.map_err(|_| Failure::new("the connection is closed"))?);
        log.wait_for("a dial where there is no listener", |entries| entries.failed > before).await?;
        // Made while there is no listener, they wait.
        let early: Vec<_> = (0..count).map(|at| Call::start(&client, number + 1 + at, 100)).collect();
        number += count;
        serving = server(&protocol, echo(&executed)).listen(context.listen(&endpoint).await?.generator)?;
        for call in early {
            call.answered().await.map_err(|failure| failure.at("made while there was no listener"))?;
        }
        answered(&client, &mut number, count).await.map_err(|failure| failure.at("after a reconnect"))?;
    }
    let more_than_once: Vec<_> = (1..=number).filter(|number| executed.times(*number) != 1).collect();
    ensure!(more_than_once.is_empty(), "not executed once: {more_than_once:?}");
    client.close().await;
    Ok(())
}

/// `count` calls at once, each with a number of its own.
async fn answered(client: &Client<RawBytes>, number: &mut u64, count: u64) -> Check {
    let calls: Vec<_> = (0..count).map(|at| Call::start(client, *number + 1 + at, 100)).collect();
    *number += count;
    for call in calls {
        call.answered().await?;
    }
    Ok(())
}

//! Replies and the calls they belong to, however many are in flight.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use listenrain::{Command, Protocol, RawBytes, Request, Responder, Router};

use super::sides::{Both, Call, by_number, in_order, native};
use crate::conformance::context::TestContext;
use crate::conformance::failure::{Check, Failure, ensure};
use crate::random::Random;

/// Requests that a server has not answered.
type Waiting = Vec<(Bytes, Responder<RawBytes>)>;

pub(super) async fn ids_match(context: &mut TestContext) -> Check {
    for (name, protocol) in
        [("by packet", native()?), ("by message", by_number()?), ("by order", in_order()?)]
    {
        for count in [1, 10, 100, 1000] {
            let count = context.size(count, count.min(20));
            let failed = |failure: Failure| failure.at(format!("{count} calls in flight, {name}"));
            answer_all_at_once(context, &protocol, count, |_| {}).await.map_err(failed)?;
        }
    }
    Ok(())
}

pub(super) async fn out_of_order(context: &mut TestContext) -> Check {
    for (name, protocol) in [("by packet", native()?), ("by message", by_number()?)] {
        let count = context.size(200, 20);
        let failed = |failure: Failure| failure.at(format!("{count} replies, {name}"));
        answer_all_at_once(context, &protocol, count, |waiting| waiting.reverse()).await.map_err(failed)?;
        let shuffling = Mutex::new(Random::new(context.random.draw()));
        let shuffle = move |waiting: &mut Waiting| {
            let mut random = shuffling.lock().unwrap_or_else(PoisonError::into_inner);
            (1..waiting.len()).for_each(|at| waiting.swap(at, random.below(at + 1)));
        };
        answer_all_at_once(context, &protocol, count, shuffle).await.map_err(failed)?;
    }
    Ok(())
}

/// All of `count` calls are at the server before the first is answered; then all are, in the order that `arrange` makes.
async fn answer_all_at_once(
    context: &mut TestContext,
    protocol: &Protocol<RawBytes>,
    count: usize,
    arrange: impl Fn(&mut Waiting) + Send + Sync + 'static,
) -> Check {
    let both = Both::start(context, protocol, gathering(count, arrange)).await?;
    let sizes = context.random.sizes(count, 300);
    let calls = (1..).zip(sizes).map(|(number, size)| Call::start(&both.client, number, size));
    for call in calls.collect::<Vec<_>>() {
        call.answered().await?;
    }
    let counts = both.client.counts();
    ensure!(counts.in_flight == 0 && counts.late_replies == 0, "all were answered, and there is {counts:?}");
    Ok(())
}

/// Answers no request until `count` requests are there.
fn gathering(count: usize, arrange: impl Fn(&mut Waiting) + Send + Sync + 'static) -> Router<RawBytes> {
    let waiting: Arc<Mutex<Waiting>> = Arc::default();
    Router::new().respond(Command(0), move |request: Request<Bytes>, responder| {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push((request.message, responder));
        let mut all = if waiting.len() == count { std::mem::take(&mut *waiting) } else { Vec::new() };
        drop(waiting);
        arrange(&mut all);
        for (message, responder) in all {
            // Where the channel is gone, the call at its other end says so.
            let _ = responder.reply(message);
        }
        async {}
    })
}

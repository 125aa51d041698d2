//! Calls that end without a reply, each for its own reason.

use std::future::pending;
use std::panic::resume_unwind;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{CallError, Client, ErrorCode, Failure as CallFailure, Outcome, RawBytes, Request, Router};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep};

use super::peer::{CANCEL, Manners, REQUEST};
use super::sides::{Both, ByHand, Call, native};
use crate::conformance::bed::{AT_ONCE, Bed, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::polls::once;
use crate::conformance::stack::{call, check_message, message, number_of};

/// More than a client encodes ahead while its channel takes nothing.
const FILLS_UP: usize = 300_000;

pub(super) async fn cancel(bed: &mut Bed) -> Check {
    cancelled_at_the_server(bed).await?;
    for manners in Manners::BOTH {
        cancelled_before_it_left(bed, manners).await?;
    }
    Ok(())
}

/// Handlers of odd numbers never end; tells when each begins, and when it is dropped.
async fn cancelled_at_the_server(bed: &mut Bed) -> Check {
    let (tell, mut told) = mpsc::unbounded_channel();
    let router = Router::<RawBytes>::new().fallback(move |request: Request<Bytes>| {
        let tell = tell.clone();
        async move {
            let number = number_of(&request.message).unwrap_or_default();
            if number % 2 == 1 {
                let _ = tell.send("begun");
                let _until_dropped = Dropped(tell);
                pending::<()>().await;
            }
            Ok(request.message)
        }
    });
    let both = Both::start(bed, &native()?, router).await?;
    for number in (1..2 * bed.size(10, 3) as u64).step_by(2) {
        let cancelled = Call::start(&both.client, number, 100);
        let begun = told.recv().await;
        ensure!(begun == Some("begun"), "instead of a handler that begins there was {begun:?}");
        drop(cancelled);
        let dropped = at_once("dropping the handler of a call that was taken back", told.recv()).await?;
        ensure!(dropped == Some("dropped"), "instead of a handler that is dropped there was {dropped:?}");
        let in_flight = both.client.counts().in_flight;
        ensure!(in_flight == 0, "{in_flight} calls are in flight after the only one was taken back");
        call(&both.client, number + 1, 100).await?;
    }
    let reconnects = both.client.counts().reconnects;
    ensure!(reconnects == 0, "the channel was lost {reconnects} times");
    Ok(())
}

struct Dropped(mpsc::UnboundedSender<&'static str>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

/// Of a call that is taken back while it is queued nothing is ever sent; of one that is on its way the server is told.
async fn cancelled_before_it_left(bed: &mut Bed, manners: Manners) -> Check {
    let mut sides = ByHand::native(bed, manners).await?;
    let line = sides.lines.newest();
    line.hold(true);
    let leaving = Call::start(&sides.client, 1, FILLS_UP);
    while sides.client.counts().queued > 0 || sides.client.counts().in_flight == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    let mut queued = Box::pin(sides.client.call(message(2, 100)));
    let early = once(|cx| queued.as_mut().poll(cx)).await;
    ensure!(early.is_none(), "a call whose channel takes nothing ended with {early:?}");
    drop(queued);
    drop(leaving);
    let kept = Call::start(&sides.client, 3, 100);
    line.hold(false);
    let begun = sides.peer.expect(REQUEST).await?;
    check_message(1, FILLS_UP, &begun.payload)?;
    let mut told = false;
    loop {
        let frame = sides.peer.read().await?.ok_or_else(|| Failure::new("the channel is over"))?;
        if frame.kind == CANCEL && frame.id == begun.id && !told {
            told = true;
            continue;
        }
        check_message(3, 100, &frame.payload).map_err(|failure| failure.at("after a call was taken back"))?;
        sides.peer.reply(&frame).await?;
        break;
    }
    kept.answered().await?;
    if !told {
        let cancel = sides.peer.expect(CANCEL).await?;
        ensure!(cancel.id == begun.id, "{cancel:?} is told where {} was taken back", begun.id);
    }
    sides.is_as_it_was()
}

pub(super) async fn timeout_order(bed: &mut Bed) -> Check {
    let sides = ByHand::native(bed, Manners::Answers).await?;
    let mut calls = JoinSet::new();
    // Each next one is due before, between and after those that wait.
    for step in [7, 2, 12, 0, 9, 4, 14, 1, 11, 6, 3, 13, 8, 5, 10] {
        let (client, within) = (sides.client.clone(), Duration::from_millis(20 + 20 * step));
        calls.spawn(async move {
            let mut call = Box::pin(client.call_within(message(step, 100), within));
            let earliest = Instant::now() + within;
            let early = once(|cx| call.as_mut().poll(cx)).await;
            let latest = Instant::now() + within;
            let outcome = match early {
                Some(outcome) => outcome,
                None => call.await,
            };
            (earliest, latest, Instant::now(), outcome)
        });
    }
    let mut due = None;
    while let Some(ended) = calls.join_next().await {
        let (earliest, latest, at, outcome) = ended?;
        is_timeout(&outcome)?;
        ensure!(at >= earliest, "a call timed out {:?} too early", earliest - at);
        ensure!(at <= latest + AT_ONCE, "a call timed out {:?} too late", at - latest);
        // Only what was certainly due before another must end before it.
        ensure!(due.is_none_or(|due| due <= latest), "a call timed out behind one that was due later");
        due = due.max(Some(earliest));
    }
    sides.is_as_it_was()
}

fn is_timeout(outcome: &Outcome<Bytes>) -> Check {
    ensure!(
        outcome.as_ref().is_err_and(CallError::is_timeout),
        "a call that nobody answers ended with {outcome:?}, expected Timeout"
    );
    Ok(())
}

/// How long a call may wait whose reply never comes.
const SOON: Duration = Duration::from_millis(50);
/// What a deadline is rounded to on its way to a server, which may be the first to tell that it has passed.
const STEP: Duration = Duration::from_millis(1);

pub(super) async fn never_answered(bed: &mut Bed) -> Check {
    handlers_that_never_end(bed).await?;
    let payload = bed.size(1 << 20, 64 << 10);
    a_peer_that_never_reads(bed, payload).await
}

/// Those that are answered do not wait for those that are not.
async fn handlers_that_never_end(bed: &mut Bed) -> Check {
    let router = Router::<RawBytes>::new().fallback(|request: Request<Bytes>| async move {
        if number_of(&request.message).is_some_and(|number| number % 2 == 1) {
            pending::<()>().await;
        }
        Ok(request.message)
    });
    let both = Both::start(bed, &native()?, router).await?;
    call(&both.client, 0, 100).await?;
    let is_timeout = CallError::is_timeout;
    let unanswered = all_time_out(&both.client, (1..20).step_by(2), 100, is_timeout);
    let answered = async {
        for number in (2..20).step_by(2) {
            call(&both.client, number, 100).await.map_err(|failure| failure.at("beside calls that wait"))?;
        }
        Ok(())
    };
    tokio::try_join!(answered, unanswered)?;
    call(&both.client, 100, 100).await?;
    let counts = both.client.counts();
    ensure!(counts.in_flight == 0 && counts.reconnects == 0, "all calls have ended, and there is {counts:?}");
    Ok(())
}

/// Deadlines cover writing, and closing does not wait for the peer either.
async fn a_peer_that_never_reads(bed: &mut Bed, payload: usize) -> Check {
    // It does not even read the hello.
    let sides = ByHand::native(bed, Manners::Answers).await?;
    // What has not left is told so.
    all_time_out(&sides.client, 1..25, payload, |error| {
        matches!(error, CallError::Timeout | CallError::Expired)
    })
    .await?;
    let counts = sides.client.counts();
    ensure!(
        (counts.in_flight, counts.in_flight_bytes) == (0, 0),
        "all calls have ended, and there is {counts:?}"
    );
    at_once("closing beside a peer that never reads", sides.client.connection().close(SOON)).await
}

async fn all_time_out(
    client: &Client<RawBytes>,
    numbers: impl Iterator<Item = u64>,
    size: usize,
    is_its_end: impl Fn(&CallError) -> bool,
) -> Check {
    let mut calls = JoinSet::new();
    for number in numbers {
        let (client, message) = (client.clone(), message(number, size));
        calls.spawn(async move {
            let start = Instant::now();
            (client.call_within(message, SOON).await, start.elapsed())
        });
    }
    while let Some(ended) = calls.join_next().await {
        let (outcome, took) = ended?;
        ensure!(
            outcome.as_ref().is_err_and(&is_its_end),
            "a call that nobody answers ended with {outcome:?}, expected that its deadline has passed"
        );
        let is_kept = (SOON - STEP..SOON + AT_ONCE).contains(&took);
        ensure!(is_kept, "a deadline of {SOON:?} was kept after {took:?}");
    }
    Ok(())
}

pub(super) async fn handler_panic(bed: &mut Bed) -> Check {
    let both = Both::start(bed, &native()?, panicking()).await?;
    for round in 0..2 {
        let mut calls = JoinSet::new();
        for number in (round * 100..).take(bed.size(40, 12)) {
            let (client, message) = (both.client.clone(), message(number, 50));
            calls.spawn(async move { (number, client.call(message).await) });
        }
        while let Some(ended) = calls.join_next().await {
            let (number, outcome) = ended?;
            match outcome {
                Ok(reply) if number % 4 == 3 => check_message(number, 50, &reply)?,
                Err(CallError::Failed(CallFailure::Remote(error)))
                    if error.code == ErrorCode::Panic && number % 4 != 3 => {}
                other => {
                    return Err(Failure::new(format!(
                        "call {number}, one of those {} panic, ended with {other:?}",
                        if number % 4 == 3 { "whose handlers do not" } else { "whose handlers" }
                    )));
                }
            }
        }
    }
    let (reconnects, connections) = (both.client.counts().reconnects, both.server.connections());
    ensure!(
        reconnects == 0 && connections == 1,
        "after panics of handlers the channel was lost {reconnects} times, and {connections} are open"
    );
    Ok(())
}

/// Handlers that panic before their future is made, at its first poll, or at a later one; and every fourth does not.
fn panicking() -> Router<RawBytes> {
    Router::new().fallback(|request: Request<Bytes>| {
        let way = number_of(&request.message).unwrap_or_default() % 4;
        if way == 0 {
            panic_quietly();
        }
        async move {
            if way == 1 {
                panic_quietly();
            }
            yield_now().await;
            if way == 2 {
                panic_quietly();
            }
            Ok(request.message)
        }
    })
}

/// A panic like any other, but that no hook is told: whoever watches this thread for panics takes this one for none.
fn panic_quietly() {
    resume_unwind(Box::new("a handler panics"));
}

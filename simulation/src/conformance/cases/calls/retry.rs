//! What is sent again when a channel is lost on the way of a request, and what is not.

use listenrain::{CallError, Client, RawBytes, Sent};
use tokio::sync::oneshot;

use super::lines::Lines;
use super::sides::native;
use crate::conformance::bed::Bed;
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::stack::{Executed, PATIENT, call, check_message, client, echo, message, server};

/// Bytes of a message beside its number.
const SIZE: usize = 5;
/// Bytes of a request on the wire: a header, and the message.
const REQUEST: usize = 20 + 8 + SIZE;

pub(super) async fn resend(bed: &mut Bed) -> Check {
    cut_anywhere(bed, true).await
}

pub(super) async fn no_resend(bed: &mut Bed) -> Check {
    cut_anywhere(bed, false).await
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Answered,
    MaybeSent,
    NotSent,
}

/// Two requests behind one another, again and again; each time their channel is lost when it has taken so many bytes.
async fn cut_anywhere(bed: &mut Bed, resends: bool) -> Check {
    let (protocol, executed) = (native()?, Executed::default());
    let lines = Lines::new(bed).await?;
    let client = client(&protocol, bed.random.draw()).resend_unsent(resends).dial(lines.dialer())?;
    let (listener, mut lines) = lines.listener();
    let server = server(&protocol, echo(&executed)).listen(listener)?;
    let mut ends = Vec::new();
    for (round, cut) in (0..).zip(cuts(bed)) {
        let failed = |failure: Failure| failure.at(format!("cut after {cut} bytes"));
        // Each loss has made the client dial once.
        let (line, _) = lines.nth(round + 1).await?;
        line.lose_after(cut);
        let numbers = [2 * round as u64 + 1, 2 * round as u64 + 2];
        let (first, second) = tokio::join!(end(&client, numbers[0]), end(&client, numbers[1]));
        let both = [first.map_err(failed)?, second.map_err(failed)?];
        check_ends(both, cut / REQUEST, resends).map_err(failed)?;
        for (number, end) in numbers.into_iter().zip(both) {
            if end == End::NotSent {
                let times = executed.times(number);
                ensure!(
                    times == 0,
                    "call {number} was not sent, it says, and was executed (cut after {cut})"
                );
                // So it is safe to ask again.
                call(&client, number, SIZE).await.map_err(failed)?;
            }
            ends.push((number, end, cut));
        }
    }
    client.close().await;
    server.drain(PATIENT).await;
    check_executions(&executed, &ends)
}

/// Every number of bytes of two requests, or some of them, those among them where a request begins and ends.
fn cuts(bed: &mut Bed) -> Vec<usize> {
    let all = 2 * REQUEST;
    let mut cuts = vec![1, REQUEST - 1, REQUEST, REQUEST + 1, all - 1, all];
    if bed.size(all, 1) == all {
        cuts.extend(1..=all);
    } else {
        cuts.extend(std::iter::repeat_with(|| 1 + bed.random.below(all)).take(6));
    }
    cuts
}

/// How a call ends that its caller only starts: two of them are queued before the channel takes either, and are written together.
async fn end(client: &Client<RawBytes>, number: u64) -> Check<End> {
    let (tell, told) = oneshot::channel();
    client.send(message(number, SIZE), move |outcome| drop(tell.send(outcome))).await;
    match told.await.map_err(|_| Failure::new(format!("nobody heard how call {number} ended")))? {
        Ok(reply) => check_message(number, SIZE, &reply).map(|()| End::Answered),
        Err(CallError::Lost { sent: Sent::Maybe, .. }) => Ok(End::MaybeSent),
        Err(error @ CallError::Lost { sent: Sent::No, .. }) if error.never_executed() => Ok(End::NotSent),
        Err(error) => Err(Failure::from(error).at(format!("call {number}"))),
    }
}

/// Of two requests the first `whole` were taken by the channel to their last byte, and may have been executed.
fn check_ends(both: [End; 2], whole: usize, resends: bool) -> Check {
    let count = |wanted| both.into_iter().filter(|end| *end == wanted).count();
    let (unsure, unsent) = (count(End::MaybeSent), count(End::NotSent));
    ensure!(unsure <= whole, "{unsure} calls may have been sent where {whole} left as a whole: {both:?}");
    let due = if resends { 0 } else { 2 - whole };
    ensure!(unsent == due, "{unsent} calls say that they were not sent, {due} should: {both:?}");
    Ok(())
}

/// What was answered was executed once, and what may have been sent at most once.
fn check_executions(executed: &Executed, ends: &[(u64, End, usize)]) -> Check {
    for (number, end, cut) in ends {
        let times = executed.times(*number);
        let is_right = if *end == End::MaybeSent { times <= 1 } else { times == 1 };
        ensure!(is_right, "call {number}, {end:?} after a cut at {cut}, was executed {times} times");
    }
    let known: usize = ends.iter().map(|(number, ..)| executed.times(*number)).sum();
    let strange = executed.all() - known;
    ensure!(strange == 0, "{strange} requests were executed that nobody made");
    Ok(())
}

//! Replies that nobody waits for.

use std::time::Duration;

use bytes::Bytes;
use listenrain::{CallError, IdState, Outcome, Refusal};
use tokio::sync::mpsc;

use super::peer::{CANCEL, ERROR, Frame, Manners, REFUSED, REPLY, REQUEST};
use super::sides::{ByHand, Call};
use crate::conformance::bed::Bed;
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::stack::{check_message, message, number_of};

/// A size of messages at which nothing changes.
const SIZE: usize = 100;

pub(super) async fn duplicate_reply(bed: &mut Bed) -> Check {
    for manners in Manners::BOTH {
        duplicate_replies(bed, manners).await?;
    }
    Ok(())
}

async fn duplicate_replies(bed: &mut Bed, manners: Manners) -> Check {
    let rounds = bed.size(16, 3) as u64;
    let mut sides = ByHand::native(bed, manners).await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    for first in (0..rounds).map(|round| 3 * round) {
        let tell = tell.clone();
        sides.client.send(message(first, SIZE), move |outcome| drop(tell.send(outcome))).await;
        let asked = sides.peer.expect(REQUEST).await?;
        let (other, asked_other) = sides.ask(first + 1, SIZE).await?;
        sides.peer.reply(&asked).await?;
        sides.peer.reply(&asked).await?;
        let outcome: Outcome<Bytes> =
            told.recv().await.ok_or_else(|| Failure::new("a call was forgotten"))?;
        check_message(first, SIZE, &outcome?)?;
        // The next call may have the place of the one that has ended.
        let (next, asked_next) = sides.ask(first + 2, SIZE).await?;
        ensure!(asked_next.id != asked.id, "the id {} was used again", asked.id);
        for answer in [&asked, &asked_next, &asked_other] {
            sides.peer.reply(answer).await?;
        }
        next.answered().await?;
        other.answered().await?;
    }
    let again = told.try_recv();
    ensure!(again.is_err(), "a call was told its outcome twice, the second time {again:?}");
    let late = sides.client.counts().late_replies;
    ensure!(late == 2 * rounds, "{late} replies were dropped where {} came again", 2 * rounds);
    sides.is_as_it_was()
}

pub(super) async fn late_reply(bed: &mut Bed) -> Check {
    for manners in Manners::BOTH {
        late_replies(bed, manners).await?;
    }
    late_reply_by_number(bed).await
}

async fn late_replies(bed: &mut Bed, manners: Manners) -> Check {
    let mut sides = ByHand::native(bed, manners).await?;
    for late_first in [true, false, true] {
        let (late, asked_late, next, asked_next) = overtaken(&mut sides).await?;
        ensure!(asked_late.id != asked_next.id, "the id {} was used again", asked_late.id);
        let answers = if late_first { [&asked_late, &asked_next] } else { [&asked_next, &asked_late] };
        for answer in answers {
            sides.peer.reply(answer).await?;
        }
        let failed = |failure: Failure| failure.at(format!("after call {late} had timed out"));
        next.answered().await.map_err(failed)?;
    }
    let (last, asked) = sides.ask(1000, SIZE).await?;
    sides.peer.reply(&asked).await?;
    last.answered().await?;
    let late = sides.client.counts().late_replies;
    ensure!(late == 3, "{late} replies were dropped where 3 were late");
    sides.is_as_it_was()
}

/// A call that timed out after the server had read it, and another one under way.
async fn overtaken(sides: &mut ByHand) -> Check<(u64, Frame, Call, Frame)> {
    let mut patience = Duration::from_millis(30);
    for number in (0..).step_by(2).take(8) {
        timed_out(sides, number, patience).await?;
        let next = Call::start(&sides.client, number + 1, SIZE);
        let mut late = None;
        loop {
            match sides.peer.read().await? {
                Some(frame) if frame.kind == CANCEL => {}
                Some(frame) if number_of(&frame.payload) == Some(number) => late = Some(frame),
                Some(frame) if number_of(&frame.payload) == Some(number + 1) => match late {
                    Some(late) => return Ok((number, late, next, frame)),
                    // On a busy machine it may have timed out before it left.
                    None => break sides.peer.reply(&frame).await?,
                },
                other => return Err(Failure::new(format!("two calls gave {other:?} to be read"))),
            }
        }
        next.answered().await?;
        patience *= 2;
    }
    Err(Failure::new("no call left within the seconds that it had"))
}

async fn timed_out(sides: &ByHand, number: u64, patience: Duration) -> Check {
    let outcome = sides.client.call_within(message(number, SIZE), patience).await;
    ensure!(
        outcome.as_ref().is_err_and(CallError::is_timeout),
        "a call that nobody answers ended with {outcome:?}, expected Timeout"
    );
    Ok(())
}

/// An id of the user's own is not to be had again before its late reply has come.
async fn late_reply_by_number(bed: &mut Bed) -> Check {
    let mut sides = ByHand::by_number(bed).await?;
    let mut patience = Duration::from_millis(30);
    let (late, next, other) = loop {
        timed_out(&sides, 7, patience).await?;
        let next = Call::start(&sides.client, 8, SIZE);
        let first = sides.peer.expect_original().await?;
        if number_of(&first) == Some(7) {
            break (first, next, sides.peer.expect_original().await?);
        }
        // It timed out before it left, as above.
        sides.peer.send_original(&first).await?;
        next.answered().await?;
        patience *= 2;
    };
    let refused = sides.client.call(message(7, SIZE)).await;
    let is_kept_out =
        matches!(refused, Err(CallError::Refused(Refusal::DuplicateId { state: IdState::Quarantined, .. })));
    ensure!(is_kept_out, "an id whose reply may still come was used again: {refused:?}");
    sides.peer.send_original(&late).await?;
    sides.peer.send_original(&other).await?;
    next.answered().await?;
    let again = Call::start(&sides.client, 7, SIZE);
    let asked = sides.peer.expect_original().await?;
    sides.peer.send_original(&asked).await?;
    again.answered().await?;
    sides.is_as_it_was()
}

pub(super) async fn unknown_id(bed: &mut Bed) -> Check {
    for manners in Manners::BOTH {
        unknown_ids(bed, manners).await?;
    }
    Ok(())
}

async fn unknown_ids(bed: &mut Bed, manners: Manners) -> Check {
    let mut sides = ByHand::native(bed, manners).await?;
    let (first, asked) = sides.ask(1, SIZE).await?;
    let (second, asked_second) = sides.ask(2, SIZE).await?;
    // Ids that nobody has, one that has the same slot and another generation, and none at all.
    let strangers = [0, 1, bed.random.draw() | 1 << 63, asked.id ^ 1 << 40, asked.id + (2 << 32), u64::MAX];
    let payload = message(3, SIZE);
    for id in strangers {
        for (kind, payload) in [(REPLY, &payload), (ERROR, &payload), (REFUSED, &payload.slice(..2))] {
            sides.peer.send(kind, id, payload).await?;
        }
    }
    // What a client cannot serve is refused, and harms as little.
    sides.peer.send(REQUEST, asked.id, &payload).await?;
    let refused = sides.peer.expect(REFUSED).await?;
    ensure!(refused.id == asked.id, "a request to a client was refused by another id: {refused:?}");
    sides.peer.reply(&asked_second).await?;
    sides.peer.reply(&asked).await?;
    first.answered().await?;
    second.answered().await?;
    let (late, due) = (sides.client.counts().late_replies, 3 * strangers.len() as u64);
    ensure!(late == due, "{late} replies were dropped where {due} belong to nobody");
    sides.is_as_it_was()
}

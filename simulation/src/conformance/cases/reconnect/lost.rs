//! A channel is lost: in each of the ways in which that looks.

use std::time::Duration;

use listenrain::{CallError, Health, Sent};

use super::site::{Book, HELD, Site, chain, client, is_answered_by};
use super::tap::{Fate, Tap};
use crate::conformance::bed::{Bed, at_once};
use crate::conformance::failure::{Check, Failure, ensure};

pub(super) async fn reconnect_after(bed: &mut Bed, fate: Fate) -> Check {
    let tap = Tap::on(bed);
    let gate = bed.gate().await?;
    let _site = Site::open(gate.listener, "the server", &Book::default(), 1024)?;
    let client = client(bed, gate.dialer, |builder| builder)?;
    for channels in 1..=4 {
        // From the second one on nobody has asked for it: there was no call since the last one was lost.
        tap.has_accepted(channels).await?;
        is_answered_by(&client, "the server", &format!("the first call on channel {channels}")).await?;
        tap.end_all(fate);
    }
    tap.has_accepted(5).await?;
    client.close().await;
    Ok(())
}

/// How often a client looks whether its peer was silent, and for how many looks it may be.
const LOOK: Duration = Duration::from_millis(50);
const SILENT_LOOKS: u32 = 4;

pub(super) async fn reconnect_after_silence(bed: &mut Bed) -> Check {
    let tap = Tap::on(bed);
    let gate = bed.gate().await?;
    let _site = Site::open(gate.listener, "the server", &Book::default(), 1024)?;
    let client = client(bed, gate.dialer, |builder| builder.health(Health::every(LOOK, SILENT_LOOKS)))?;
    is_answered_by(&client, "the server", "before it is silent").await?;
    // A machine that is busy may have cost a channel before.
    let before = tap.accepted();
    tap.end_all(Fate::Silence);
    let lost = at_once("a call to a peer that is silent", client.call(vec![HELD].into())).await?;
    match lost {
        Err(CallError::Lost { sent: Sent::Maybe, .. }) => {}
        Err(error) => {
            return Err(Failure::new(format!("a call to a silent peer ended as {}", chain(&error))));
        }
        Ok(answer) => return Err(Failure::new(format!("a silent peer answered {answer:?}"))),
    }
    is_answered_by(&client, "the server", "after it was silent").await?;
    ensure!(tap.accepted() > before, "a peer that is silent was not dialled again");
    client.close().await;
    Ok(())
}

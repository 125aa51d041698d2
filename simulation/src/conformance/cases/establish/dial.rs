//! Dialling.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::{error_of, final_or_not, of_kind, refusal};
use crate::conformance::connection::{Connection, round_trip};
use crate::conformance::context::{Endpoints, TestContext, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::held::Held;
use crate::conformance::polls::once;

pub(super) async fn connect_accept(context: &mut TestContext) -> Check {
    let mut endpoints = context.endpoints().await?;
    let (mut near, mut far) = endpoints.connect().await?;
    let (second, _far) = endpoints.connect().await?;
    // The channels of a list are its members'.
    let members = endpoints.listener.endpoint().members()?;
    let at = members.first().unwrap_or_else(|| endpoints.listener.endpoint());
    let scheme = at.scheme();
    for end in [&near, &far] {
        ensure!(end.facts.scheme == scheme, "facts name the scheme {:?}, it is {scheme:?}", end.facts.scheme);
    }
    let [dialled, accepted] = [&near.facts, &far.facts];
    ensure!(
        dialled.peer.as_ref() == Some(at),
        "the dialled end's peer is {:?}, it dialled {at}",
        dialled.peer
    );
    ensure!(dialled.local.is_some(), "the dialled end does not know its own endpoint");
    ensure!(
        dialled.local == accepted.peer && dialled.peer == accepted.local,
        "the dialled end says {:?} -> {:?}, the accepted end {:?} -> {:?}",
        dialled.local,
        dialled.peer,
        accepted.peer,
        accepted.local
    );
    let capabilities = context.transport.capabilities();
    let is_known = dialled.credentials.is_some() || !dialled.certificates.is_empty();
    ensure!(
        is_known || !capabilities.peer_identity,
        "the transport says that it knows its peers, and the dialled end knows neither process nor certificate"
    );
    for (who, facts) in [("dialled", dialled), ("accepted", accepted)] {
        ensure!(
            facts.group.is_some() || !capabilities.grouped_lanes,
            "the transport says that channels share connections, and the {who} end does not name its own"
        );
    }
    ensure!(second.facts.local != dialled.local, "two dialled ends have one endpoint: {:?}", dialled.local);
    round_trip(&mut near, &mut far, 10).await
}

pub(super) async fn dial_refused(context: &mut TestContext) -> Check {
    let Endpoints { mut dialer, listener, .. } = context.endpoints().await?;
    drop(listener);
    // What a dialer's first dial leaves may be its own; what every dial leaves is a leak.
    refusal(&mut dialer).await?;
    let before = Held::now();
    for _ in 0..3 {
        let error = refusal(&mut dialer).await?;
        let endpoint = dialer.endpoint().to_string();
        ensure!(error.endpoint == endpoint, "the error names {:?}, dialled was {endpoint:?}", error.endpoint);
    }
    before.tasks_only().is_back(0).await
}

pub(super) async fn dial_timeout(context: &mut TestContext) -> Check {
    let hole = match context.subject.black_hole().await {
        Some(Ok(hole)) => hole,
        Some(Err(error)) => return Err(Failure::new(format!("the black hole could not be made: {error}"))),
        None => return Err(Failure::new("there is no black hole")),
    };
    let mut dialer = context.dialer(&hole.endpoint)?;
    for _ in 0..2 {
        let what = format!("a dial of the black hole {}", hole.endpoint);
        let error = of_kind(&what, error_of(&what, dialer.try_next()).await?, &[ErrorKind::TimedOut])?;
        final_or_not(&what, error, false)?;
    }
    Ok(())
}

pub(super) async fn dial_cancel(context: &mut TestContext) -> Check {
    let mut endpoints = context.endpoints().await?;
    endpoints.connect().await?;
    let Endpoints { mut dialer, mut listener, .. } = endpoints;
    let before = Held::now();
    for polls in 0..8 {
        let mut dial = dialer.generator.next();
        for _ in 0..polls {
            if once(|cx| dial.as_mut().poll(cx)).await.is_some() {
                break;
            }
            yield_now().await;
        }
    }
    let accepting = async {
        loop {
            let mut far = listener.next().await?;
            // What a dropped dial left in the queue is a channel that ends, never one that hangs.
            match at_once("the end of a channel whose dial was dropped", far.meet()).await?? {
                Some(7) => return Ok::<Connection, Failure>(far),
                Some(other) => {
                    return Err(Failure::new(format!("an accepted channel says that it is {other}")));
                }
                None => {}
            }
        }
    };
    let (mut near, mut far) = tokio::try_join!(dialer.introduced(7), accepting)?;
    round_trip(&mut near, &mut far, 1000).await?;
    drop((near, far));
    before.tasks_only().is_back(0).await
}

pub(super) async fn dial_before_listen(context: &mut TestContext) -> Check {
    let Endpoints { mut dialer, listener, .. } = context.endpoints().await?;
    let endpoint = listener.endpoint().clone();
    drop(listener);
    let failed_often = Notify::new();
    let dialling = async {
        for failures in 0.. {
            match dialer.try_next().await {
                Ok(mut near) => {
                    near.introduce(7).await?;
                    return Ok(near);
                }
                Err(error) if error.is_final => return Err(error.into()),
                Err(_) if failures == 3 => failed_often.notify_one(),
                Err(_) => {}
            }
            // A dialer's pause between two tries.
            sleep(Duration::from_millis(1)).await;
        }
        Err(Failure::new("there are no more numbers"))
    };
    let accepting = async {
        failed_often.notified().await;
        let mut far = context.listen(&endpoint).await?.next().await?;
        ensure!(far.meet().await? == Some(7), "another dial was accepted");
        Ok(far)
    };
    let (mut near, mut far) = tokio::try_join!(dialling, accepting)?;
    round_trip(&mut near, &mut far, 1000).await
}

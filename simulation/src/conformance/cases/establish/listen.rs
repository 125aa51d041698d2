//! Listeners and their endpoints.

use std::io::ErrorKind;
use std::time::Duration;

use listenrain::Endpoint;
use tokio::time::timeout;

use super::{error_of, final_or_not, of_kind, refusal};
use crate::conformance::connection::round_trip;
use crate::conformance::context::{Endpoints, TestContext, at_once};
use crate::conformance::failure::{Check, ensure};
use crate::conformance::polls::once;

pub(super) async fn listener_close(context: &mut TestContext) -> Check {
    let mut endpoints = context.endpoints().await?;
    let (mut near, mut far) = endpoints.connect().await?;
    let Endpoints { mut dialer, listener, .. } = endpoints;
    // Where a dial needs the listener's help, no dial can be queued without it.
    let queued = timeout(Duration::from_millis(50), dialer.next()).await;
    drop(listener);
    if let Ok(queued) = queued {
        let what = "the end of a channel that was queued when its listener was dropped";
        at_once(what, queued?.reader.until_over()).await??;
    }
    refusal(&mut dialer).await?;
    round_trip(&mut near, &mut far, 1000).await?;
    round_trip(&mut far, &mut near, 1000).await
}

pub(super) async fn duplicate_listen(context: &mut TestContext) -> Check {
    let mut endpoints = context.endpoints().await?;
    let endpoint = endpoints.listener.endpoint().clone();
    for _ in 0..2 {
        // While an accept waits there, too.
        let mut accept = endpoints.listener.generator.next();
        let early = once(|cx| accept.as_mut().poll(cx)).await;
        ensure!(early.is_none(), "an accept is ready although no dial is under way");
        let what = format!("a second listener at {endpoint}");
        of_kind(&what, error_of(&what, context.listen(&endpoint)).await?, &[ErrorKind::AddrInUse])?;
    }
    let (mut near, mut far) = endpoints.connect().await?;
    round_trip(&mut near, &mut far, 1000).await
}

pub(super) async fn rebind_after_close(context: &mut TestContext) -> Check {
    let mut endpoints = context.endpoints().await?;
    let endpoint = endpoints.listener.endpoint().clone();
    let mut kept = Vec::new();
    for round in 0..6 {
        let (mut near, mut far) = endpoints.connect().await?;
        round_trip(&mut near, &mut far, 100).await?;
        match round % 3 {
            0 => kept.push((near, far)),
            1 => drop(near),
            _ => drop(far),
        }
        let Endpoints { dialer, listener, .. } = endpoints;
        drop((dialer, listener));
        endpoints = context
            .endpoints_at(&endpoint)
            .await
            .map_err(|failure| failure.at(format!("round {round}, listening again")))?;
        let now = endpoints.listener.endpoint();
        ensure!(*now == endpoint, "listening again at {endpoint} became {now}");
    }
    for (near, far) in &mut kept {
        round_trip(near, far, 100).await?;
    }
    Ok(())
}

pub(super) async fn ephemeral_addr(context: &mut TestContext) -> Check {
    let scratch = context.transport.scratch_endpoint();
    let mut all =
        [context.endpoints_at(&scratch).await?, context.endpoints().await?, context.endpoints().await?];
    for (index, endpoints) in all.iter().enumerate() {
        let at = endpoints.listener.endpoint();
        let twins = all[index + 1..].iter().any(|other| other.listener.endpoint() == at);
        ensure!(!twins, "two listeners say that they are at {at}");
    }
    for (number, endpoints) in all.iter_mut().enumerate() {
        let (mut near, mut far) = endpoints.connect().await?;
        near.introduce(number as u64).await?;
        let met = far.meet().await?;
        ensure!(met == Some(number as u64), "dial {number} reached the listener of {met:?}");
    }
    Ok(())
}

pub(super) async fn bad_address(context: &mut TestContext) -> Check {
    let scratch = context.transport.scratch_endpoint();
    let foreign = Endpoint::new("no-such-scheme", "nowhere")?;
    for bad in [foreign, scratch.clone().with_option("no_such_option", "1")]
        .iter()
        .chain(context.subject.bad_endpoints())
    {
        refused_as_invalid(context, bad).await?;
    }
    // Whether it is a bad one is the transport's to say.
    let long = scratch.with_address("x".repeat(4000));
    let listening = at_once("listening at an endpoint of 4,000 characters", context.listen(&long)).await?;
    if listening.is_err()
        && let Ok(mut dialer) = context.dialer(&long)
    {
        let dialled = at_once("a dial of an endpoint of 4,000 characters", dialer.try_next()).await?;
        ensure!(dialled.is_err(), "an endpoint of 4,000 characters cannot be listened at, but dialled");
    }
    Ok(())
}

async fn refused_as_invalid(context: &TestContext, bad: &Endpoint) -> Check {
    if let Ok(mut dialer) = context.dialer(bad) {
        let what = format!("a dial of {bad}");
        final_or_not(&what, error_of(&what, dialer.try_next()).await?, true)?;
    }
    let what = format!("listening at {bad}");
    final_or_not(&what, error_of(&what, context.listen(bad)).await?, true).map(drop)
}

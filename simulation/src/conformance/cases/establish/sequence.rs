//! Several channels of one generator.

use super::refusal;
use crate::conformance::connection::round_trip;
use crate::conformance::context::{Endpoints, TestContext};
use crate::conformance::failure::{Check, ensure};

pub(super) async fn generator_next_sequence(context: &mut TestContext) -> Check {
    let mut endpoints = context.endpoints().await?;
    let endpoint = endpoints.listener.endpoint().clone();
    let mut pairs = Vec::new();
    for _ in 0..4 {
        pairs.push(endpoints.connect().await?);
    }
    for _ in 0..2 {
        for (near, far) in &mut pairs {
            round_trip(near, far, 100).await?;
            round_trip(far, near, 100).await?;
        }
    }
    drop(pairs.remove(0));
    let Endpoints { mut dialer, listener, .. } = endpoints;
    drop(listener);
    refusal(&mut dialer).await?;
    refusal(&mut dialer).await?;
    let mut listener = context.listen(&endpoint).await?;
    let (mut near, mut far) = tokio::try_join!(dialer.next(), listener.next())?;
    near.introduce(7).await?;
    ensure!(far.meet().await? == Some(7), "another dial was accepted after a failed one");
    round_trip(&mut near, &mut far, 100).await?;
    for (near, far) in &mut pairs {
        round_trip(near, far, 100).await?;
    }
    Ok(())
}

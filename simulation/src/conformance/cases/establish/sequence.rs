//! One generator, many channels.

use super::refusal;
use crate::conformance::bed::{Bed, Gate, round_trip};
use crate::conformance::failure::{Check, ensure};

pub(super) async fn generator_next_sequence(bed: &mut Bed) -> Check {
    let mut gate = bed.gate().await?;
    let endpoint = gate.listener.endpoint().clone();
    let mut pairs = Vec::new();
    for _ in 0..4 {
        pairs.push(gate.connect().await?);
    }
    for _ in 0..2 {
        for (near, far) in &mut pairs {
            round_trip(near, far, 100).await?;
            round_trip(far, near, 100).await?;
        }
    }
    drop(pairs.remove(0));
    let Gate { mut dialer, listener, .. } = gate;
    drop(listener);
    refusal(&mut dialer).await?;
    refusal(&mut dialer).await?;
    let mut listener = bed.listen(&endpoint).await?;
    let (mut near, mut far) = tokio::try_join!(dialer.next(), listener.next())?;
    near.introduce(7).await?;
    ensure!(far.meet().await? == Some(7), "somebody else was accepted after a failed dial");
    round_trip(&mut near, &mut far, 100).await?;
    for (near, far) in &mut pairs {
        round_trip(near, far, 100).await?;
    }
    Ok(())
}

//! Facts of both ends of a channel.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use crate::conformance::connection::Connection;
use crate::conformance::context::{Acceptor, Endpoints, TestContext};
use crate::conformance::failure::{Check, Failure, all, ensure};

/// Pairs that are made one after the other, and again as many side by side.
const PAIRS: u64 = 5;

pub(super) async fn facts_of_pairs(context: &mut TestContext) -> Check {
    let mut endpoints = context.endpoints().await?;
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        pairs.push(endpoints.connect().await?);
    }
    let Endpoints { dialer, mut listener, .. } = endpoints;
    pairs.extend(side_by_side(context, &dialer, &mut listener).await?);
    let mut dialled_from = BTreeSet::new();
    for (number, (near, far)) in pairs.iter().enumerate() {
        let (dialled, accepted) = (&near.facts, &far.facts);
        ensure!(
            dialled.local == accepted.peer && dialled.peer == accepted.local,
            "of pair {number} the dialled end says {:?} -> {:?}, the accepted end {:?} -> {:?}",
            dialled.local,
            dialled.peer,
            accepted.peer,
            accepted.local
        );
        let at = dialled.local.as_ref().map(ToString::to_string);
        ensure!(dialled_from.insert(at.clone()), "two open channels were dialled from {at:?}");
    }
    Ok(())
}

/// Dials that are all under way at once, by forks of one dialer where it has any; each accepted end is told whose it is.
async fn side_by_side(
    context: &TestContext,
    dialer: &Acceptor,
    listener: &mut Acceptor,
) -> Check<Vec<(Connection, Connection)>> {
    let mut dialling = JoinSet::new();
    for number in 0..PAIRS {
        let mut dialer = match dialer.fork() {
            Some(fork) => fork,
            None => context.dialer(listener.endpoint())?,
        };
        dialling.spawn(async move {
            let near = dialer.introduced(number).await?;
            Check::Ok((number, near, dialer))
        });
    }
    let accepting = async {
        let mut met = Vec::new();
        for _ in 0..PAIRS {
            let mut far = listener.next().await?;
            let number = far.meet().await?;
            met.push((number.ok_or_else(|| Failure::new("an accepted end was over at once"))?, far));
        }
        Check::Ok(met)
    };
    let (mut dialled, mut accepted) = tokio::try_join!(all(dialling), accepting)?;
    dialled.sort_by_key(|(number, ..)| *number);
    accepted.sort_by_key(|(number, _)| *number);
    let is_each_there = accepted.iter().map(|(number, _)| *number).eq(0..PAIRS);
    ensure!(is_each_there, "of dials 0 to {}, not each was accepted once", PAIRS - 1);
    Ok(dialled.into_iter().zip(accepted).map(|((_, near, _), (_, far))| (near, far)).collect())
}

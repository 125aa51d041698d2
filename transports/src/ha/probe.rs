//! Probes of better members while a standby is in use.
//!
//! An open socket is enough of a member that could not be dialled before. One that accepted and then said nothing has to
//! deliver something on the probe's channel first, within the time that it took to find out: a server of the native
//! protocol pings. Where a server never speaks first such a member is gone back to at the next dial, and no sooner.

use std::future::pending;
use std::time::Duration;

use futures_util::future::select_all;
use listenrain::{Channel, ChannelGenerator};
use tokio::time::{Instant, sleep_until};

use super::channel::prove;
use super::dial::{Found, attempt};
use super::health::Health;

/// A better member, by its number, and a dialer of it that may be asked while others dial.
pub(super) type Better = (usize, Box<dyn ChannelGenerator>);

/// Ready when one of the `better` members has answered; its channel is then in `found`, so that it need not be dialled
/// again. Each is asked whenever its wait is over; of several that answer at once the most preferred is taken.
///
/// It runs only while it is polled, and dropping it closes what it had begun: nothing outlives the channel that it
/// belongs to.
pub(super) async fn until_better(better: Vec<Better>, health: Health, found: Found, limit: Duration) {
    if better.is_empty() {
        return pending().await;
    }
    let probes = better.into_iter().map(|better| Box::pin(until_well(better, &health, limit)));
    let ((member, channel), ..) = select_all(probes).await;
    found.put(member, channel);
}

/// A channel to the member, once it is as good as one can know without using it.
async fn until_well((member, mut dialer): Better, health: &Health, limit: Duration) -> (usize, Channel) {
    loop {
        let Some(when) = health.next_try(member) else { return pending().await };
        if when > Instant::now() {
            sleep_until(when).await;
            // Another lane may have asked meanwhile.
            continue;
        }
        let channel = match attempt(&mut *dialer, health, member, limit).await {
            Ok(channel) => channel,
            Err(error) => {
                tracing::debug!(%error, "still on a standby");
                continue;
            }
        };
        let Some(proof) = health.proof(member) else { return (member, channel) };
        let begun = health.begin(member);
        if let Some(channel) = prove(channel, proof).await {
            health.answered(member, begun);
            return (member, channel);
        }
        tracing::debug!(peer = %dialer.endpoint(), ?proof, "still silent");
        health.fell_silent(member, begun, begun.age());
    }
}

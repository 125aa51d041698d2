//! Asking better members again and again while a standby is in use.

use std::future::pending;
use std::time::Duration;

use listenrain::ChannelGenerator;
use tokio::time::{Instant, sleep_until};

use super::Member;
use super::dial::{Found, attempt};
use super::health::Health;

/// Ready when one of the `better` members has answered; its channel is then in `found`, so that it need not be dialled
/// again. Each is asked when its wait is over, the most preferred first.
///
/// It runs only while it is polled, and dropping it closes what it had begun: nothing outlives the channel that it
/// belongs to.
pub(super) async fn until_better(better: Vec<Member>, health: Health, found: Found, limit: Duration) {
    // Dialers of its own, so that a dial that is under way never waits for a probe.
    let mut dialers: Vec<Option<Box<dyn ChannelGenerator>>> =
        better.iter().map(|member| member.dialer().ok()).collect();
    loop {
        let Some(when) = health.next_try(0..better.len()) else {
            return pending().await;
        };
        if when > Instant::now() {
            sleep_until(when).await;
            // Another lane may have asked meanwhile.
            continue;
        }
        let Some(member) = health.sort(0..better.len()).first().copied() else { continue };
        let Some(dialer) = &mut dialers[member] else { return pending().await };
        match attempt(&mut **dialer, &health, member, limit).await {
            Ok(channel) => return found.put(member, channel),
            Err(error) => tracing::debug!(%error, "still on a standby"),
        }
    }
}

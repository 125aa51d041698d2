//! Dials that are refused, hang, are slow, or lead to a channel that is closed at once.

use std::io;
use std::time::Duration;

use listenrain::{Channel, ChannelGenerator, NextError};
use tokio::time::sleep;

use crate::context::{RunContext, Way};
use crate::faults::FaultKind;

/// The next channel of the dialer `below`, to `server`.
pub(super) async fn next(
    run: &RunContext,
    who: u16,
    server: usize,
    below: &mut dyn ChannelGenerator,
) -> Result<Channel, NextError> {
    let _dialing = Dialing::begins(run.clone());
    run.note(who, "dials", server as u64, 0);
    let on = |kind| run.amount(kind, server);
    if let Some((fault, _)) = on(FaultKind::DialRefused) {
        run.fired(fault, who, false);
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "refused by a fault");
        return Err(NextError::passing("dial", below.endpoint(), refused));
    }
    while let Some((fault, _)) = on(FaultKind::DialHung) {
        run.fired(fault, who, false);
        match run.next_change() {
            Some(change) => sleep(change.saturating_sub(run.now())).await,
            None => std::future::pending().await,
        }
    }
    if let Some((fault, millis)) = on(FaultKind::DialSlow) {
        run.fired(fault, who, false);
        sleep(Duration::from_millis(millis)).await;
    }
    run.passes(server, Way::ToServer);
    let dialled = below.next().await;
    run.note(who, if dialled.is_ok() { "dialled" } else { "dial failed" }, server as u64, 0);
    let mut channel = dialled?;
    match on(FaultKind::DialClosed) {
        None => {
            run.led_to(server);
            Ok(channel)
        }
        Some((fault, _)) => {
            run.fired(fault, who, false);
            // The peer is told so by the drop of what it has accepted.
            let mut closed = Channel::new(tokio::io::empty(), tokio::io::empty(), channel.facts.clone());
            closed.ended = channel.ended.take();
            Ok(closed)
        }
    }
}

/// A dial that is under way.
struct Dialing(RunContext);

impl Dialing {
    fn begins(run: RunContext) -> Self {
        run.dialing(true);
        Self(run)
    }
}

impl Drop for Dialing {
    fn drop(&mut self) {
        self.0.dialing(false);
    }
}

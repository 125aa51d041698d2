//! Dials that are refused, hang, are slow, or lead to a channel that is closed at once.

use std::io;
use std::time::Duration;

use listenrain::{Channel, ChannelGenerator, NextError};
use tokio::time::sleep;

use crate::fault::FaultKind;
use crate::stage::{Stage, Way};

/// The next channel of the dialer `below`, to `server`.
pub(super) async fn next(
    stage: &Stage,
    who: u16,
    server: usize,
    below: &mut dyn ChannelGenerator,
) -> Result<Channel, NextError> {
    let _dialing = stage.dialing();
    stage.note(who, "dials", server as u64, 0);
    let on = |kind| stage.active(kind, server).next().map(|(fault, how)| (fault, how.amount));
    if let Some((fault, _)) = on(FaultKind::DialRefused) {
        stage.fired(fault, who, false);
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "refused by a fault");
        return Err(NextError::passing("dial", below.endpoint(), refused));
    }
    while let Some((fault, _)) = on(FaultKind::DialHung) {
        stage.fired(fault, who, false);
        match stage.next_change() {
            Some(change) => sleep(change.saturating_sub(stage.now())).await,
            None => std::future::pending().await,
        }
    }
    if let Some((fault, millis)) = on(FaultKind::DialSlow) {
        stage.fired(fault, who, false);
        sleep(Duration::from_millis(millis)).await;
    }
    stage.passes(server, Way::ToServer);
    let dialled = below.next().await;
    stage.note(who, if dialled.is_ok() { "dialled" } else { "dial failed" }, server as u64, 0);
    let mut channel = dialled?;
    match on(FaultKind::DialClosed) {
        None => {
            stage.led_to(server);
            Ok(channel)
        }
        Some((fault, _)) => {
            stage.fired(fault, who, false);
            // The peer is told so by the drop of what it has accepted.
            let mut closed = Channel::new(tokio::io::empty(), tokio::io::empty(), channel.facts.clone());
            closed.ended = channel.ended.take();
            Ok(closed)
        }
    }
}

//! A server that takes part: it sends no request, and reports what answering them cost between the same marks.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use super::participant::{Ended, Participant};
use super::wire::{LaunchPhase, Message, Role};
use crate::merge::ServerUsage;
use crate::meter::usage::{self, Snapshot};

/// Takes part in the run of worker 0 at `address`, which may start within `within`, until it is over. This process must
/// listen already.
///
/// # Errors
///
/// Why the run was not, or not wholly, measured.
pub(crate) async fn take_part(address: &str, within: Duration) -> Result<(), Ended> {
    let mut participant = Participant::dial(address, within, Role::Server).await?;
    let mut cells = Vec::new();
    loop {
        match participant.next().await? {
            Message::Start { at_ns, phase } => {
                let start = participant.instant(at_ns)?;
                let ended = participant.ended();
                let measured = tokio::select! {
                    biased;
                    ended = ended => return Err(ended),
                    measured = measure(start, phase) => measured,
                };
                cells.extend(measured);
            }
            Message::Over => {
                participant.say(Message::Usage { cells });
                participant.leave().await;
                return Ok(());
            }
            _ => {}
        }
    }
}

/// None where the system does not say.
async fn measure(start: Instant, phase: LaunchPhase) -> Option<ServerUsage> {
    let begin = start + phase.warmup;
    sleep_until(begin.into()).await;
    let before = Snapshot::now();
    sleep_until((begin + phase.duration).into()).await;
    let marks = [before, Snapshot::now()];
    let usage = usage::usage(&marks, usage::peak_resident_mib(), 0, 0)?;
    Some(ServerUsage { cell: phase.cell, usage })
}

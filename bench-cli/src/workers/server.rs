//! A server that takes part: it lets no request go, but says what answering them cost it, between the same marks.

use std::time::{Duration, Instant};

use listenrain_results::Usage;
use serde::{Deserialize, Serialize};
use tokio::time::sleep_until;

use super::seat::{Ended, Seat};
use super::wire::{Message, Role, Stretch};
use crate::meter::usage::{self, Snapshot};

/// What a server used during the timed window of one launch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CellUsage {
    /// Which of the plan's cells.
    pub(crate) cell: u64,
    /// What was used between them. The figures a request are not filled in: a server does not count them.
    pub(crate) usage: Usage,
}

/// Takes part in the run of worker 0 at `address`, which may start within `within`, until it is over. This process must
/// listen already.
///
/// # Errors
///
/// Why the run was not, or not wholly, measured.
pub(crate) async fn take_part(address: &str, within: Duration) -> Result<(), Ended> {
    let mut seat = Seat::dial(address, within, Role::Server).await?;
    let mut cells = Vec::new();
    loop {
        match seat.next().await? {
            Message::Start { at_ns, stretch } => {
                let start = seat.instant(at_ns)?;
                let ended = seat.ended();
                let measured = tokio::select! {
                    biased;
                    ended = ended => return Err(ended),
                    measured = measure(start, stretch) => measured,
                };
                cells.extend(measured);
            }
            Message::Over => {
                seat.say(Message::Usage { cells });
                seat.leave().await;
                return Ok(());
            }
            _ => {}
        }
    }
}

/// None where the system does not say.
async fn measure(start: Instant, stretch: Stretch) -> Option<CellUsage> {
    let begin = start + stretch.warmup;
    sleep_until(begin.into()).await;
    let before = Snapshot::now();
    sleep_until((begin + stretch.duration).into()).await;
    let marks = [before, Snapshot::now()];
    let usage = usage::usage(&marks, usage::peak_resident_mib(), 0, 0)?;
    Some(CellUsage { cell: stretch.cell, usage })
}

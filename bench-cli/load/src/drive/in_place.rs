//! Calls that are answered where they stand: no transport, no server. What is left is the tool's own work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::listenrain::{BoxFuture, Endpoint};
use bytes::Bytes;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use super::callers::{self, Call, Failure};
use super::{Load, Phases, Serving, Setting, Stack, StackError, Unfit};
use crate::load::{CellConfig, Placement, ProtocolChoice};
use crate::meter::Meter;
use crate::meter::usage::Snapshot;

/// Bytes of payloads that [`tool_us`] looks at, and between how many requests those are.
const BYTES: usize = 256 << 20;
const REQUESTS: (usize, usize) = (64, 65_536);

/// The stack of that name.
#[derive(Debug, Clone, Copy, Default)]
pub struct InPlace;

impl Stack for InPlace {
    fn name(&self) -> &'static str {
        "in-place"
    }

    fn protocols(&self) -> &'static [ProtocolChoice] {
        &[ProtocolChoice::Stream]
    }

    fn is_in_table(&self) -> bool {
        false
    }

    fn unfit(&self, cell: &CellConfig) -> Option<Unfit> {
        let wants_server =
            cell.target.is_some() || cell.placement == Placement::Split || !cell.stalls.is_empty();
        let why = "--stack in-place: it has no server, so --target, --placement split and --inject-stall do not go with it";
        wants_server.then(|| Unfit::Refused(why.to_owned()))
    }

    fn start(&self, setting: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>> {
        let Setting { config, phases, .. } = setting;
        Box::pin(async move { Ok(callers::load(vec![Arc::new(Echo)], config, phases)) })
    }

    fn serve<'a>(
        &'a self,
        _: Serving,
        _: Box<dyn FnOnce(&Endpoint) + Send + 'a>,
    ) -> BoxFuture<'a, Result<(), StackError>> {
        Box::pin(async { Err(StackError::Stack("stack in-place has no server".to_owned())) })
    }
}

struct Echo;

impl Call for Echo {
    async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
        // Or a caller would never let another run.
        consume_budget().await;
        Ok(payload)
    }
}

/// Processor time that the tool itself takes for a request of `config`'s size, µs: making it, the clocks, checking the
/// reply as in the timed window, and counting it, for one caller that is answered in place. `None` for a scenario, whose
/// requests are of several kinds, and where the system tells no processor time.
///
/// What the tool adds to a real row is this and the caches that its payloads no longer lie in.
pub async fn tool_us(config: &CellConfig) -> Option<f64> {
    if config.scenario.is_some() {
        return None;
    }
    let requests = (BYTES / config.payload).clamp(REQUESTS.0, REQUESTS.1);
    // Its memory is there then, and the processor is awake.
    answered(config, requests / 8).await;
    let before = Snapshot::now();
    answered(config, requests).await;
    let used = Snapshot::now().cpu_since(&before).as_secs_f64() * 1e6;
    (used > 0.0).then(|| used / requests as f64)
}

/// Returns when one caller has made `requests` calls.
async fn answered(config: &CellConfig, requests: usize) {
    let config = CellConfig { parallel: 1, open: None, connections: 1, lanes: 1, ..config.clone() };
    let meter = Arc::new(Meter::new(1));
    let phases = Phases::new(Arc::clone(&meter), 1, 1);
    phases.begin(0, Instant::now());
    let counted = Counted { left: AtomicUsize::new(requests), phases: Arc::clone(&phases) };
    callers::run(vec![Arc::new(counted)], &config, &phases).await;
}

/// Answers calls in place, and ends the phase when none is `left`.
struct Counted {
    left: AtomicUsize,
    phases: Arc<Phases>,
}

impl Call for Counted {
    async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.phases.end(Instant::now());
        }
        Ok(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_tool_has_a_cost_of_its_own_that_grows_with_what_it_has_to_look_at() {
        let of = |payload| CellConfig { payload, ..CellConfig::default() };
        let (small, large) = (tool_us(&of(4096)).await.unwrap(), tool_us(&of(4 << 20)).await.unwrap());
        assert!(small > 0.0 && large > small, "{small} {large}");
    }
}

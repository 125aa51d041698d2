//! Probes of turmoil 0.7.2: what it really does, where that is less than a real network or otherwise worth knowing.
//!
//! These are promises about the simulator, not about this project: what is built on it counts on each of them, or goes
//! around it. One that fails after an upgrade says which of those to look at again.

mod crashes;
mod datagrams;
mod hosts;
mod links;
mod streams;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use turmoil::{Builder, Sim};

const MS: Duration = Duration::from_millis(1);
/// Longer than any timer of the simulator's would be, if it had one.
const FOR_EVER: Duration = Duration::from_secs(100);
const PORT: u16 = 7000;

/// A simulator of 1 ms steps, on which every message takes `latency`.
fn steady(latency: Duration) -> Builder {
    let mut builder = Builder::new();
    builder.rng_seed(1).epoch(UNIX_EPOCH).tick_duration(MS).simulation_duration(4 * FOR_EVER);
    builder.min_message_latency(latency).max_message_latency(latency);
    builder
}

/// What hosts tell one another and the test outside the network: when they are as far as the other wants them.
#[derive(Debug, Clone, Default)]
struct Progress(Rc<RefCell<u32>>);

impl Progress {
    /// It is reached now.
    fn reach(&self, step: u32) {
        *self.0.borrow_mut() = step;
    }

    /// Waits, on a host, until it is reached.
    async fn reached(&self, step: u32) {
        while *self.0.borrow() < step {
            // Nothing but the next step can bring it.
            tokio::time::sleep(MS).await;
        }
    }

    /// Steps the simulation until it is reached.
    fn step_until(&self, sim: &mut Sim<'_>, step: u32) {
        while *self.0.borrow() < step {
            sim.step().unwrap();
        }
    }
}

fn step_for(sim: &mut Sim<'_>, time: Duration) {
    let until = sim.elapsed() + time;
    while sim.elapsed() < until {
        sim.step().unwrap();
    }
}

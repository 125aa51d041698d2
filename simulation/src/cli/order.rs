//! One trial in a process of its own: how it is ordered, and what the process does.

use std::env;
use std::process::Command;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::exit::Exit;
use super::output::print;
use super::session;
use crate::conformance::{Alone, Settings, Trial, answer, case};
use crate::lineup::Lineup;

/// What the process is told.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    transport: String,
    case: String,
    seed: u64,
    smaller: usize,
    patience: f64,
}

/// How trials are ordered that need a process of their own: by this program's hidden command.
pub(super) fn alone() -> Alone {
    Alone::Process(Arc::new(|trial| {
        let order = Order {
            transport: trial.transport.clone(),
            case: trial.case.id.to_owned(),
            seed: trial.settings.seed,
            smaller: trial.settings.divisor,
            patience: trial.settings.patience,
        };
        let mut command = Command::new(env::current_exe().expect("this program knows where it is"));
        command.arg("trial").arg(serde_json::to_string(&order).expect("an order has only texts and numbers"));
        command
    }))
}

/// Runs the trial that `order` asks for and prints its record.
pub(super) fn run(order: &str, lineup: &Lineup) -> Exit {
    let Some(trial) = understand(order, lineup) else {
        eprintln!("error: no such trial: {order}");
        return Exit::Usage;
    };
    let Some(runtime) = session::runtime() else {
        return Exit::Failed;
    };
    match print(&answer(&runtime.block_on(trial.run()))) {
        Ok(()) => Exit::Well,
        Err(_) => Exit::Failed,
    }
}

fn understand(order: &str, lineup: &Lineup) -> Option<Trial> {
    let order: Order = serde_json::from_str(order).ok()?;
    let make = lineup.get(&order.transport)?.clone();
    let mut settings = Settings::default();
    (settings.seed, settings.divisor, settings.patience) = (order.seed, order.smaller, order.patience);
    let case = case(&order.case)?;
    let replay = settings.replay(&order.transport, case, None);
    Some(Trial {
        transport: order.transport,
        make,
        case,
        hardship: None,
        settings,
        alone: Alone::Here,
        replay,
    })
}

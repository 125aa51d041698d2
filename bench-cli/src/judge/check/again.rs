//! The plan of a check: the baseline's cells, measured again.

use std::time::Duration;

use listenrain_results::{Cell, OpenLoop};

use serde::de::DeserializeOwned;

use super::like::duration_s;
use crate::load::{Arrivals, CellConfig, OpenConfig, PacerChoice, Placement, ProtocolChoice, RuntimeChoice};

/// What to measure to have `cell` again. Random arrivals are drawn from `seed`.
///
/// # Errors
///
/// A text for the user: the cell's file says something that this version cannot do again.
pub(crate) fn config(cell: &Cell, seed: u64) -> Result<CellConfig, String> {
    let cannot = |what: &str| format!("{}: its {what} can't be done again from the file", super::name(cell));
    if cell.scenario.is_some() || cell.simulated.is_some() {
        return Err(format!("{}; run it anew and give its file as the candidate", cannot("scenario")));
    }
    if cell.target.as_ref().is_some_and(|target| target.contains('…')) {
        return Err(format!(
            "{}, since a run file keeps no secrets; run it anew and give its file as the candidate",
            cannot("target")
        ));
    }
    let runtime: RuntimeChoice = cell.runtime.parse().map_err(|_| cannot("runtime"))?;
    let protocol: ProtocolChoice = choice(&cell.protocol).ok_or_else(|| cannot("protocol"))?;
    let placement = choice(&cell.placement).unwrap_or(Placement::Same);
    let pins = if cell.pin.is_empty() { Ok(Default::default()) } else { cell.pin.parse() };
    let stalls =
        cell.stalls.iter().map(|stall| stall.parse()).collect::<Result<Vec<crate::load::Stall>, _>>();
    Ok(CellConfig {
        transport: cell.transport.clone(),
        stack: cell.stack.clone(),
        runtime,
        protocol,
        parallel: cell.parallel.max(1),
        payload: cell.payload_bytes as usize,
        warmup: Duration::from_secs_f64(cell.warmup_s.max(0.0)),
        duration: Duration::from_secs_f64(duration_s(cell).max(0.01)),
        lanes: cell.lanes.max(1),
        connections: cell.connections.max(1),
        window: cell.window_bytes as usize,
        options: options(cell).ok_or_else(|| cannot("options"))?,
        target: cell.target.clone(),
        via: cell.via.clone(),
        placement,
        pins: pins.map_err(|_| cannot("pin"))?,
        stalls: stalls.map_err(|_| cannot("inject-stall"))?,
        open: cell.open_loop.as_ref().map(|open| open_loop(open, seed)),
        ..CellConfig::default()
    })
}

/// The choice of that name.
fn choice<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(name.into()).ok()
}

/// Recorded as `scheme.name=value`.
fn options(cell: &Cell) -> Option<Vec<(String, String)>> {
    let option = |text: &String| {
        let (key, value) = text.split_once('=')?;
        let (_, name) = key.split_once('.')?;
        Some((name.to_owned(), value.to_owned()))
    };
    cell.options.iter().map(option).collect()
}

fn open_loop(open: &OpenLoop, seed: u64) -> OpenConfig {
    OpenConfig {
        rate: open.rate,
        arrivals: choice(&open.arrivals).unwrap_or(Arrivals::Exp),
        max_in_flight: open.max_in_flight,
        pacer: choice(&open.pacer).unwrap_or(PacerChoice::Thread),
        seed,
    }
}

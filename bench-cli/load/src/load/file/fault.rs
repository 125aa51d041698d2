//! Faults of a scenario file: their kind, time and amount.

use std::time::Duration;

use toml::Spanned;

use super::raw::RawFault;
use super::{Wrong, millis, time, wrong};
use crate::load::{Fault, FaultKind};
use crate::units::{parse_duration_within, parse_share, parse_size_within};

/// How long a fault has to happen that happens once.
const MOMENT: Duration = Duration::from_secs(1);

pub(super) fn fault(raw: &Spanned<RawFault>, total: Duration) -> Result<Fault, Wrong> {
    let RawFault { kind: kind_name, at, lasts, amount } = raw.get_ref();
    let kind = FaultKind::named(kind_name.get_ref()).ok_or_else(|| {
        (kind_name.span(), format!("there is no such fault here; allowed: {}", FaultKind::names().join(", ")))
    })?;
    let begins = millis(at)?;
    let length = match lasts {
        Some(lasts) => millis(lasts)?,
        None if kind.is_momentary() => MOMENT.min(total.saturating_sub(begins)),
        None => return wrong(raw.span(), format!("{} goes on for some time: add lasts", kind.name())),
    };
    if length.is_zero() || begins + length > total {
        let span = lasts.as_ref().filter(|_| begins < total).map_or_else(|| at.span(), Spanned::span);
        let why = format!(
            "a fault has to begin and end within the phases, which last {}: begin earlier or make it shorter",
            time(total)
        );
        return wrong(span, why);
    }
    let amount = match (kind.amount(), amount) {
        (None, None) => 0,
        (None, Some(amount)) => {
            return wrong(amount.span(), format!("{} has no amount: leave it out", kind.name()));
        }
        (Some(unit), None) => {
            return wrong(
                raw.span(),
                format!("{} needs an amount ({unit}), such as {}", kind.name(), example(unit)),
            );
        }
        (Some(unit), Some(text)) => quantity(text.get_ref(), unit).map_err(|why| (text.span(), why))?,
    };
    Ok(Fault { kind, at: begins, lasts: length, amount })
}

/// `text` in the unit of the simulation's fault.
fn quantity(text: &str, unit: &str) -> Result<u64, String> {
    if unit.ends_with("in 1000") {
        parse_share(text).map(|share| (share * 1000.0).round() as u64)
    } else if unit.starts_with("ms") {
        let most = Duration::from_secs(60);
        parse_duration_within(text, Duration::from_millis(1), most).map(|time| time.as_millis() as u64)
    } else {
        parse_size_within(text.trim_end_matches("/s"), 1, 1 << 40).map(|bytes| bytes as u64)
    }
}

pub(super) fn example(unit: &str) -> &'static str {
    match unit {
        _ if unit.ends_with("in 1000") => "10%",
        _ if unit.starts_with("ms") => "5ms",
        "bytes/s" => "1MiB/s",
        _ => "16B",
    }
}

//! The parser of scenario files: type, bounds and default of every key.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::faults::{Fault, FaultKind};
use super::{Arrivals, OpenConfig, PacerChoice, Phase, Request, Scenario, Think, WINDOW};
use crate::limits::{MAX_IN_FLIGHT, MAX_PARALLEL, MAX_PAYLOAD, MOST_IN_FLIGHT};
use crate::payload::STAMP;
use crate::units::{parse_duration_within, parse_rate, parse_share, parse_size_within, size_text};

/// Most kinds of requests, and most phases.
const MOST: usize = 32;
const MOST_FAULTS: usize = 100;
/// Longest name.
const NAME: usize = 64;
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const LONGEST_WARMUP: Duration = Duration::from_secs(600);
const SHORTEST_PHASE: Duration = Duration::from_millis(100);
const LONGEST_THINK: Duration = Duration::from_secs(60);
const DELAYS: Range<Duration> = Duration::from_millis(2)..Duration::from_secs(10);
/// How long a fault has to happen that happens once.
const MOMENT: Duration = Duration::from_secs(1);

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    /// Counted from 1.
    pub line: usize,
    /// The line's text.
    pub text: String,
    /// What is wrong there, and what is allowed.
    pub why: String,
}

impl std::error::Error for ScenarioError {}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: `{}`: {}", self.line, self.text, self.why)
    }
}

/// A text with a unit, as [`units`](crate::units) reads it.
macro_rules! text {
    ($name:ident($type:ty), $parse:expr) => {
        #[derive(Debug, Clone, Copy, Deserialize)]
        #[serde(try_from = "String")]
        struct $name($type);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let parse: fn(&str) -> Result<$type, String> = $parse;
                parse(&text).map(Self)
            }
        }
    };
}

text!(Time(Duration), |text| parse_duration_within(text, Duration::ZERO, LONGEST));
text!(Size(usize), |text| parse_size_within(text, STAMP as u64, MAX_PAYLOAD));
text!(Rate(f64), parse_rate);
text!(ThinkTime(Think), |text| {
    let (is_exp, text) = text.strip_prefix("exp:").map_or((false, text), |mean| (true, mean));
    let mean = parse_duration_within(text, Duration::from_millis(1), LONGEST_THINK)
        .map_err(|why| format!("{why}; a time such as 5ms is always the same, exp:5ms is exponential"))?;
    Ok(Think { mean, is_exp })
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    warmup: Option<Spanned<Time>>,
    #[serde(default)]
    request: Vec<Spanned<RawRequest>>,
    #[serde(default)]
    phase: Vec<Spanned<RawPhase>>,
    #[serde(default)]
    fault: Vec<Spanned<RawFault>>,
    simulation: Option<RawSimulation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest {
    payload: Size,
    share: Option<Spanned<f64>>,
    #[serde(default)]
    one_way: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPhase {
    name: Spanned<String>,
    duration: Spanned<Time>,
    parallel: Option<Spanned<u64>>,
    think: Option<Spanned<ThinkTime>>,
    rate: Option<Rate>,
    arrivals: Option<Spanned<Arrivals>>,
    max_in_flight: Option<Spanned<u64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFault {
    kind: Spanned<String>,
    at: Spanned<Time>,
    lasts: Option<Spanned<Time>>,
    amount: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSimulation {
    delay: Spanned<Time>,
}

/// A place in the text, and what is wrong there.
type Wrong = (Range<usize>, String);

impl Scenario {
    /// The scenario that stands in `text`. What is drawn is drawn from `seed`.
    ///
    /// # Errors
    ///
    /// Where it is no TOML, has a key or value that there is not, or goes beyond a limit.
    pub fn parse(text: &str, seed: u64) -> Result<Self, ScenarioError> {
        let at = |(span, why): Wrong| {
            let begin = span.start.min(text.len());
            let before = text.get(..begin).unwrap_or_default();
            let line = before.matches('\n').count();
            let line_text = text.lines().nth(line).unwrap_or_default().trim().to_owned();
            ScenarioError { line: line + 1, text: line_text, why }
        };
        let file: File = toml::from_str(text)
            .map_err(|error| at((error.span().unwrap_or(0..0), error.message().to_owned())))?;
        build(&file, seed, text.len()).map_err(at)
    }
}

fn build(file: &File, seed: u64, end: usize) -> Result<Scenario, Wrong> {
    let whole = 0..0;
    name(&file.name)?;
    let requests = requests(file)?;
    let largest = requests.iter().map(|request| request.payload).max().unwrap_or(0);
    if file.phase.is_empty() {
        return Err((
            end..end,
            "there is no [[phase]]: add one with name, duration, and parallel or rate".into(),
        ));
    }
    most("phase", &file.phase, MOST)?;
    let mut phases: Vec<Phase> = Vec::new();
    for raw in &file.phase {
        let phase = phase(raw, seed.wrapping_add(phases.len() as u64), largest)?;
        if phases.iter().any(|other| other.name == phase.name) {
            return Err((
                raw.get_ref().name.span(),
                "an earlier phase has this name: give each its own".into(),
            ));
        }
        phases.push(phase);
    }
    let total: Duration = phases.iter().map(|phase| phase.duration).sum();
    if total > LONGEST {
        return Err((
            whole,
            format!("the phases last {} together, at most {} are allowed", time(total), time(LONGEST)),
        ));
    }
    most("fault", &file.fault, MOST_FAULTS)?;
    let faults = file.fault.iter().map(|raw| fault(raw, total)).collect::<Result<_, _>>()?;
    let warmup = match &file.warmup {
        Some(warmup) if warmup.get_ref().0 > LONGEST_WARMUP => {
            return Err((warmup.span(), format!("at most {} are allowed", time(LONGEST_WARMUP))));
        }
        Some(warmup) => warmup.get_ref().0,
        None => Duration::from_secs(1),
    };
    let delay = match &file.simulation {
        Some(RawSimulation { delay }) => millis(delay).and_then(|time| {
            let allowed = format!("allowed: {} to {}", self::time(DELAYS.start), self::time(DELAYS.end));
            (DELAYS.start..=DELAYS.end).contains(&time).then_some(time).ok_or_else(|| (delay.span(), allowed))
        })?,
        None => DELAYS.start,
    };
    let name = file.name.get_ref().clone();
    Ok(Scenario { name, warmup, requests, phases, faults, delay, seed, is_simulated: false })
}

fn requests(file: &File) -> Result<Vec<Request>, Wrong> {
    most("request", &file.request, MOST)?;
    if file.request.is_empty() {
        return Ok(vec![Request { payload: 4096, share: 1.0, one_way: false }]);
    }
    let mut requests = Vec::new();
    for raw in &file.request {
        let RawRequest { payload, share, one_way } = raw.get_ref();
        if let Some(share) = share.as_ref().filter(|share| !(1e-6..=1e6).contains(share.get_ref())) {
            return Err((share.span(), "allowed: a weight from 0.000001 to 1000000".into()));
        }
        let share = share.as_ref().map_or(1.0, |share| *share.get_ref());
        requests.push(Request { payload: payload.0, share, one_way: *one_way });
    }
    if requests.iter().all(|request| request.one_way) {
        let why = "every request is one-way, and those have no time: add one that is answered";
        return Err((file.request[0].span(), why.into()));
    }
    Ok(requests)
}

fn phase(raw: &Spanned<RawPhase>, seed: u64, largest: usize) -> Result<Phase, Wrong> {
    let RawPhase { name, duration, parallel, think, rate, arrivals, max_in_flight } = raw.get_ref();
    self::name(name)?;
    let length = duration.get_ref().0;
    if length < SHORTEST_PHASE {
        return Err((duration.span(), format!("at least {} are needed", time(SHORTEST_PHASE))));
    }
    let shared = |parallel| Phase {
        name: name.get_ref().clone(),
        duration: length,
        parallel,
        think: think.as_ref().map(|think| think.get_ref().0),
        open: None,
    };
    match (parallel, rate) {
        (Some(parallel), Some(_)) => {
            Err((parallel.span(), "parallel is a closed loop and rate an open one: keep one of them".into()))
        }
        (None, None) => Err((
            raw.span(),
            "neither parallel, for a closed loop, nor rate, for an open one: add one".into(),
        )),
        (Some(parallel), None) => {
            let of_open =
                arrivals.as_ref().map(Spanned::span).or_else(|| max_in_flight.as_ref().map(Spanned::span));
            if let Some(span) = of_open {
                return Err((
                    span,
                    "only an open loop has this: give rate instead of parallel, or leave it out".into(),
                ));
            }
            let most = MAX_PARALLEL.min((WINDOW / largest) as u64);
            if !(1..=most).contains(parallel.get_ref()) {
                let largest = size_text(largest as u64);
                let why = format!(
                    "allowed: 1 to {most}, so that payloads of {largest} are no more than 256MiB together"
                );
                return Err((parallel.span(), why));
            }
            Ok(shared(*parallel.get_ref()))
        }
        (None, Some(rate)) => {
            if let Some(think) = think {
                let why =
                    "an open loop has no callers that think: leave it out, or give parallel instead of rate";
                return Err((think.span(), why.into()));
            }
            let arrivals = arrivals.as_ref().map_or(Arrivals::Exp, |arrivals| *arrivals.get_ref());
            if let Some(most) =
                max_in_flight.as_ref().filter(|most| !(1..=MOST_IN_FLIGHT).contains(most.get_ref()))
            {
                return Err((most.span(), format!("allowed: 1 to {MOST_IN_FLIGHT}")));
            }
            let max_in_flight = max_in_flight.as_ref().map_or(MAX_IN_FLIGHT, |most| *most.get_ref());
            let open = OpenConfig { rate: rate.0, arrivals, max_in_flight, pacer: PacerChoice::Thread, seed };
            Ok(Phase { open: Some(open), ..shared(1) })
        }
    }
}

fn fault(raw: &Spanned<RawFault>, total: Duration) -> Result<Fault, Wrong> {
    let RawFault { kind: kind_name, at, lasts, amount } = raw.get_ref();
    let kind = FaultKind::named(kind_name.get_ref()).ok_or_else(|| {
        (kind_name.span(), format!("there is no such fault here; allowed: {}", FaultKind::names().join(", ")))
    })?;
    let begins = millis(at)?;
    let length = match lasts {
        Some(lasts) => millis(lasts)?,
        None if kind.is_momentary() => MOMENT.min(total.saturating_sub(begins)),
        None => return Err((raw.span(), format!("{} goes on for some time: add lasts", kind.name()))),
    };
    if length.is_zero() || begins + length > total {
        let span = lasts.as_ref().filter(|_| begins < total).map_or_else(|| at.span(), Spanned::span);
        let why = format!(
            "a fault has to begin and end within the phases, which last {}: begin earlier or make it shorter",
            time(total)
        );
        return Err((span, why));
    }
    let amount = match (kind.amount(), amount) {
        (None, None) => 0,
        (None, Some(amount)) => {
            return Err((amount.span(), format!("{} has no amount: leave it out", kind.name())));
        }
        (Some(unit), None) => {
            return Err((
                raw.span(),
                format!("{} needs an amount ({unit}), such as {}", kind.name(), example(unit)),
            ));
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

fn example(unit: &str) -> &'static str {
    match unit {
        _ if unit.ends_with("in 1000") => "10%",
        _ if unit.starts_with("ms") => "5ms",
        "bytes/s" => "1MiB/s",
        _ => "16B",
    }
}

fn name(name: &Spanned<String>) -> Result<(), Wrong> {
    let is_well =
        (1..=NAME).contains(&name.get_ref().chars().count()) && !name.get_ref().chars().any(char::is_control);
    is_well.then_some(()).ok_or_else(|| (name.span(), format!("allowed: 1 to {NAME} characters on one line")))
}

fn most<T>(key: &str, items: &[Spanned<T>], most: usize) -> Result<(), Wrong> {
    match items.get(most) {
        Some(beyond) => Err((beyond.span(), format!("at most {most} [[{key}]] are allowed"))),
        None => Ok(()),
    }
}

fn millis(time: &Spanned<Time>) -> Result<Duration, Wrong> {
    let duration = time.get_ref().0;
    let is_whole = duration.subsec_nanos().is_multiple_of(1_000_000);
    is_whole.then_some(duration).ok_or_else(|| (time.span(), "allowed: whole milliseconds".into()))
}

fn time(time: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(time)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;

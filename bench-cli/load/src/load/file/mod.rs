//! The parser of scenario files: type, bounds and default of every key.

mod fault;
mod raw;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use self::fault::fault;
use self::raw::{File, RawPhase, RawRequest, RawSimulation, Time};
use super::{Arrivals, OpenConfig, PacerChoice, Phase, Request, Scenario, WINDOW};
use crate::limits::{MAX_IN_FLIGHT, MAX_PARALLEL, MOST_IN_FLIGHT};
use crate::units::size_text;

/// Most kinds of requests, and most phases.
const MOST: usize = 32;
const MOST_FAULTS: usize = 100;
/// Longest name.
const NAME: usize = 64;
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const LONGEST_WARMUP: Duration = Duration::from_secs(600);
const SHORTEST_PHASE: Duration = Duration::from_millis(100);
const DELAYS: Range<Duration> = Duration::from_millis(2)..Duration::from_secs(10);

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
        return wrong(end..end, "there is no [[phase]]: add one with name, duration, and parallel or rate");
    }
    most("phase", &file.phase, MOST)?;
    let mut phases: Vec<Phase> = Vec::new();
    for raw in &file.phase {
        let phase = phase(raw, seed.wrapping_add(phases.len() as u64), largest)?;
        if phases.iter().any(|other| other.name == phase.name) {
            return wrong(raw.get_ref().name.span(), "an earlier phase has this name: give each its own");
        }
        phases.push(phase);
    }
    let total: Duration = phases.iter().map(|phase| phase.duration).sum();
    if total > LONGEST {
        return wrong(
            whole,
            format!("the phases last {} together, at most {} are allowed", time(total), time(LONGEST)),
        );
    }
    most("fault", &file.fault, MOST_FAULTS)?;
    let faults = file.fault.iter().map(|raw| fault(raw, total)).collect::<Result<_, _>>()?;
    let warmup = match &file.warmup {
        Some(warmup) if warmup.get_ref().0 > LONGEST_WARMUP => {
            return wrong(warmup.span(), format!("at most {} are allowed", time(LONGEST_WARMUP)));
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
            return wrong(share.span(), "allowed: a weight from 0.000001 to 1000000");
        }
        let share = share.as_ref().map_or(1.0, |share| *share.get_ref());
        requests.push(Request { payload: payload.0, share, one_way: *one_way });
    }
    if requests.iter().all(|request| request.one_way) {
        let why = "every request is one-way, and those have no time: add one that is answered";
        return wrong(file.request[0].span(), why);
    }
    Ok(requests)
}

fn phase(raw: &Spanned<RawPhase>, seed: u64, largest: usize) -> Result<Phase, Wrong> {
    let RawPhase { name, duration, parallel, think, rate, arrivals, max_in_flight } = raw.get_ref();
    self::name(name)?;
    let length = duration.get_ref().0;
    if length < SHORTEST_PHASE {
        return wrong(duration.span(), format!("at least {} are needed", time(SHORTEST_PHASE)));
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
                return wrong(
                    span,
                    "only an open loop has this: give rate instead of parallel, or leave it out",
                );
            }
            let most = MAX_PARALLEL.min((WINDOW / largest) as u64);
            if !(1..=most).contains(parallel.get_ref()) {
                let largest = size_text(largest as u64);
                let why = format!(
                    "allowed: 1 to {most}, so that payloads of {largest} are no more than 256MiB together"
                );
                return wrong(parallel.span(), why);
            }
            Ok(shared(*parallel.get_ref()))
        }
        (None, Some(rate)) => {
            if let Some(think) = think {
                let why =
                    "an open loop has no callers that think: leave it out, or give parallel instead of rate";
                return wrong(think.span(), why);
            }
            let arrivals = arrivals.as_ref().map_or(Arrivals::Exp, |arrivals| *arrivals.get_ref());
            if let Some(most) =
                max_in_flight.as_ref().filter(|most| !(1..=MOST_IN_FLIGHT).contains(most.get_ref()))
            {
                return wrong(most.span(), format!("allowed: 1 to {MOST_IN_FLIGHT}"));
            }
            let max_in_flight = max_in_flight.as_ref().map_or(MAX_IN_FLIGHT, |most| *most.get_ref());
            let open = OpenConfig { rate: rate.0, arrivals, max_in_flight, pacer: PacerChoice::Thread, seed };
            Ok(Phase { open: Some(open), ..shared(1) })
        }
    }
}

fn wrong<T>(span: Range<usize>, why: impl Into<String>) -> Result<T, Wrong> {
    Err((span, why.into()))
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
mod tests {
    use super::fault::example;
    use super::*;
    use crate::load::{FaultKind, Think};

    const PHASE: &str = "[[phase]]\nname = 'a'\nduration = '2s'\nparallel = 2\n";

    fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        Scenario::parse(text, 7)
    }

    #[test]
    fn a_short_file_has_its_defaults() {
        let scenario = parse(&format!("name = 'x'\n{PHASE}")).unwrap();
        assert_eq!((scenario.warmup, scenario.delay), (Duration::from_secs(1), Duration::from_millis(2)));
        assert_eq!(scenario.requests, [Request { payload: 4096, share: 1.0, one_way: false }]);
        assert_eq!((scenario.duration(), scenario.outstanding()), (Duration::from_secs(2), 2));
    }

    #[test]
    fn every_key_is_read() {
        let scenario = parse(
            "name = 'x'\nwarmup = '0s'\n[[request]]\npayload = '1MiB'\nshare = 0.5\n[[request]]\npayload = '16B'\none_way = true\n\
             [[phase]]\nname = 'open'\nduration = '1s'\nrate = '20k/s'\narrivals = 'fixed'\nmax_in_flight = 100000\n\
             [[phase]]\nname = 'closed'\nduration = '1s'\nparallel = 3\nthink = 'exp:5ms'\n\
             [[fault]]\nat = '100ms'\nlasts = '1900ms'\nkind = 'bandwidth'\namount = '1MiB/s'\n\
             [[fault]]\nat = '1s'\nkind = 'reset'\n[simulation]\ndelay = '10ms'\n",
        )
        .unwrap();
        let open = scenario.phases[0].open.as_ref().unwrap();
        assert_eq!((open.rate, open.arrivals, open.max_in_flight), (20_000.0, Arrivals::Fixed, 100_000));
        assert_eq!(scenario.in_flight(open), 256, "256 MiB of the largest payload");
        let think = Think { mean: Duration::from_millis(5), is_exp: true };
        assert_eq!((scenario.phases[1].parallel, scenario.phases[1].think), (3, Some(think)));
        assert_eq!(scenario.mean_payload(), 1048576.0, "those that are answered");
        assert_eq!((scenario.faults[0].amount, scenario.faults[1].lasts), (1 << 20, Duration::from_secs(1)));
        assert_eq!(scenario.delay, Duration::from_millis(10));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_its_text_and_what_is_allowed() {
        let closed = "[[phase]]\nname = 'a'\nduration = '2s'\nparallel = 2";
        let fault = |lines: &str| format!("{closed}\n[[fault]]\n{lines}");
        let table: Vec<(String, usize, &str, &str)> = vec![
            (String::new(), 3, "", "there is no [[phase]]"),
            ("warmup = 1".into(), 2, "warmup = 1", "expected a string"),
            ("warmup = '11m'".into(), 2, "warmup = '11m'", "at most 10m"),
            ("speed = 3".into(), 2, "speed = 3", "unknown field `speed`, expected one of"),
            ("warmup = ".into(), 2, "warmup =", ""),
            ("[[request]]\npayload = '4KB'".into(), 3, "payload = '4KB'", "KiB (1024)"),
            ("[[request]]\npayload = '65MiB'".into(), 3, "payload = '65MiB'", "16B to 64MiB"),
            ("[[request]]\npayload = '1KiB'\nshare = 0".into(), 4, "share = 0", "a weight from"),
            ("[[request]]\npayload = '1KiB'\nshare = nan".into(), 4, "share = nan", "a weight from"),
            (
                "[[request]]\npayload = '1KiB'\none_way = true".into(),
                2,
                "[[request]]",
                "add one that is answered",
            ),
            (closed.replace("= 2", "= 0"), 5, "parallel = 0", "allowed: 1 to 65536"),
            (closed.replace("= 2", "= 70000"), 5, "parallel = 70000", "256MiB together"),
            (closed.replace("'2s'", "'50ms'"), 4, "duration = '50ms'", "at least 100ms"),
            (closed.replace("'2s'", "'25h'"), 4, "duration = '25h'", "allowed: 0s to 1day"),
            (closed.replace("'a'", "''"), 3, "name = ''", "1 to 64 characters"),
            (format!("{closed}\n{closed}"), 7, "name = 'a'", "an earlier phase has this name"),
            (format!("{closed}\nrate = '1k'"), 5, "parallel = 2", "keep one of them"),
            (format!("{closed}\nrate = '1 k/m'"), 6, "rate = '1 k/m'", "20k or 1.5M"),
            (closed.replace("parallel = 2", ""), 2, "[[phase]]", "add one"),
            (format!("{closed}\narrivals = 'exp'"), 6, "arrivals = 'exp'", "give rate instead"),
            (format!("{closed}\nmax_in_flight = 5"), 6, "max_in_flight = 5", "give rate instead"),
            (format!("{closed}\nthink = '0s'"), 6, "think = '0s'", "allowed: 1ms to 1m"),
            (
                closed.replace("parallel = 2", "rate = '1k'\nthink = '1ms'"),
                6,
                "think = '1ms'",
                "give parallel instead",
            ),
            (
                closed.replace("parallel = 2", "rate = '1k'\nmax_in_flight = 0"),
                6,
                "max_in_flight = 0",
                "1 to 1000000",
            ),
            (closed.replace("parallel = 2", "rate = '1k'\narrivals = 'x'"), 6, "arrivals = 'x'", "fixed"),
            (
                fault("at = '1s'\nkind = 'partition'\nlasts = '1s'"),
                8,
                "kind = 'partition'",
                "allowed: stall, slice,",
            ),
            (fault("at = '1s'\nkind = 'stall'"), 6, "[[fault]]", "add lasts"),
            (fault("at = '3s'\nkind = 'stall'\nlasts = '1s'"), 7, "at = '3s'", "which last 2s"),
            (fault("at = '1s'\nkind = 'stall'\nlasts = '2s'"), 9, "lasts = '2s'", "which last 2s"),
            (fault("at = '2s'\nkind = 'reset'"), 7, "at = '2s'", "which last 2s"),
            (fault("at = '1500us'\nkind = 'reset'"), 7, "at = '1500us'", "whole milliseconds"),
            (fault("at = '1s'\nkind = 'delay'\nlasts = '1s'"), 6, "[[fault]]", "such as 5ms"),
            (
                fault("at = '1s'\nkind = 'delay'\nlasts = '1s'\namount = '5'"),
                10,
                "amount = '5'",
                "such as 500ms",
            ),
            (
                fault("at = '1s'\nkind = 'stall'\nlasts = '1s'\namount = '5'"),
                10,
                "amount = '5'",
                "has no amount",
            ),
            (format!("{closed}\n[simulation]\ndelay = '1ms'"), 7, "delay = '1ms'", "2ms to 10s"),
        ];
        for (text, line, shown, why) in table {
            let phase = if text.is_empty() || text.contains("[[phase]]") { "" } else { PHASE };
            let error = parse(&format!("name = 'x'\n{text}\n{phase}")).unwrap_err();
            assert_eq!((error.line, error.text.as_str()), (line, shown), "{text}\n{error}");
            assert!(error.to_string().contains(why), "{text}\n{error}");
        }
        assert!(parse(PHASE).unwrap_err().why.contains("missing field `name`"));
    }

    #[test]
    fn there_may_be_so_many_and_no_more() {
        let phases =
            |count: usize| (0..count).map(|at| PHASE.replace("'a'", &format!("'{at}'"))).collect::<String>();
        parse(&format!("name = 'x'\n{}", phases(MOST))).unwrap();
        assert!(parse(&format!("name = 'x'\n{}", phases(MOST + 1))).unwrap_err().why.contains("at most 32"));
        let faults = |count| "[[fault]]\nat = '1s'\nkind = 'reset'\n".repeat(count);
        parse(&format!("name = 'x'\n{PHASE}{}", faults(MOST_FAULTS))).unwrap();
        assert!(
            parse(&format!("name = 'x'\n{PHASE}{}", faults(MOST_FAULTS + 1)))
                .unwrap_err()
                .why
                .contains("at most 100")
        );
        let requests = |count| "[[request]]\npayload = '16B'\n".repeat(count);
        assert!(
            parse(&format!("name = 'x'\n{}{PHASE}", requests(MOST + 1)))
                .unwrap_err()
                .why
                .contains("at most 32")
        );
        let long = PHASE.replace("2s", "20h");
        let long = format!("name = 'x'\n{long}{}", long.replace("'a'", "'b'"));
        assert!(parse(&long).unwrap_err().why.contains("at most 1day"));
    }

    #[test]
    fn the_names_of_faults_are_the_simulations_and_each_can_be_given() {
        let names = FaultKind::names();
        assert!(names.contains(&"dial-refused") && !names.contains(&"corrupt-to-client"), "{names:?}");
        for name in names {
            let kind = FaultKind::named(name).unwrap();
            assert_eq!(kind.name(), name);
            let amount =
                kind.amount().map_or_else(String::new, |unit| format!("amount = '{}'", example(unit)));
            let text =
                format!("name = 'x'\n{PHASE}[[fault]]\nat = '0s'\nlasts = '1s'\nkind = '{name}'\n{amount}\n");
            assert_eq!(parse(&text).unwrap().faults[0].kind, kind, "{name}");
        }
    }
}

//! Summary of a scenario: its length, rates and bytes, before it runs.

use std::fmt::Write;
use std::time::Duration;

use super::{Phase, Request, Scenario};
use crate::units::size_text;

impl Scenario {
    /// Its parts in words, with its length, and rate and bytes where an open loop says them.
    #[must_use]
    pub fn explained(&self) -> String {
        let mut text = format!(
            "{}: {} in {}, after a warm-up of {}\n",
            self.name,
            time(self.duration()),
            count(self.phases.len(), "phase"),
            time(self.warmup)
        );
        let shares: f64 = self.requests.iter().map(|request| request.share).sum();
        for Request { payload, share, one_way } in &self.requests {
            let kind =
                if *one_way { "one-way, not answered and not timed" } else { "answered with the same bytes" };
            let percent = 100.0 * share / shares;
            // Into memory: nothing fails.
            let _ = writeln!(text, "  {percent:5.1} % of requests: {}, {kind}", size_text(*payload as u64));
        }
        let mean =
            self.requests.iter().map(|request| request.share * request.payload as f64).sum::<f64>() / shares;
        let mut from = Duration::ZERO;
        for phase in &self.phases {
            let _ = writeln!(
                text,
                "  from {}, {}: {} for {}",
                time(from),
                phase.name,
                load(phase, mean),
                time(phase.duration)
            );
            from += phase.duration;
        }
        for fault in &self.faults {
            let _ = writeln!(text, "  fault: {fault}");
        }
        let _ = writeln!(text, "{}", self.sum(mean));
        text
    }

    /// What all open loops ask for together. A closed loop's rate is what is measured.
    fn sum(&self, mean_bytes: f64) -> String {
        let open =
            || self.phases.iter().filter_map(|phase| Some((phase.duration, phase.open.as_ref()?.rate)));
        let closed = self.phases.len() - open().count();
        let seconds: f64 = open().map(|(duration, _)| duration.as_secs_f64()).sum();
        let requests: f64 = open().map(|(duration, rate)| duration.as_secs_f64() * rate).sum();
        let takes = time(self.warmup + self.duration());
        let mut text = format!("In all {takes} a launch.");
        if seconds > 0.0 {
            let rate = requests / seconds;
            let _ = write!(
                text,
                " Open loops: {} requests, {}/s on average, {:.0} bytes/s each way at most.",
                rounded(requests),
                rounded(rate),
                rate * mean_bytes
            );
        }
        if closed > 0 {
            let _ = write!(
                text,
                " The rate of {} is what the transport makes of it.",
                count(closed, "closed loop")
            );
        }
        text
    }
}

/// Whole where it is large, else to a hundredth.
fn rounded(value: f64) -> f64 {
    if value < 100.0 { (value * 100.0).round() / 100.0 } else { value.round() }
}

fn load(phase: &Phase, mean_bytes: f64) -> String {
    match (&phase.open, phase.think) {
        (Some(open), _) => format!(
            "open loop, {}/s with {} arrivals ({:.0} bytes/s), at most {} in flight",
            open.rate,
            open.arrivals,
            open.rate * mean_bytes,
            open.max_in_flight
        ),
        (None, None) => format!("closed loop of {}", count(phase.parallel as usize, "caller")),
        (None, Some(think)) => {
            let how = if think.is_exp { "on average, exponentially" } else { "each time" };
            let callers = count(phase.parallel as usize, "caller");
            format!("closed loop of {callers} that think for {} {how}", time(think.mean))
        }
    }
}

fn count(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn time(time: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_the_mean_rate_and_the_bytes_are_told() {
        let file = "name = 'x'\n[[request]]\npayload = '1KiB'\nshare = 3\n[[request]]\npayload = '5KiB'\n\
                    [[phase]]\nname = 'a'\nduration = '1s'\nrate = '1k'\n[[phase]]\nname = 'b'\nduration = '3s'\nrate = '2k'\n\
                    [[phase]]\nname = 'c'\nduration = '2s'\nparallel = 4\nthink = 'exp:5ms'\n";
        let text = Scenario::parse(file, 1).unwrap().explained();
        // 1,000 + 6,000 requests in 4 s; the mean payload is (3 x 1 + 5) / 4 = 2 KiB.
        for part in [
            "x: 6s in 3 phases, after a warm-up of 1s",
            "75.0 % of requests: 1KiB",
            "from 4s, c: closed loop of 4 callers that think for 5ms on average",
            "7000 requests, 1750/s on average, 3584000 bytes/s",
            "In all 7s a launch",
            "The rate of 1 closed loop is",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

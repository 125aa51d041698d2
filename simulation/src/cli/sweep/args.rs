//! Arguments of `sweep`, `replay` and `list`.

use std::ops::Range;
use std::path::PathBuf;

use clap::Args;

use crate::sweep::Sweep;

/// At the end of each command's help.
pub(in crate::cli) const EXAMPLES: &str = "\
Examples of runs with faults:
  listenrain-simulation list                             scenarios, networks and faults
  listenrain-simulation sweep --seeds 0..500             500 runs, dealt over all of them
  listenrain-simulation sweep --seeds 0..40 --scenario steady-load --network memory --partial
  listenrain-simulation replay --seed 17 --scenario steady-load --network memory --trace
  listenrain-simulation replay --plan plan.json

Exit codes: 0 all is well, 1 a run failed, or something that was enabled never happened, 2 wrong usage,
130 interrupted (what was covered is printed and written).";

#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct SweepArgs {
    /// Which seeds, from A up to but without B: one run each, dealt over scenarios and networks in turn
    #[arg(long, value_name = "A..B", default_value = "0..100", value_parser = seeds)]
    pub(in crate::cli) seeds: Range<u64>,
    /// Scenarios, by name; `all` is every one
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "all")]
    pub(in crate::cli) scenario: Vec<String>,
    /// Networks, by name; `all` is every one
    #[arg(long, alias = "world", value_name = "NAME,…", value_delimiter = ',', default_value = "all")]
    pub(in crate::cli) network: Vec<String>,
    /// How many runs are made at the same time, 1 to 256. Default: as many as there are cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=Sweep::MOST_JOBS as i64))]
    pub(in crate::cli) jobs: Option<u16>,
    /// One seed in so many is played twice, and must give the same trace; 0: none
    #[arg(long, value_name = "K", default_value_t = 8)]
    pub(in crate::cli) twice_every: u64,
    /// Only report what never happened although it was enabled, for a few seeds that cannot have everything happen
    #[arg(long)]
    pub(in crate::cli) partial: bool,
    /// Write what was found as JSON; `-` is standard output, and what people read then goes to standard error
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) json: Option<PathBuf>,
    /// Write the plan of each failure into this folder, and the smallest that still fails, for `replay --plan`
    #[arg(long, value_name = "FOLDER")]
    pub(in crate::cli) plans: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct ReplayArgs {
    /// The seed
    #[arg(long, value_name = "N", required_unless_present = "plan", requires_all = ["scenario", "network"])]
    pub(in crate::cli) seed: Option<u64>,
    /// The scenario, by name
    #[arg(long, value_name = "NAME", requires = "seed")]
    pub(in crate::cli) scenario: Option<String>,
    /// The network, by name
    #[arg(long, alias = "world", value_name = "NAME", requires = "seed")]
    pub(in crate::cli) network: Option<String>,
    /// A plan in a file, as a sweep writes it, instead of a seed's; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "scenario", "network"])]
    pub(in crate::cli) plan: Option<PathBuf>,
    /// Print every event
    #[arg(long)]
    pub(in crate::cli) trace: bool,
}

#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct ListArgs {
    /// Write it as JSON; `-` is standard output, and what people read then goes to standard error
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) json: Option<PathBuf>,
}

/// Most seeds of one sweep: a day's worth where a thousand are played in ten seconds.
const MOST_SEEDS: u64 = 10_000_000;

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let example = "a range is A..B, such as 0..500: from A up to but without B";
    let (first, end) = text.split_once("..").ok_or_else(|| example.to_owned())?;
    let number = |text: &str| {
        let told = |error| format!("`{text}`: {error}; {example}, both 0 to {}", u64::MAX);
        text.trim().parse::<u64>().map_err(told)
    };
    let (first, end) = (number(first)?, number(end)?);
    match end.checked_sub(first) {
        None => Err(format!("it ends before it begins; {example}")),
        Some(0) => Err(format!("it has no seed; {example}")),
        Some(count) if count > MOST_SEEDS => {
            Err(format!("it has {count} seeds, at most {MOST_SEEDS} are allowed; {example}"))
        }
        Some(_) => Ok(first..end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_is_none_is_told_what_one_looks_like() {
        assert_eq!(seeds("0..500"), Ok(0..500));
        assert_eq!(seeds("18446744073709551610..18446744073709551615"), Ok(u64::MAX - 5..u64::MAX));
        for (text, why) in [
            ("7", "a range is A..B"),
            ("", "a range is A..B"),
            ("5..5", "it has no seed"),
            ("9..5", "it ends before it begins"),
            ("0..=5", "`=5`: invalid digit"),
            ("-1..5", "`-1`: invalid digit"),
            ("0..", "``: cannot parse integer from empty string"),
            ("0..18446744073709551616", "number too large"),
            ("0..10000001", "it has 10000001 seeds, at most 10000000"),
        ] {
            let told = seeds(text).unwrap_err();
            assert!(told.contains(why) && told.contains("a range is A..B, such as 0..500"), "{text}: {told}");
        }
    }
}

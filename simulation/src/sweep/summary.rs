//! Summary of a batch as text.

use std::fmt;

use super::{Covered, Swept};

/// Writes how much was played, what happened, what failed, and what is missing.
pub(super) fn write(f: &mut fmt::Formatter<'_>, swept: &Swept) -> fmt::Result {
    write_coverage(f, swept)?;
    for failure in &swept.failures {
        writeln!(f, "{failure}")?;
    }
    write_totals(f, swept)?;
    write_verdict(f, swept)
}

fn write_coverage(f: &mut fmt::Formatter<'_>, swept: &Swept) -> fmt::Result {
    let coverage = &swept.coverage;
    writeln!(f, "runs")?;
    for (scenario, networks) in swept.by_scenario() {
        let networks = networks.iter().map(|(network, runs)| format!("{network} {runs}"));
        write_wrapped(f, &format!("{scenario}:"), networks)?;
    }
    if !coverage.faults.is_empty() {
        writeln!(f, "\nfaults: runs in which each happened, of those that had it")?;
        let share =
            |name: String, covered: &Covered| format!("{name} {}/{}", covered.happened, covered.possible);
        write_wrapped(f, "", coverage.faults.iter().map(|(kind, covered)| share(kind.to_string(), covered)))?;
        writeln!(f, "  without any fault {}, with a single one {}", coverage.quiet, coverage.single)?;
    }
    if !coverage.situations.is_empty() {
        writeln!(f, "\nsituations: runs in which each came about, of those in which it could")?;
    }
    for ((scenario, situation), Covered { happened, possible }) in &coverage.situations {
        writeln!(f, "  {scenario}: {situation} {happened}/{possible}")?;
    }
    f.write_str("\n")
}

fn write_totals(f: &mut fmt::Formatter<'_>, swept: &Swept) -> fmt::Result {
    let (first, end) = (swept.seeds.start, swept.seeds.end);
    let asked = end.saturating_sub(first);
    write!(f, "{} of the {asked} seeds {first}..{end} in ", swept.runs)?;
    writeln!(f, "{:.1} s: {:.1} seeds/s", swept.took.as_secs_f64(), swept.seeds_per_second())?;
    let simulated = swept.simulated.as_secs_f64();
    writeln!(
        f,
        "{simulated:.0} s of simulated time, {:.0} times real time; {} calls",
        swept.speed(),
        swept.calls
    )?;
    if let Some(memory) = swept.memory {
        writeln!(f, "{:.1} MiB allocated at once by one run, at most", memory as f64 / f64::from(1 << 20))?;
    }
    writeln!(f, "{} seeds were played twice, to compare their traces", swept.compared)
}

fn write_verdict(f: &mut fmt::Formatter<'_>, swept: &Swept) -> fmt::Result {
    let missing: Vec<_> = swept.coverage.missing().map(|missing| missing.to_string()).collect();
    if swept.is_interrupted {
        writeln!(f, "interrupted: coverage is that of the seeds that were played")?;
    }
    match &missing[..] {
        [] => writeln!(f, "coverage: all that was enabled happened")?,
        missing if swept.lacks().is_empty() => {
            writeln!(f, "coverage: never happened, which is not asked of a part: {}", missing.join(", "))?;
        }
        missing => writeln!(
            f,
            "MISSING: never happened although enabled: {}. Play more seeds, or say that it is a part (`--partial`)",
            missing.join(", ")
        )?,
    }
    match swept.failed {
        0 => writeln!(f, "no run failed"),
        failed if failed > swept.failures.len() as u64 => {
            writeln!(f, "{failed} runs FAILED; {} of them are shown", swept.failures.len())
        }
        1 => writeln!(f, "1 run FAILED"),
        failed => writeln!(f, "{failed} runs FAILED"),
    }
}

/// `items` after `front`, in lines that are not too long.
fn write_wrapped(
    f: &mut fmt::Formatter<'_>,
    front: &str,
    items: impl Iterator<Item = String>,
) -> fmt::Result {
    const WIDTH: usize = 110;
    let mut line = format!("  {front}");
    let mut is_first = true;
    for item in items {
        if !is_first {
            line.push(',');
        }
        if line.len() + 1 + item.len() > WIDTH {
            writeln!(f, "{line}")?;
            line = "   ".to_owned();
        }
        if !line.ends_with("  ") {
            line.push(' ');
        }
        line.push_str(&item);
        is_first = false;
    }
    writeln!(f, "{line}")
}

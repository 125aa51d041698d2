//! Comparability of two runs: the same machine, the same cells, driven the same way.

use listenrain_results::{Cell, Env, Run};

use crate::metrics::SETTINGS;

/// The length of the timed window as asked, to 10 ms; of one that was ended early, what it had.
///
/// What is measured is shorter by what was cut, and longer by what a busy machine is late: a file that does not say
/// what was asked can tell it only so.
pub(super) fn duration_s(cell: &Cell) -> f64 {
    let windows = cell.series.window_s * cell.series.tps.len() as f64;
    let measured = cell.duration_s + cell.steadiness.as_ref().map_or(0.0, |steadiness| steadiness.cut_s);
    let measured = if windows > 0.0 { windows } else { measured };
    let was_ended_early = measured < cell.asked_s * 0.95;
    let length = if cell.asked_s > 0.0 && !was_ended_early { cell.asked_s } else { measured };
    (length * 100.0).round() / 100.0
}

/// Pairs each of the baseline's cells with the candidate's.
///
/// # Errors
///
/// A text for the user that names what is not alike; `force` lets another machine pass, never another configuration.
pub(crate) fn pairs<'a>(
    baseline: &'a Run,
    candidate: &'a Run,
    force: bool,
) -> Result<Vec<(&'a Cell, &'a Cell)>, String> {
    if !force {
        same_machine(&baseline.env, &candidate.env)?;
    }
    if baseline.cells.len() != candidate.cells.len() {
        return Err(format!(
            "the baseline has {} cells and the candidate {}: measure the same ones",
            baseline.cells.len(),
            candidate.cells.len()
        ));
    }
    baseline.cells.iter().map(|cell| Ok((cell, like(cell, &candidate.cells)?))).collect()
}

/// The one of `others` with the same settings; the error names the settings of the one that differs least.
fn like<'a>(cell: &Cell, others: &'a [Cell]) -> Result<&'a Cell, String> {
    let unlike = |other: &Cell| -> Vec<String> {
        let both = SETTINGS.iter().map(|setting| (setting.name, (setting.of)(cell), (setting.of)(other)));
        let unlike = both.filter(|(_, one, other)| one != other);
        let unlike =
            unlike.map(|(name, one, other)| format!("{name} ({} and {})", shown(&one), shown(&other)));
        unlike.chain(unlike_duration(cell, other)).collect()
    };
    let nearest = others.iter().map(|other| (other, unlike(other))).min_by_key(|(_, unlike)| unlike.len());
    match nearest {
        Some((other, unlike)) if unlike.is_empty() => Ok(other),
        Some((_, unlike)) => Err(format!(
            "{}: baseline and candidate differ in {}: they can't be compared",
            super::name(cell),
            unlike.join(", ")
        )),
        None => Err("the candidate has no cells".to_owned()),
    }
}

/// As long, but for what a busy machine is late by where a file does not say what was asked.
fn unlike_duration(cell: &Cell, other: &Cell) -> Option<String> {
    let (one, other) = (duration_s(cell), duration_s(other));
    let is_alike = (one - other).abs() <= (one * 0.05).max(0.02);
    (!is_alike).then(|| format!("duration ({one:.2} s and {other:.2} s)"))
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn same_machine(one: &Env, other: &Env) -> Result<(), String> {
    let facts = [
        ("cpu", one.cpu.clone(), other.cpu.clone()),
        ("cores", one.cores.to_string(), other.cores.to_string()),
        ("kernel", one.kernel.clone(), other.kernel.clone()),
        ("os", one.os.clone(), other.os.clone()),
        ("arch", one.arch.clone(), other.arch.clone()),
    ];
    let unlike = facts.iter().filter(|(_, one, other)| one != other);
    let unlike: Vec<_> =
        unlike.map(|(name, one, other)| format!("{name} ({} and {})", shown(one), shown(other))).collect();
    match unlike.is_empty() {
        true => Ok(()),
        false => {
            Err(format!("another machine: {}; record the baseline here, or say --force", unlike.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listenrain_results::Series;

    fn cell(parallel: u64, length_s: f64) -> Cell {
        let series = Series { window_s: length_s / 10.0, tps: vec![1.0; 10], ..Series::default() };
        Cell { parallel, series, ..Cell::default() }
    }

    #[test]
    fn a_window_is_as_long_as_was_asked_however_late_it_ended_and_not_if_it_was_ended_early() {
        let asked = |length_s| Cell { asked_s: 0.25, ..cell(16, length_s) };
        assert!(like(&asked(0.25), &[asked(0.4)]).is_ok());
        let why = like(&asked(0.25), &[asked(0.1)]).unwrap_err();
        assert!(why.contains("duration (0.25 s and 0.10 s)"), "{why}");
        let longer = Cell { asked_s: 0.5, ..cell(16, 0.5) };
        assert!(like(&asked(0.4), &[longer]).is_err());
    }

    #[test]
    fn a_window_that_ended_late_is_as_long_and_a_longer_one_is_named() {
        let others = [cell(1, 0.25), cell(16, 0.262)];
        assert_eq!(like(&cell(16, 0.25), &others).unwrap().parallel, 16);
        let why = like(&cell(16, 0.25), &[cell(16, 0.5)]).unwrap_err();
        assert!(why.contains("duration (0.25 s and 0.50 s)"), "{why}");
        assert!(like(&cell(16, 0.25), &[cell(16, 0.4)]).is_err(), "nothing says that it was late");
        assert!(like(&cell(4, 3.0), &[cell(1, 3.1)]).unwrap_err().contains("parallel (4 and 1)"));
    }
}

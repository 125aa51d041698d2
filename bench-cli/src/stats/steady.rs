//! Whether the figures of a launch had come to rest, and what of its beginning to leave out.

use super::{quantiles, series};

/// Fewer windows give no verdict, and nothing is cut off.
const FEWEST: usize = 10;
/// A change over all that remains that is smaller than this share of the mean does not matter, however sure it is.
const MATTERS: f64 = 0.01;
/// A change counts when chance alone does as much no oftener than this, for a ramp; both series are asked.
const RAMP_BY_CHANCE: f64 = 0.005;
/// The same for a jump, whose place is chosen where it looks largest: it gets many chances to look like one.
const JUMP_BY_CHANCE: f64 = 0.0005;

/// Judges the windows of a launch: requests a second and median of each, in order.
///
/// Gives how many windows at the beginning to leave out, at most a quarter, and none unless `may_cut`; whether what remains
/// is steady, absent for fewer than ten windows; and why it is not, or empty. Leaving out is MSER's choice, the later of both
/// series, but only as far as every window from the first on is off the level that the second half has: a stall is not a
/// beginning. The rest is steady unless a ramp or a jump in it is both sure and more than a hundredth of the mean.
pub(crate) fn steadiness(tps: &[f64], p50: &[f64], may_cut: bool) -> (usize, Option<bool>, String) {
    let windows = tps.len().min(p50.len());
    if windows < FEWEST {
        return (0, None, format!("{windows} windows are too few to tell; it takes {FEWEST}"));
    }
    let (tps, p50) = (&tps[..windows], told(&p50[..windows]));
    let beginning = |series: &[f64]| series::truncation(series, windows / 4).min(off_level(series));
    let cut = if may_cut { beginning(tps).max(beginning(&p50)) } else { 0 };
    let changes = [("throughput", &tps[cut..]), ("the median", &p50[cut..])];
    let changes =
        changes.into_iter().filter_map(|(name, rest)| change(rest).map(|change| format!("{name} {change}")));
    let why = changes.collect::<Vec<_>>().join(", ");
    (cut, Some(why.is_empty()), why)
}

/// How many windows from the first on are off the level of the second half: further from its median than three deviations,
/// told by its absolute deviations, and than a hundredth of it.
fn off_level(series: &[f64]) -> usize {
    let half = &series[series.len() / 2..];
    let level = median(half.to_vec());
    // 1.4826 makes the median absolute deviation of a normal distribution its standard deviation.
    let deviation = 1.4826 * median(half.iter().map(|value| (value - level).abs()).collect());
    let off = (3.0 * deviation).max(MATTERS * level.abs());
    series.iter().take_while(|value| (**value - level).abs() > off).count()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A window without a reply has no median: it is given that of the window before.
fn told(p50: &[f64]) -> Vec<f64> {
    let is_told = |value: &f64| value.is_finite() && *value > 0.0;
    let mut last = p50.iter().copied().find(is_told).unwrap_or_default();
    let mut tell = |value: &f64| {
        if is_told(value) {
            last = *value;
        }
        last
    };
    p50.iter().map(&mut tell).collect()
}

/// One way to see a series as something that changes.
struct Fit {
    /// From its beginning to its end.
    change: f64,
    /// What the change would vary by were the residuals independent and of deviation 1.
    error: f64,
    /// What remains of each value.
    residuals: Vec<f64>,
    /// Sum of their squares.
    squares: f64,
    by_chance: f64,
    /// Where it jumps, for a jump.
    jumps_at: Option<usize>,
}

/// What changes in `rest`, in words, if it is sure and if it matters.
fn change(rest: &[f64]) -> Option<String> {
    let mean = rest.iter().sum::<f64>() / rest.len() as f64;
    let fit = [ramp(rest)].into_iter().chain(jump(rest)).min_by(|a, b| a.squares.total_cmp(&b.squares))?;
    let share = fit.change / mean;
    if share.is_nan() || share.abs() <= MATTERS || !is_sure(&fit) {
        return None;
    }
    let (verb, by) = (if share > 0.0 { "rises" } else { "falls" }, share.abs() * 100.0);
    Some(match fit.jumps_at {
        None => format!("{verb} by {by:.1} % over the windows that count"),
        Some(at) => {
            format!("{verb} by {by:.1} % at once, after {at} of the {} windows that count", rest.len())
        }
    })
}

fn ramp(rest: &[f64]) -> Fit {
    let (n, mean) = (rest.len() as f64, rest.iter().sum::<f64>() / rest.len() as f64);
    let from_middle = |at: usize| at as f64 - (n - 1.0) / 2.0;
    let spread: f64 = (0..rest.len()).map(|at| from_middle(at).powi(2)).sum();
    let slope =
        rest.iter().enumerate().map(|(at, value)| from_middle(at) * (value - mean)).sum::<f64>() / spread;
    let residuals: Vec<f64> =
        rest.iter().enumerate().map(|(at, value)| value - mean - slope * from_middle(at)).collect();
    Fit {
        change: slope * (n - 1.0),
        error: (n - 1.0) / spread.sqrt(),
        squares: residuals.iter().map(|value| value * value).sum(),
        residuals,
        by_chance: RAMP_BY_CHANCE,
        jumps_at: None,
    }
}

/// The jump that explains most; each side of it has at least three windows, so that a hiccup is none.
fn jump(rest: &[f64]) -> Option<Fit> {
    let edge = (rest.len() / 8).max(3);
    let jumps = (edge..=rest.len().saturating_sub(edge)).map(|at| jump_at(rest, at));
    jumps.min_by(|a, b| a.squares.total_cmp(&b.squares))
}

fn jump_at(rest: &[f64], at: usize) -> Fit {
    let [before, after] = [&rest[..at], &rest[at..]];
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (low, high) = (mean(before), mean(after));
    let residuals: Vec<f64> =
        before.iter().map(|value| value - low).chain(after.iter().map(|value| value - high)).collect();
    Fit {
        change: high - low,
        error: (1.0 / before.len() as f64 + 1.0 / after.len() as f64).sqrt(),
        squares: residuals.iter().map(|value| value * value).sum(),
        residuals,
        by_chance: JUMP_BY_CHANCE,
        jumps_at: Some(at),
    }
}

/// Whether chance hardly does as much. Windows remember those before them, so they count for fewer than they are.
fn is_sure(fit: &Fit) -> bool {
    let n = fit.residuals.len() as f64;
    if fit.squares <= 0.0 {
        return true;
    }
    let memory = memory(&fit.residuals, fit.squares);
    let counting = n * (1.0 - memory) / (1.0 + memory);
    let parameters = if fit.jumps_at.is_some() { 3.0 } else { 2.0 };
    let deviation = (fit.squares / (n - parameters)).sqrt();
    let error = fit.error * deviation * ((1.0 + memory) / (1.0 - memory)).sqrt();
    quantiles::t_two_sided(fit.change / error, (counting - 2.0).max(1.0)) < fit.by_chance
}

/// How much of each value its successor keeps, 0 to 0.9: the correlation of neighbours, corrected for what fitting a
/// line or two levels to so few takes away from it.
fn memory(residuals: &[f64], squares: f64) -> f64 {
    let n = residuals.len() as f64;
    let neighbours: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
    ((neighbours / squares + 2.0 / n) / (1.0 - 4.0 / n).max(0.1)).clamp(0.0, 0.9)
}

#[cfg(test)]
#[path = "steady_tests.rs"]
mod tests;

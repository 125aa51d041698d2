//! Steadiness of a launch, and how much of its beginning is cut off.

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
pub fn steadiness(tps: &[f64], p50: &[f64], may_cut: bool) -> (usize, Option<bool>, String) {
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
    /// The level that it changes from.
    before: f64,
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
    let what = told_change(&fit);
    Some(match fit.jumps_at {
        None => format!("{what} over the windows that count"),
        Some(at) => format!("{what} at once, after {at} of the {} windows that count", rest.len()),
    })
}

/// By how much of the level before it changes: nothing falls by more than all of it.
fn told_change(fit: &Fit) -> String {
    if fit.change < 0.0 {
        return format!("falls by {:.1} %", (-fit.change / fit.before).clamp(0.0, 1.0) * 100.0);
    }
    match fit.before > 0.0 {
        true => format!("rises by {:.1} %", fit.change / fit.before * 100.0),
        false => "rises from nothing".to_owned(),
    }
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
        before: mean - slope * (n - 1.0) / 2.0,
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
        before: low,
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
mod tests {
    use super::super::testing::remembering;
    use super::*;
    use crate::random::seeded;

    /// How many of 1,000 launches are called steady: `windows` of throughput in this shape, the median its inverse, both with
    /// noise of `spread` that remembers `memory` of the window before.
    fn called_steady(windows: usize, memory: f64, spread: f64, shape: impl Fn(f64) -> f64) -> usize {
        let mut random = seeded(8, "launches");
        let mut series = |level: f64, direction: i32| -> Vec<f64> {
            let noise = remembering(&mut random, memory, windows);
            let at = |(at, noise): (usize, f64)| {
                level * (1.0 + spread * noise) * shape(at as f64 / windows as f64).powi(direction)
            };
            noise.into_iter().enumerate().map(at).collect()
        };
        let steady =
            (0..1_000).filter(|_| steadiness(&series(5e4, 1), &series(80.0, -1), true).1 == Some(true));
        steady.count()
    }

    #[test]
    fn a_launch_at_rest_is_called_steady_nine_times_in_ten() {
        for windows in [20, 30, 60, 100] {
            for memory in [0.0, 0.3, 0.6] {
                let steady = called_steady(windows, memory, 0.03, |_| 1.0);
                assert!(steady >= 900, "{windows} windows that remember {memory}: {steady}");
            }
        }
    }

    #[test]
    fn a_slow_start_is_cut_off_and_the_rest_is_steady() {
        for windows in [20, 30, 60] {
            let steady = called_steady(windows, 0.3, 0.03, |at| if at < 0.2 { 0.5 } else { 1.0 });
            assert!(steady >= 900, "{windows} windows: {steady}");
        }
        let level = |at: usize| if at < 4 { 40.0 } else { 100.0 + (at % 3) as f64 };
        let (tps, p50): (Vec<_>, Vec<_>) = (0..30).map(|at| (level(at), 1e4 / level(at))).unzip();
        assert_eq!(steadiness(&tps, &p50, true), (4, Some(true), String::new()));
    }

    #[test]
    fn a_ramp_is_not_steady() {
        for (windows, most) in [(30, 150), (60, 20), (100, 10)] {
            let steady = called_steady(windows, 0.0, 0.02, |at| 1.0 + 0.2 * at);
            assert!(steady <= most, "{windows} windows: {steady}");
        }
        let ramp: Vec<f64> = (0..40).map(|at| 100.0 + f64::from(at)).collect();
        let (cut, steady, why) = steadiness(&ramp, &[80.0; 40], true);
        assert!(cut <= 20 && steady == Some(false));
        assert!(why.starts_with("throughput rises by ") && !why.contains("median"), "{why}");
    }

    #[test]
    fn a_late_jump_is_not_steady() {
        for windows in [30, 60, 100] {
            let steady = called_steady(windows, 0.3, 0.02, |at| if at < 0.75 { 1.0 } else { 0.85 });
            assert!(steady <= 50, "{windows} windows: {steady}");
        }
        let late: Vec<f64> = (0..40).map(|at| if at < 30 { 100.0 } else { 90.0 }).collect();
        let (_, steady, why) = steadiness(&late, &[80.0; 40], true);
        assert!(steady == Some(false) && why.contains("falls by") && why.contains("at once"), "{why}");
    }

    #[test]
    fn a_change_is_told_by_the_level_before_and_no_fall_is_of_more_than_all() {
        // By the mean of all, a fall to next to nothing was one of 766 %.
        let told =
            |level: fn(u32) -> f64| steadiness(&(0..40).map(level).collect::<Vec<_>>(), &[80.0; 40], false).2;
        for (level, says) in [
            (|at| if at < 4 { 1_000.0 } else { 0.1 }, "throughput falls by 100.0 % at once, after"),
            (|at| if at < 10 { 1_000.0 } else { 250.0 }, "throughput falls by 75.0 % at once, after 10"),
            (|at| if at < 10 { 250.0 } else { 1_000.0 }, "throughput rises by 300.0 % at once, after 10"),
            (|at| if at < 10 { 0.0 } else { 1_000.0 }, "throughput rises from nothing at once, after 10"),
            (|at| 1_000.0 - 20.0 * f64::from(at), "throughput falls by 78.0 % over"),
        ] as [(fn(u32) -> f64, &str); 5]
        {
            let said = told(level);
            assert!(said.starts_with(says), "{says}: {said}");
        }
        // A fitted line may end below nothing.
        let steep: Vec<f64> = (0..40).map(|at| (1_000.0 - 50.0 * f64::from(at)).max(0.0)).collect();
        let fit = ramp(&steep);
        assert!(fit.before + fit.change < 0.0);
        assert_eq!(told_change(&fit), "falls by 100.0 %");
    }

    #[test]
    fn one_window_that_stumbles_and_changes_that_do_not_matter_are_steady() {
        let mut hiccup = vec![100.0; 40];
        hiccup[35] = 20.0;
        assert_eq!(steadiness(&hiccup, &[80.0; 40], true).1, Some(true));
        let drift: Vec<f64> = (0..40).map(|at| 100.0 + 0.01 * f64::from(at)).collect();
        assert_eq!(steadiness(&drift, &[80.0; 40], true).1, Some(true));
        assert_eq!(steadiness(&[100.0; 40], &[80.0; 40], true), (0, Some(true), String::new()));
    }

    #[test]
    fn few_windows_have_no_verdict_and_none_without_a_reply_breaks_it() {
        let (cut, steady, why) = steadiness(&[100.0; 9], &[80.0; 9], true);
        assert!((cut, steady) == (0, None) && why.contains("9 windows"));
        assert_eq!(steadiness(&[], &[], true).1, None);
        let mut p50 = vec![80.0; 20];
        (p50[0], p50[7]) = (0.0, f64::NAN);
        assert_eq!(steadiness(&[100.0; 20], &p50, true), (0, Some(true), String::new()));
        assert_eq!(steadiness(&[0.0; 20], &[0.0; 20], true).1, Some(true));
    }

    #[test]
    fn the_slope_is_that_of_a_published_line() {
        // Anscombe, "Graphs in Statistical Analysis" (1973), the first of the four, in order of x from 4 to 14: slope 0.500,
        // standard error of the slope 0.118, residual sum of squares 13.75.
        let ramp = ramp(&[4.26, 5.68, 7.24, 4.82, 6.95, 8.81, 8.04, 8.33, 10.84, 7.58, 9.96]);
        assert!((ramp.change / 10.0 - 0.500).abs() < 5e-4, "{}", ramp.change);
        assert!((ramp.squares - 13.75).abs() < 0.02, "{}", ramp.squares);
        assert!((ramp.error / 10.0 * (ramp.squares / 9.0).sqrt() - 0.118).abs() < 5e-4);
    }

    #[test]
    fn a_stall_is_never_taken_for_a_beginning_wherever_it_is() {
        // Cut off, it would be in no figure, and the row would be called steady.
        for at in 1..30 {
            let mut tps: Vec<f64> = (0..40).map(|window| 1_000.0 + f64::from(window * 7 % 5)).collect();
            let mut p50: Vec<f64> = (0..40).map(|window| 50.0 + f64::from(window * 3 % 4) / 10.0).collect();
            for window in at..at + 5 {
                (tps[window], p50[window]) = (0.0, 0.0);
            }
            (tps[at + 5], p50[at + 5]) = (6_000.0, 250_000.0);
            assert_eq!(steadiness(&tps, &p50, true).0, 0, "a stall at window {at}");
        }
    }

    #[test]
    fn nothing_is_cut_off_where_nothing_may_be() {
        let mut tps = vec![100.0, 300.0, 700.0];
        tps.extend((0..30).map(|window| 1_000.0 + f64::from(window % 3)));
        let p50 = vec![50.0; 33];
        assert_eq!(steadiness(&tps, &p50, true).0, 3);
        assert_eq!(steadiness(&tps, &p50, false).0, 0);
    }
}

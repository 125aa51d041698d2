//! Warm-up of a time series: where it comes to rest.

/// How many values at the beginning to leave out, at most `most`: where the mean of the rest is surest (White's MSER).
///
/// It weighs the spread of what remains against how much remains, so a flat series keeps nearly all of itself.
pub(super) fn truncation(series: &[f64], most: usize) -> usize {
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    // From the end, so that each is one step from the one before; moved, so that the squares stay small.
    let origin = series.last().copied().unwrap_or_default();
    for (cut, value) in series.iter().enumerate().rev() {
        let value = value - origin;
        (sum, squares, count) = (sum + value, squares + value * value, count + 1.0);
        let spread = (squares - sum * sum / count).max(0.0) / (count * count);
        if cut <= most && spread <= best.0 {
            best = (spread, cut);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_start_is_cut_off_where_it_ends() {
        let level = [100.0, 101.0, 99.0, 100.0, 101.0, 99.0, 100.0, 101.0, 99.0, 100.0, 100.0, 101.0];
        let mut series = vec![20.0, 50.0, 80.0];
        series.extend(level);
        assert_eq!(truncation(&series, 7), 3);
        assert_eq!(truncation(&level, 6), 0);
        assert_eq!(truncation(&[5.0; 12], 6), 0);
        assert_eq!(truncation(&[], 0), 0);
    }

    #[test]
    fn no_more_is_cut_than_may_be() {
        let late: Vec<f64> = (0..20).map(|at| if at < 15 { 10.0 } else { 90.0 }).collect();
        assert!(truncation(&late, 10) <= 10);
    }
}

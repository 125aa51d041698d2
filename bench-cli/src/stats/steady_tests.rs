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
    let steady = (0..1_000).filter(|_| steadiness(&series(5e4, 1), &series(80.0, -1), true).1 == Some(true));
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

//! Goals as text: `p99<2ms` is a limit, `tps<-3%` a change that is a regression.

use crate::metrics::Metric;

/// What has to hold: `value` is µs of a time, a share of errors, requests a second of tps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limit {
    pub(crate) text: String,
    pub(crate) metric: Metric,
    /// Whether the figure has to be below `value`, or above it.
    pub(crate) below: bool,
    pub(crate) value: f64,
}

/// A change against a baseline that is a regression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) text: String,
    pub(crate) metric: Metric,
    /// Whether falling is what is feared, or rising.
    pub(crate) falls: bool,
    /// By so much, as a share; below 0 where it falls.
    pub(crate) share: f64,
}

/// Metrics that a search can judge: what a user of a service sees.
pub(crate) const SERVICE: [Metric; 7] =
    [Metric::P50, Metric::P90, Metric::P99, Metric::P999, Metric::P9999, Metric::Max, Metric::Errors];

/// Limits such as `p99<2ms,errors<0.01%`, about the `allowed` metrics.
///
/// # Errors
///
/// A text that names the goal and says what is allowed.
pub(crate) fn limits(text: &str, allowed: &[Metric]) -> Result<Vec<Limit>, String> {
    text.split(',').map(|text| limit(text.trim(), allowed)).collect()
}

/// Changes such as `tps<-3%,p99>+5%`.
///
/// # Errors
///
/// A text that names the goal and says what is allowed.
pub(crate) fn changes(text: &str) -> Result<Vec<Change>, String> {
    text.split(',').map(|text| change(text.trim())).collect()
}

fn limit(text: &str, allowed: &[Metric]) -> Result<Limit, String> {
    let (metric, below, value) = parts(text, "p99<2ms", allowed)?;
    let value = match metric {
        Metric::Errors => share(value).filter(|share| (0.0..=1.0).contains(share)),
        Metric::Tps => crate::units::parse_rate(value).ok(),
        _ => time_us(value),
    };
    let unit = match metric {
        Metric::Errors => "a share such as 0.01%",
        Metric::Tps => "requests a second such as 20k",
        _ => "a time with µs (or us), ms or s, such as 2ms",
    };
    let value = value.ok_or_else(|| format!("{text}: behind {metric} stands {unit}"))?;
    if below == metric.more_is_better() {
        let sign = if below { '>' } else { '<' };
        return Err(format!("{text}: a limit says what has to hold; for {metric} write {sign}"));
    }
    Ok(Limit { text: text.to_owned(), metric, below, value })
}

fn change(text: &str) -> Result<Change, String> {
    // Errors have no ratio where there were none.
    let with_ratio: Vec<_> = Metric::ALL.into_iter().filter(|metric| *metric != Metric::Errors).collect();
    let (metric, falls, value) = parts(text, "tps<-3%", &with_ratio)?;
    let share =
        share(value).ok_or_else(|| format!("{text}: behind the sign stands a share such as -3% or +5%"))?;
    // Above 0 it rises, below it falls; `tps<+3%` would fail what is as it was.
    if share == 0.0 || (share < 0.0) != falls || share <= -1.0 {
        return Err(format!("{text}: write < before a share from -1% to -99%, > before one above 0"));
    }
    Ok(Change { text: text.to_owned(), metric, falls, share })
}

/// Name, whether the sign is `<`, and what stands behind it.
fn parts<'a>(text: &'a str, example: &str, allowed: &[Metric]) -> Result<(Metric, bool, &'a str), String> {
    let at = text.find(['<', '>']).ok_or_else(|| format!("`{text}`: write it as {example}"))?;
    let (name, rest) = text.split_at(at);
    let names: Vec<_> = allowed.iter().map(|metric| metric.name()).collect();
    let metric = allowed.iter().find(|metric| metric.name() == name.trim());
    let metric = metric
        .ok_or_else(|| format!("{text}: unknown metric `{}`; allowed: {}", name.trim(), names.join(", ")))?;
    Ok((*metric, rest.starts_with('<'), rest[1..].trim()))
}

fn share(text: &str) -> Option<f64> {
    let percent = text.strip_suffix('%')?.trim().parse::<f64>().ok()?;
    percent.is_finite().then_some(percent / 100.0)
}

/// µs of a time. Its unit has to be said.
fn time_us(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 4] = [("µs", 1.0), ("us", 1.0), ("ms", 1e3), ("s", 1e6)];
    let (number, unit) = UNITS.iter().find_map(|(name, us)| Some((text.strip_suffix(name)?, us)))?;
    let us = number.trim().parse::<f64>().ok()? * unit;
    (us.is_finite() && us > 0.0).then_some(us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_with_their_units() {
        let read = |text| {
            let limit = limits(text, &Metric::ALL).unwrap().remove(0);
            (limit.metric, limit.below, limit.value)
        };
        for (text, metric, value) in [
            ("p99<2ms", Metric::P99, 2_000.0),
            ("p50 < 80µs", Metric::P50, 80.0),
            ("p50<80us", Metric::P50, 80.0),
            ("max<1.5s", Metric::Max, 1.5e6),
            ("cpu_us<12us", Metric::CpuUs, 12.0),
        ] {
            assert_eq!(read(text), (metric, true, value), "{text}");
        }
        let (metric, below, value) = read("errors<0.01%");
        assert!(metric == Metric::Errors && below && (value - 1e-4).abs() < 1e-12);
        assert_eq!(read("tps>20k"), (Metric::Tps, false, 20_000.0));
        assert_eq!(limits("p99<2ms, errors<0.01%", &SERVICE).unwrap().len(), 2);
    }

    #[test]
    fn changes_are_shares_with_a_sign() {
        let read = changes("tps<-3%,p99>+5%,cpu_us>5%").unwrap();
        let read: Vec<_> = read.iter().map(|change| (change.metric, change.falls, change.share)).collect();
        assert_eq!(
            read,
            [(Metric::Tps, true, -0.03), (Metric::P99, false, 0.05), (Metric::CpuUs, false, 0.05)]
        );
    }

    #[test]
    fn wrong_goals_are_told_what_is_allowed() {
        for (text, told) in [
            ("p98<2ms", "unknown metric `p98`; allowed: p50, p90, p99, p999, p9999, max, errors"),
            ("tps>5", "unknown metric `tps`"),
            ("p99", "write it as p99<2ms"),
            ("p99<2", "a time with µs (or us), ms or s"),
            ("p99<-2ms", "a time with"),
            ("p99>2ms", "for p99 write <"),
            ("errors<1", "a share such as 0.01%"),
            ("errors<101%", "a share"),
            ("p99<2ms,,", "``"),
            ("", "``"),
        ] {
            let error = limits(text, &SERVICE).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
        for (text, told) in [
            ("tps<3%", "write < before"),
            ("tps>-3%", "write < before"),
            ("tps<-100%", "write < before"),
            ("tps<-3", "a share such as -3%"),
            ("errors>+5%", "unknown metric `errors`; allowed: tps"),
            ("p99=5%", "write it as tps<-3%"),
        ] {
            let error = changes(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}

//! Sizes and durations as text.

use std::time::Duration;

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

const DURATIONS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Bytes: `65536`, `64KiB`, `1MiB`.
pub(crate) fn parse_size(text: &str) -> Option<usize> {
    digits(text).or_else(|| with_unit(text, &SIZES)).and_then(|size| usize::try_from(size).ok())
}

/// A duration with its unit: `250ms`, `30s`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    with_unit(text, &DURATIONS).map(Duration::from_nanos)
}

pub(crate) fn show_size(size: usize) -> String {
    show(size as u64, &SIZES)
}

pub(crate) fn show_duration(duration: Duration) -> String {
    // Longer than any bound: reads back as something that is refused.
    show(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), &DURATIONS)
}

/// The largest unit that leaves no fraction.
fn show(value: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .find(|(_, unit)| value != 0 && value.is_multiple_of(*unit))
        .map_or_else(|| format!("0{}", units[0].0), |(name, unit)| format!("{}{name}", value / unit))
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(at);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    digits(number)?.checked_mul(*factor)
}

/// Digits only: `str::parse` would also take a sign.
pub(crate) fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_read_back_as_they_are_written() {
        for (text, bytes) in [("1B", 1), ("1000B", 1000), ("64KiB", 65536), ("3MiB", 3 << 20)] {
            assert_eq!(parse_size(text), Some(bytes));
            assert_eq!(show_size(bytes), text);
        }
        for (text, micros) in
            [("1500us", 1_500), ("250ms", 250_000), ("30s", 30_000_000), ("2m", 120_000_000)]
        {
            let duration = Duration::from_micros(micros);
            assert_eq!(parse_duration(text), Some(duration));
            assert_eq!(show_duration(duration), text);
        }
        assert_eq!(parse_size("65536"), Some(65536));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for text in ["", "+1", "-1", "1.5KiB", "KiB", "1kb", "1 KiB", "99999999999GiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
        for text in ["", "5", "s", "+5s", "1d", "99999999999h"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}

//! Sizes, rates, shares and durations, parsed and shown.

use std::time::Duration;

/// Units of a size, largest first.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Bytes of a text such as `4KiB`.
///
/// # Errors
///
/// A text that says what is allowed.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (count, unit) = text.split_at(digits);
    let unit = match unit.trim_start() {
        "" => Some(1),
        unit => SIZES.iter().find(|(name, _)| *name == unit).map(|(_, bytes)| *bytes),
    };
    let bytes = unit.zip(count.parse::<u64>().ok()).and_then(|(unit, count)| unit.checked_mul(count));
    bytes.ok_or_else(|| "allowed: a whole number with B, KiB (1024), MiB or GiB, such as 4KiB".to_owned())
}

/// `bytes` in the largest unit that divides it, so that it reads back the same.
pub fn size_text(bytes: u64) -> String {
    let fits = |(_, unit): &&(&str, u64)| bytes > 0 && bytes.is_multiple_of(*unit);
    let (name, unit) = SIZES.iter().find(fits).unwrap_or(&SIZES[3]);
    format!("{}{name}", bytes / unit)
}

/// A size within `least` and `most`.
pub fn parse_size_within(text: &str, least: u64, most: u64) -> Result<usize, String> {
    let bytes = parse_size(text)?;
    if (least..=most).contains(&bytes) {
        return Ok(bytes as usize);
    }
    Err(format!("allowed: {} to {}", size_text(least), size_text(most)))
}

/// A share such as `2.5%`, as a fraction, above 0 and up to 1.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    percent
        .filter(|percent| *percent > 0.0 && *percent <= 100.0)
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "allowed: a percentage above 0 and up to 100, such as 2.5%".to_owned())
}

/// Requests a second, such as `20k`, `1.5M` or `250/s`.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).trim();
    // As an exponent, so that 2.3M is 2,300,000 and not a little less.
    let rate = match number.strip_suffix(['k', 'M']) {
        Some(digits) => {
            format!("{}{}", digits.trim(), if number.ends_with('k') { "e3" } else { "e6" }).parse()
        }
        None => number.parse::<f64>(),
    };
    let rate = rate.ok();
    rate.filter(|rate| (0.1..=1e7).contains(rate))
        .ok_or_else(|| "allowed: 0.1 to 10M requests a second, such as 250, 20k or 1.5M".to_owned())
}

/// A duration such as `3s` within `least` and `most`.
pub fn parse_duration_within(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; allowed: a number with ms, s or m, such as 500ms or 3s"))?;
    if (least..=most).contains(&duration) {
        return Ok(duration);
    }
    let text = humantime::format_duration;
    Err(format!("allowed: {} to {}", text(least), text(most)))
}

/// `value` as a whole number with a comma every three digits.
pub fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.max(0.0));
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate as it was given, with a comma every three digits before the point.
pub fn rate(value: f64) -> String {
    let text = value.to_string();
    match text.split_once('.') {
        Some((before, behind)) => format!("{}.{behind}", whole(before.parse().unwrap_or_default())),
        None => whole(value),
    }
}

/// `value` with three significant digits or all before the point.
pub fn brief(value: f64) -> String {
    match value {
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => whole(value),
    }
}

/// The text of `value`, or `n/a`.
pub fn or_none(value: Option<f64>, text: fn(f64) -> String) -> String {
    value.map_or_else(|| "n/a".to_owned(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_reads_back_as_it_is_written() {
        for (text, bytes) in [("0B", 0), ("64B", 64), ("4KiB", 4096), ("4MiB", 4 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(parse_size(text), Ok(bytes));
            assert_eq!(size_text(bytes), text);
        }
        assert_eq!((parse_size("4096"), parse_size("4 KiB")), (Ok(4096), Ok(4096)));
    }

    #[test]
    fn a_wrong_size_is_told_what_is_allowed() {
        for text in ["", "KiB", "4KB", "4kib", "-1", "1.5KiB", "99999999999GiB"] {
            assert!(parse_size(text).unwrap_err().contains("KiB (1024)"), "{text}");
        }
        assert_eq!(parse_size_within("8B", 16, 4096), Err("allowed: 16B to 4KiB".to_owned()));
    }

    #[test]
    fn a_rate_may_be_in_thousands_and_a_share_is_a_percentage() {
        let rates = ["250", "20k", "1.5M", "20k/s", "0.5"];
        assert_eq!(rates.map(|text| parse_rate(text).unwrap()), [250.0, 20e3, 1.5e6, 20e3, 0.5]);
        for text in ["", "0", "k", "-5", "11M", "20K", "1/m", "nan", "inf"] {
            assert!(parse_rate(text).unwrap_err().contains("20k or 1.5M"), "{text}");
        }
        assert_eq!([parse_share("2.5%"), parse_share("100%")], [Ok(0.025), Ok(1.0)]);
        for text in ["", "2.5", "0%", "101%", "-1%", "nan%"] {
            assert!(parse_share(text).unwrap_err().contains("such as 2.5%"), "{text}");
        }
    }

    #[test]
    fn a_rate_is_written_as_it_was_given() {
        for (text, told) in [
            ("0.4", "0.4"),
            ("1.5", "1.5"),
            ("2.5/s", "2.5"),
            ("20k", "20,000"),
            ("2.3M", "2,300,000"),
            ("1234.25", "1,234.25"),
            ("0.1", "0.1"),
        ] {
            assert_eq!(rate(parse_rate(text).unwrap()), told, "{text}");
        }
    }

    #[test]
    fn a_duration_has_a_unit_and_bounds() {
        let within = |text| parse_duration_within(text, Duration::from_millis(10), Duration::from_secs(60));
        assert_eq!(within("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(within("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(within("1ms"), Err("allowed: 10ms to 1m".to_owned()));
        for text in ["", "3", "3 parsecs", "-1s"] {
            assert!(within(text).unwrap_err().contains("such as 500ms or 3s"), "{text}");
        }
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(["0", "999", "1,000", "1,234,568"], [0.0, 999.4, 999.9, 1_234_567.8].map(whole)[..]);
        assert_eq!(
            ["0.50", "9.99", "10.0", "99.9", "100", "1,234"],
            [0.5, 9.99, 9.995, 99.9, 99.96, 1234.4].map(brief)[..]
        );
    }
}

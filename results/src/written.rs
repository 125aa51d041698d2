//! Formatting of numbers and names for people, as Markdown.

/// `value` as a whole number with a comma every three digits.
pub(crate) fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.max(0.0));
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate as it was given, with a comma every three digits before the point.
pub(crate) fn rate(value: f64) -> String {
    let text = value.to_string();
    match text.split_once('.') {
        Some((before, behind)) => format!("{}.{behind}", whole(before.parse().unwrap_or_default())),
        None => whole(value),
    }
}

/// `value` with three significant digits, or all before the point.
pub(crate) fn brief(value: f64) -> String {
    match value {
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => whole(value),
    }
}

/// The text of `value`, or `n/a`.
pub(crate) fn or_none(value: Option<f64>, text: fn(f64) -> String) -> String {
    value.map_or_else(|| "n/a".to_owned(), text)
}

/// `bytes` in the largest unit that divides it.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes > 0 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes > 0 && bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}

/// `text` so that it stays within one field of a table, and is text there: no link, no picture, no element, and nothing that
/// acts on a terminal.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' => escaped.push_str("&#92;"),
            '|' | '[' | ']' | '`' => escaped.extend(['\\', c]),
            c if is_active(c) => escaped.extend(c.escape_default()),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Control characters, and those that turn the direction of text.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

//! Kinds of option values: which are allowed, and how they are written as text.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::value::{digits, parse_duration, parse_size, show_duration, show_size};

type Parse<T> = dyn Fn(&str) -> Option<T> + Send + Sync;

/// The values of an option, and their text.
pub(crate) struct Kind<T> {
    /// Which values are allowed, for a reader.
    pub(super) allowed: String,
    parse: Box<Parse<T>>,
    show: Box<dyn Fn(&T) -> String + Send + Sync>,
}

impl<T> Kind<T> {
    /// Text of its own: `parse` says `None` to what is not allowed, and takes what `show` makes of a value that is.
    pub(crate) fn new(
        allowed: impl Into<String>,
        parse: impl Fn(&str) -> Option<T> + Send + Sync + 'static,
        show: impl Fn(&T) -> String + Send + Sync + 'static,
    ) -> Self {
        Self { allowed: allowed.into(), parse: Box::new(parse), show: Box::new(show) }
    }

    /// The value that `text` stands for, or `None` when it is not allowed.
    pub(super) fn parse(&self, text: &str) -> Option<T> {
        (self.parse)(text)
    }

    /// Text that [`parse`](Self::parse) takes, unless the value is out of bounds.
    pub(super) fn show(&self, value: &T) -> String {
        (self.show)(value)
    }
}

/// Connections, channels and the like.
pub(crate) const COUNT: RangeInclusive<usize> = 1..=65_535;
/// How long something may take.
pub(crate) const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
/// Bytes of a buffer.
pub(crate) const BUFFER: RangeInclusive<usize> = 1024..=1 << 30;

/// On or off.
pub(crate) fn flag() -> Kind<bool> {
    one_of(&[("true", true), ("false", false)])
}

/// A number of things.
pub(crate) fn count(range: RangeInclusive<usize>) -> Kind<usize> {
    within(range, |text| digits(text)?.try_into().ok(), |count| count.to_string())
}

/// A number of bytes: `65536`, `64KiB`, `1MiB`.
pub(crate) fn size(range: RangeInclusive<usize>) -> Kind<usize> {
    within(range, parse_size, show_size)
}

/// Bytes of a socket's buffer, or the system's choice.
pub(crate) fn socket_buffer() -> Kind<Option<usize>> {
    or("system", size(BUFFER))
}

/// A duration with its unit: `250ms`, `30s`.
pub(crate) fn span(range: RangeInclusive<Duration>) -> Kind<Duration> {
    within(range, parse_duration, show_duration)
}

/// A value between two others.
fn within<T: Copy + PartialOrd + Send + Sync + 'static>(
    range: RangeInclusive<T>,
    parse: fn(&str) -> Option<T>,
    show: fn(T) -> String,
) -> Kind<T> {
    let allowed = format!("{} to {}", show(*range.start()), show(*range.end()));
    Kind::new(
        allowed,
        move |text| parse(text).filter(|value| range.contains(value)),
        move |value| show(*value),
    )
}

/// One of several names.
pub(crate) fn one_of<T: Copy + PartialEq + Sync>(names: &'static [(&'static str, T)]) -> Kind<T> {
    let allowed = names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    Kind::new(
        allowed,
        move |text| names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value),
        move |value| {
            let known = names.iter().find(|(_, known)| known == value);
            known.map_or_else(String::new, |(name, _)| (*name).to_owned())
        },
    )
}

/// A value of `kind`, or none, which is written as `word`.
pub(crate) fn or<T: 'static>(word: &'static str, kind: Kind<T>) -> Kind<Option<T>> {
    or_noted(word, "", kind)
}

/// As [`or`], with something to say about the word where the allowed values are told.
pub(crate) fn or_noted<T: 'static>(word: &'static str, note: &str, kind: Kind<T>) -> Kind<Option<T>> {
    let Kind { allowed, parse, show } = kind;
    Kind::new(
        format!("{word}{note}, {allowed}"),
        move |text| if text == word { Some(None) } else { parse(text).map(Some) },
        move |value| value.as_ref().map_or_else(|| word.to_owned(), &show),
    )
}

/// What only some systems have; elsewhere `otherwise` alone is allowed.
pub(crate) fn only_where<T>(has: bool, kind: Kind<T>, otherwise: T) -> Kind<T>
where
    T: PartialEq + Send + Sync + 'static,
{
    if has {
        return kind;
    }
    let Kind { parse, show, .. } = kind;
    Kind::new(show(&otherwise), move |text| parse(text).filter(|value| *value == otherwise), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_some_systems_have_is_one_value_elsewhere() {
        for (has, parsed, allowed) in [(true, Some(true), "true, false"), (false, None, "false")] {
            let reuse = only_where(has, flag(), false);
            assert_eq!((reuse.parse("true"), &*reuse.allowed), (parsed, allowed));
            assert_eq!(reuse.parse("false"), Some(false));
        }
    }

    #[test]
    fn a_count_takes_digits_within_its_bounds_only() {
        let texts = ["0", "1", "3", "4", "+1", ""];
        assert_eq!(texts.map(|text| count(1..=3).parse(text)), [None, Some(1), Some(3), None, None, None]);
        assert_eq!(flag().parse("yes"), None);
    }
}

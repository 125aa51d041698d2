//! Kinds of option values: which are allowed, and how they are written as text.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::value::{digits, parse_duration, parse_size, show_duration, show_size};

/// The values of an option, and their text.
pub(crate) trait Kind {
    type Value;

    /// The value that `text` stands for, or `None` when it is not allowed.
    fn parse(&self, text: &str) -> Option<Self::Value>;

    /// Text that [`parse`](Self::parse) takes, unless the value is out of bounds.
    fn show(&self, value: &Self::Value) -> String;

    /// Which values are allowed, for a reader.
    fn allowed(&self) -> String;
}

/// Connections, channels and the like.
pub(crate) const COUNT: Within<usize> = count(1..=65_535);
/// How long something may take.
pub(crate) const TIMEOUT: Within<Duration> = span(Duration::from_millis(1)..=Duration::from_secs(3600));
/// Bytes of a buffer.
pub(crate) const BUFFER: Within<usize> = size(1024..=1 << 30);
/// Bytes of a socket's buffer, or the system's choice.
pub(crate) const SOCKET_BUFFER: Or<Within<usize>> = or("system", BUFFER);

/// On or off.
pub(crate) struct Flag;

/// A value between two others.
pub(crate) struct Within<T> {
    range: RangeInclusive<T>,
    parse: fn(&str) -> Option<T>,
    show: fn(T) -> String,
}

/// A number of things.
pub(crate) const fn count(range: RangeInclusive<usize>) -> Within<usize> {
    Within { range, parse: |text| digits(text)?.try_into().ok(), show: |count| count.to_string() }
}

/// A number of bytes: `65536`, `64KiB`, `1MiB`.
pub(crate) const fn size(range: RangeInclusive<usize>) -> Within<usize> {
    Within { range, parse: parse_size, show: show_size }
}

/// A duration with its unit: `250ms`, `30s`.
pub(crate) const fn span(range: RangeInclusive<Duration>) -> Within<Duration> {
    Within { range, parse: parse_duration, show: show_duration }
}

/// One of several names.
pub(crate) struct OneOf<T: 'static>(pub(crate) &'static [(&'static str, T)]);

/// A value of `kind`, or none, which is written as `word`.
pub(crate) struct Or<K> {
    word: &'static str,
    /// What stands behind the word where the allowed values are told.
    note: &'static str,
    kind: K,
}

/// See [`Or`].
pub(crate) const fn or<K>(word: &'static str, kind: K) -> Or<K> {
    or_noted(word, "", kind)
}

/// As [`or`], with something to say about the word.
pub(crate) const fn or_noted<K>(word: &'static str, note: &'static str, kind: K) -> Or<K> {
    Or { word, note, kind }
}

/// What only some systems have; elsewhere `value` alone is allowed.
pub(crate) struct Where<K: Kind> {
    pub(crate) has: bool,
    pub(crate) kind: K,
    pub(crate) otherwise: K::Value,
}

/// Text of its own.
pub(crate) struct Text<T> {
    pub(crate) allowed: &'static str,
    pub(crate) parse: fn(&str) -> Option<T>,
    pub(crate) show: fn(&T) -> String,
}

impl Kind for Flag {
    type Value = bool;

    fn parse(&self, text: &str) -> Option<bool> {
        text.parse().ok()
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }

    fn allowed(&self) -> String {
        "true, false".to_owned()
    }
}

impl<T: Copy + PartialOrd> Kind for Within<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        (self.parse)(text).filter(|value| self.range.contains(value))
    }

    fn show(&self, value: &T) -> String {
        (self.show)(*value)
    }

    fn allowed(&self) -> String {
        format!("{} to {}", self.show(self.range.start()), self.show(self.range.end()))
    }
}

impl<T: Copy + PartialEq> Kind for OneOf<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        self.0.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
    }

    fn show(&self, value: &T) -> String {
        self.0
            .iter()
            .find(|(_, known)| known == value)
            .map_or_else(String::new, |(name, _)| (*name).to_owned())
    }

    fn allowed(&self) -> String {
        self.0.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

impl<K: Kind> Kind for Or<K> {
    type Value = Option<K::Value>;

    fn parse(&self, text: &str) -> Option<Self::Value> {
        if text == self.word { Some(None) } else { self.kind.parse(text).map(Some) }
    }

    fn show(&self, value: &Self::Value) -> String {
        value.as_ref().map_or_else(|| self.word.to_owned(), |value| self.kind.show(value))
    }

    fn allowed(&self) -> String {
        format!("{}{}, {}", self.word, self.note, self.kind.allowed())
    }
}

impl<K: Kind<Value: PartialEq>> Kind for Where<K> {
    type Value = K::Value;

    fn parse(&self, text: &str) -> Option<K::Value> {
        self.kind.parse(text).filter(|value| self.has || *value == self.otherwise)
    }

    fn show(&self, value: &K::Value) -> String {
        self.kind.show(value)
    }

    fn allowed(&self) -> String {
        if self.has { self.kind.allowed() } else { self.kind.show(&self.otherwise) }
    }
}

impl<T> Kind for Text<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        (self.parse)(text)
    }

    fn show(&self, value: &T) -> String {
        (self.show)(value)
    }

    fn allowed(&self) -> String {
        self.allowed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_some_systems_have_is_one_value_elsewhere() {
        let reuse = |has| Where { has, kind: Flag, otherwise: false };
        assert_eq!((reuse(true).parse("true"), reuse(true).allowed().as_str()), (Some(true), "true, false"));
        assert_eq!((reuse(false).parse("true"), reuse(false).allowed().as_str()), (None, "false"));
        assert_eq!(reuse(false).parse("false"), Some(false));
    }

    #[test]
    fn a_count_takes_digits_within_its_bounds_only() {
        let texts = ["0", "1", "3", "4", "+1", ""];
        assert_eq!(texts.map(|text| count(1..=3).parse(text)), [None, Some(1), Some(3), None, None, None]);
        assert_eq!(Flag.parse("yes"), None);
    }
}

//! Text from run files, peers and the system as plain text: nothing in it moves a terminal's cursor, changes its colours,
//! turns the direction of what follows, or begins a line of its own.

/// `text` for one line or field: what would act on a terminal, line breaks among it, is written as an escape such as
/// `\u{1b}` or `\n`.
pub(crate) fn line(text: &str) -> String {
    shown(text, |_| false)
}

/// The same for text of several lines: line feeds stay.
pub(crate) fn lines(text: &str) -> String {
    shown(text, |c| c == '\n')
}

fn shown(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match is_active(c) && !stays(c) {
            true => plain.extend(c.escape_default()),
            false => plain.push(c),
        }
    }
    plain
}

/// Control characters, those that turn the direction of text, and the line breaks of Unicode.
pub(super) fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_on_a_terminal_is_shown_and_all_else_stays() {
        for (text, plain) in [
            ("tcp 16 x 4KiB, 1.5 µs – n/a", "tcp 16 x 4KiB, 1.5 µs – n/a"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
            ("one\r\ntwo\t", "one\\r\\ntwo\\t"),
            ("\u{9b}31m\u{202e}dessap", "\\u{9b}31m\\u{202e}dessap"),
        ] {
            assert_eq!(line(text), plain);
        }
        assert_eq!(lines("one\ntwo\r\u{1b}"), "one\ntwo\\r\\u{1b}");
    }
}

//! What a scenario says of a double, compared with what it is to say.

/// Whether `violation` is the sentence `says`, in which each `#` stands for a number or a time. A `…` at its end stands for
/// whatever follows.
pub(super) fn is_said(says: &str, violation: &str) -> bool {
    let (says, is_open) = says.strip_suffix('…').map_or((says, false), |begins| (begins, true));
    let mut parts = says.split('#');
    let begins = parts.next().and_then(|first| violation.strip_prefix(first));
    let rest =
        begins.and_then(|rest| parts.try_fold(rest, |rest, part| after_number(rest)?.strip_prefix(part)));
    rest.is_some_and(|rest| is_open || rest.is_empty())
}

/// What follows a number at the beginning of `text`, with its unit if it is a time.
fn after_number(text: &str) -> Option<&str> {
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let rest =
        digits.strip_prefix('.').map(|rest| rest.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    let units = ["ns", "µs", "ms", "s"];
    let rest = rest.unwrap_or(digits);
    (digits.len() < text.len()).then(|| units.iter().find_map(|unit| rest.strip_prefix(unit)).unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_compared_from_its_first_word_to_its_last_but_for_numbers() {
        // Broken by a comparison to which a few words of a sentence will do: other mistakes are told by them too.
        let says = "call # ended after #, its deadline was #";
        assert!(is_said(says, "call 11 ended after 204ms, its deadline was 131ms"));
        assert!(is_said(says, "call 11 ended after 1.5s, its deadline was 131.25µs"));
        assert!(!is_said(says, "the second time: call 11 ended after 204ms, its deadline was 131ms"));
        assert!(!is_said(says, "call 11 ended after 204ms, its deadline was 131ms before"));
        assert!(!is_said(says, "call ended after 204ms, its deadline was 131ms"));
        assert!(
            is_said("2 channels, not #", "2 channels, not 1")
                && !is_said("2 channels, not #", "3 channels, not 1")
        );
        assert!(is_said("sent at […", "sent at [1ms, 2ms]") && !is_said("sent at […", "was sent at [1ms]"));
    }
}

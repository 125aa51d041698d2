//! All cases, a file or a folder a group.

mod calls;
mod cancel;
mod close;
mod establish;
mod flow;
mod framing;
mod integrity;
mod reconnect;
mod special;

use super::case::Case;

/// Every case of every group, in the order of their ids.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let groups = [
        establish::CASES,
        integrity::CASES,
        close::CASES,
        cancel::CASES,
        flow::CASES,
        framing::CASES,
        calls::CASES,
        reconnect::CASES,
        special::CASES,
    ];
    groups.into_iter().flatten()
}

/// Most bytes that a transport may take while its peer does not read: far more than any socket buffer of a default system, and
/// little enough to be noticed in memory.
const MOST_UNREAD: u64 = 64 << 20;

/// The case with this id, such as `A01`, whatever its letters' case.
#[must_use]
pub fn case(id: &str) -> Option<&'static Case> {
    cases().find(|case| case.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_a_letter_and_two_digits_in_order_and_names_are_unique() {
        let all: Vec<_> = cases().collect();
        for pair in all.windows(2) {
            assert!(pair[0].id < pair[1].id, "{} before {}", pair[0].id, pair[1].id);
            assert!(all.iter().filter(|other| other.name == pair[0].name).count() == 1, "{}", pair[0].name);
        }
        for case in all {
            let id = case.id.as_bytes();
            assert!(id.len() == 3 && id[0].is_ascii_uppercase() && id[1..].iter().all(u8::is_ascii_digit));
            assert!(
                case.name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            );
            assert!(
                case.priority <= 2 && case.checks.ends_with(['.', ')']) && !case.sources.is_empty(),
                "{}",
                case.id
            );
        }
    }

    #[test]
    fn a_case_is_found_by_its_id() {
        assert_eq!(case("a01").map(|case| case.name), Some("connect_accept"));
        assert!(case("Z99").is_none());
    }
}

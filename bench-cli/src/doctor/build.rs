//! How this program was built.

use super::finding::Finding;
use crate::machine::OPT_LEVEL;

/// Whether the build is optimised, and free of checks that a user's program would not have.
pub(crate) fn build() -> Finding {
    judge(OPT_LEVEL, cfg!(debug_assertions))
}

fn judge(opt_level: &str, assertions: bool) -> Finding {
    let found =
        format!("optimisation level {opt_level}, debug assertions {}", if assertions { "on" } else { "off" });
    match (opt_level, assertions) {
        ("0", _) => Finding::spoilt(
            "build",
            found,
            "every figure: they mean nothing",
            "build it with `cargo build --release`",
        ),
        (_, true) => Finding::spoilt(
            "build",
            found,
            "throughput and CPU, somewhat",
            "build it with `cargo build --release`",
        ),
        _ => Finding::fine("build", found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn only_an_optimised_build_without_assertions_is_fine() {
        assert_eq!(judge("3", false).verdict, Verdict::Fine);
        assert_eq!(judge("3", true).verdict, Verdict::MaySpoil);
        assert!(judge("0", false).spoils.contains("mean nothing"));
    }
}

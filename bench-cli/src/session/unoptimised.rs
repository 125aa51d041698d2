//! A build without optimisation measures itself.

const WARNING: &str = "THIS BUILD IS NOT OPTIMISED; ITS FIGURES MEAN NOTHING";

/// What a run by a build of that optimisation level has to say, if anything.
///
/// # Errors
///
/// Why there is no such run, unless `force` wants it all the same.
pub(super) fn tried(opt_level: &str, force: bool) -> Result<Option<&'static str>, &'static str> {
    match (opt_level, force) {
        ("0", false) => {
            Err("this build is not optimised; build it with `cargo build --release`, or say --force")
        }
        ("0", true) => Ok(Some(WARNING)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_14_a_build_without_optimisation_measures_only_when_forced_and_its_run_says_so() {
        assert!(tried("0", false).unwrap_err().contains("--force"));
        assert_eq!(tried("0", true), Ok(Some(WARNING)));
        for level in ["1", "2", "3", "s", "z"] {
            assert_eq!(tried(level, false), Ok(None));
        }
    }
}

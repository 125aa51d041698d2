//! The command line that starts this program, for hints how to run something again.

use std::env;
use std::path::Path;

/// What stands before the program's arguments: by cargo where cargo has started it, else its path.
pub(crate) fn this_program() -> String {
    let exe = env::current_exe().unwrap_or_default();
    command_of(&exe, env::var("CARGO_PKG_NAME").ok().as_deref())
}

/// As [`this_program`], for one of the tests of the program, whose name is `test`.
pub(crate) fn this_test(test: &str) -> String {
    let package = env::var("CARGO_PKG_NAME").map(|package| format!(" -p {package}")).unwrap_or_default();
    format!("cargo test{package} -- --exact {test}")
}

fn command_of(exe: &Path, package: Option<&str>) -> String {
    let stem = exe.file_stem().unwrap_or_default().to_string_lossy();
    let is_example = exe.parent().is_some_and(|folder| folder.ends_with("examples"));
    match package {
        Some(package) if is_example => format!("cargo run -p {package} --example {stem} --"),
        Some(package) => format!("cargo run -p {package} --"),
        None => exe.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_the_users_own_program() {
        // Broken by a hint that names this crate, in a program of a user's own.
        let exe = Path::new("/target/debug/examples/mine");
        assert_eq!(command_of(exe, Some("theirs")), "cargo run -p theirs --example mine --");
        assert_eq!(command_of(Path::new("/target/debug/mine"), Some("theirs")), "cargo run -p theirs --");
        assert_eq!(command_of(Path::new("/usr/bin/mine"), None), "/usr/bin/mine");
    }
}

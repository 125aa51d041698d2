//! Selection by the names of a command line.

/// Those of `all` that are `given` by name, in the order of `all`; `all` is every one.
///
/// # Errors
///
/// A text that names the flag, the value and what there is.
pub(super) fn named<T>(
    flag: &str,
    given: &[String],
    all: impl IntoIterator<Item = T>,
    name_of: impl Fn(&T) -> &str,
) -> Result<Vec<T>, String> {
    matching(flag, given, all, name_of, |given, name| given == "all" || given == name)
}

/// As [`named`], for the one of this name.
///
/// # Errors
///
/// As [`named`].
pub(super) fn one<T: Clone>(
    flag: &str,
    given: &str,
    all: &[T],
    name_of: impl Fn(&T) -> &str,
) -> Result<T, String> {
    let found =
        matching(flag, &[given.to_owned()], all.iter().cloned(), name_of, |given, name| given == name)?;
    Ok(found.into_iter().next().expect("what matches nothing is an error"))
}

/// As [`named`], for those whose name `means` says that a value means.
///
/// # Errors
///
/// As [`named`].
pub(super) fn matching<T>(
    flag: &str,
    given: &[String],
    all: impl IntoIterator<Item = T>,
    name_of: impl Fn(&T) -> &str,
    means: fn(&str, &str) -> bool,
) -> Result<Vec<T>, String> {
    let all: Vec<_> = all.into_iter().collect();
    if let Some(value) = given.iter().find(|value| !all.iter().any(|one| means(value, name_of(one)))) {
        let known: Vec<_> = all.iter().map(&name_of).collect();
        return Err(format!("{flag}: there is no `{value}`; there are: {}", known.join(", ")));
    }
    Ok(all.into_iter().filter(|one| given.iter().any(|value| means(value, name_of(one)))).collect())
}

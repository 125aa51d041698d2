//! From names to scenarios and worlds.

use std::sync::Arc;

use crate::cli::plan::check;
use crate::scenario::Scenario;
use crate::world::World;

/// Those of `all` that are named, in their order; `all` is every one.
///
/// # Errors
///
/// A text that names the flag, the value and what there is.
pub(super) fn scenarios(named: &[String], all: &[Arc<Scenario>]) -> Result<Vec<Arc<Scenario>>, String> {
    let known: Vec<_> = all.iter().map(|scenario| scenario.name).collect();
    check("--scenario", named, &known, |name, known| name == "all" || name == known)?;
    Ok(all.iter().filter(|scenario| is_among(scenario.name, named)).cloned().collect())
}

/// As [`scenarios`], for worlds.
///
/// # Errors
///
/// As [`scenarios`].
pub(super) fn worlds(named: &[String], all: &[Arc<dyn World>]) -> Result<Vec<Arc<dyn World>>, String> {
    let known: Vec<_> = all.iter().map(|world| world.name()).collect();
    check("--world", named, &known, |name, known| name == "all" || name == known)?;
    Ok(all.iter().filter(|world| is_among(world.name(), named)).cloned().collect())
}

/// The scenario of this name.
///
/// # Errors
///
/// As [`scenarios`].
pub(super) fn scenario(name: &str, all: &[Arc<Scenario>]) -> Result<Arc<Scenario>, String> {
    one("--scenario", name, all, |scenario| scenario.name)
}

/// The world of this name.
///
/// # Errors
///
/// As [`scenarios`].
pub(super) fn world(name: &str, all: &[Arc<dyn World>]) -> Result<Arc<dyn World>, String> {
    one("--world", name, all, |world| world.name())
}

fn one<T: Clone>(flag: &str, name: &str, all: &[T], name_of: fn(&T) -> &str) -> Result<T, String> {
    let known: Vec<_> = all.iter().map(name_of).collect();
    check(flag, &[name.to_owned()], &known, |name, known| name == known)?;
    let found = all.iter().find(|one| name_of(one) == name);
    Ok(found.expect("it was checked to be there").clone())
}

fn is_among(name: &str, named: &[String]) -> bool {
    named.iter().any(|named| named == "all" || named == name)
}

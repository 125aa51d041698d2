//! Scenarios and networks by name.

use std::sync::Arc;

use crate::cli::plan::check;
use crate::network::Network;
use crate::scenario::Scenario;

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

/// As [`scenarios`], for networks.
///
/// # Errors
///
/// As [`scenarios`].
pub(super) fn networks(named: &[String], all: &[Arc<dyn Network>]) -> Result<Vec<Arc<dyn Network>>, String> {
    let known: Vec<_> = all.iter().map(|network| network.name()).collect();
    check("--network", named, &known, |name, known| name == "all" || name == known)?;
    Ok(all.iter().filter(|network| is_among(network.name(), named)).cloned().collect())
}

/// The scenario of this name.
///
/// # Errors
///
/// As [`scenarios`].
pub(super) fn scenario(name: &str, all: &[Arc<Scenario>]) -> Result<Arc<Scenario>, String> {
    one("--scenario", name, all, |scenario| scenario.name)
}

/// The network of this name.
///
/// # Errors
///
/// As [`scenarios`].
pub(super) fn network(name: &str, all: &[Arc<dyn Network>]) -> Result<Arc<dyn Network>, String> {
    one("--network", name, all, |network| network.name())
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

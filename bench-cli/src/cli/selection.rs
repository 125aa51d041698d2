//! Transports, stacks, protocols and options by their names on the command line.

use std::sync::Arc;

use listenrain::{Endpoint, Transport};

use crate::drive::{Registry, Stack};
use crate::load::ProtocolChoice;

/// Stacks that are there where the feature `peers` is on.
const PEERS: [&str; 3] = ["tarpc", "tonic", "capnp"];

/// The stack of that name, or the default.
///
/// # Errors
///
/// A text for the user that says what is allowed.
pub(super) fn stack<'a>(name: Option<&str>, registry: &'a Registry) -> Result<&'a dyn Stack, String> {
    let Some(name) = name else {
        return registry
            .stacks()
            .first()
            .map(|stack| &**stack)
            .ok_or_else(|| "no stack is built in".to_owned());
    };
    let names: Vec<_> = registry.stacks().iter().map(|stack| stack.name()).collect();
    let found = registry.stack(name).map(|stack| &**stack);
    found.ok_or_else(|| match cfg!(not(feature = "peers")) && PEERS.contains(&name) {
        true => {
            format!("--stack {name}: this program was built without peers; build it with `--features peers`")
        }
        false => format!("--stack {name}: unknown; allowed: {}", names.join(", ")),
    })
}

/// The protocol asked for, if `stack` speaks it, or its own.
pub(super) fn protocol(asked: Option<ProtocolChoice>, stack: &dyn Stack) -> Result<ProtocolChoice, String> {
    let spoken = stack.protocols();
    match asked {
        // A stack that has no choice takes whatever protocol the others are measured with.
        Some(asked) if spoken.iter().any(|spoken| spoken.is_a_choice()) => {
            let names: Vec<_> = spoken.iter().map(ToString::to_string).collect();
            let unknown = || format!("--protocol {asked}: {} speaks {}", stack.name(), names.join(", "));
            spoken.contains(&asked).then_some(asked).ok_or_else(unknown)
        }
        _ => Ok(spoken[0]),
    }
}

/// The schemes asked for, of which `all` is every transport of single endpoints: a list is its members, which are
/// measured by themselves.
pub(super) fn transports(asked: &[String], registry: &Registry) -> Result<Vec<String>, String> {
    match asked {
        [] => Ok(vec![default_transport(registry)?]),
        [all] if all == "all" => {
            let singles = registry.transports().filter(|known| !known.scratch_endpoint().is_list());
            Ok(singles.map(|known| known.scheme().to_owned()).collect())
        }
        some => some.iter().map(|scheme| known_transport(scheme, registry)).collect(),
    }
}

/// The endpoint that stands behind `flag`, and the transport that understands it.
///
/// # Errors
///
/// A text for the user that says what is wrong with it, or what is allowed.
pub(super) fn endpoint<'a>(
    flag: &str,
    text: &str,
    registry: &'a Registry,
) -> Result<(Endpoint, &'a Arc<dyn Transport>), String> {
    let endpoint: Endpoint = text.parse().map_err(|error| format!("{flag}: {error}"))?;
    let known = registry.for_endpoint(&endpoint).map_err(|error| format!("{flag} {endpoint}: {error}"))?;
    Ok((endpoint, known))
}

/// The scheme of a live server's endpoint.
pub(super) fn targets(target: &str, asked: &[String], registry: &Registry) -> Result<String, String> {
    let (_, known) = endpoint("--target", target, registry)?;
    let scheme = known.scheme().to_owned();
    match asked.iter().find(|other| **other != scheme) {
        Some(other) => Err(format!("--transport {other} does not go with --target {target}")),
        None => Ok(scheme),
    }
}

fn default_transport(registry: &Registry) -> Result<String, String> {
    let first = registry.schemes().first().map(|scheme| (*scheme).to_owned());
    first.ok_or_else(|| "no transport is registered".to_owned())
}

fn known_transport(scheme: &str, registry: &Registry) -> Result<String, String> {
    let allowed = || {
        let alone = if scheme == "all" { "stands alone" } else { "unknown" };
        format!("transport {scheme}: {alone}; allowed: all, {}", registry.schemes().join(", "))
    };
    registry.transport(scheme).map(|known| known.scheme().to_owned()).ok_or_else(allowed)
}

pub(super) type SchemeOption = (String, String, String);

/// What `--set` says: scheme, name, value, each tried on its transport before anything runs.
pub(super) fn options(
    set: &[String],
    transports: &[String],
    registry: &Registry,
) -> Result<Vec<SchemeOption>, String> {
    let mut options = Vec::new();
    for text in set {
        let parts = text.split_once('=').and_then(|(key, value)| Some((key.split_once('.')?, value)));
        let Some(((scheme, name), value)) = parts else {
            return Err(format!("--set {text}: write it as SCHEME.NAME=VALUE, such as tcp.nodelay=false"));
        };
        if !transports.iter().any(|transport| transport == scheme) {
            return Err(format!("--set {text}: {scheme} is not measured; it is {}", transports.join(", ")));
        }
        if let Some(known) = registry.transport(scheme) {
            let endpoint = known.scratch_endpoint().with_option(name, value);
            known.dialer(&endpoint).map_err(|error| format!("--set {text}: {}", error.why))?;
        }
        options.push((scheme.to_owned(), name.to_owned(), value.to_owned()));
    }
    Ok(options)
}

/// Refuses a value that stands in its list twice.
pub(super) fn once(flag: &str, values: impl IntoIterator<Item = impl ToString>) -> Result<(), String> {
    let mut seen = Vec::new();
    for value in values {
        let value = value.to_string();
        if seen.contains(&value) {
            return Err(format!("{flag} {value}: given twice"));
        }
        seen.push(value);
    }
    Ok(())
}

//! `bench-cli transports`: what is registered.

use std::fmt::Write;

use listenrain::transport::OptionInfo;

use crate::drive::Registry;

/// Schemes with their capabilities and options, and the stacks with their protocols.
pub(super) fn listing(registry: &Registry) -> String {
    let mut text = String::new();
    for transport in registry.transports() {
        let (scheme, names) = (transport.scheme(), transport.capabilities().names());
        let capabilities =
            if names.is_empty() { "none beyond carrying bytes".to_owned() } else { names.join(", ") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{scheme}://\n  can: {capabilities}");
        for OptionInfo { name, meaning, allowed, default, .. } in transport.options() {
            let _ = writeln!(text, "  --set {scheme}.{name}=…  {meaning}; {allowed}; default {default}");
        }
    }
    for stack in registry.stacks() {
        let protocols: Vec<_> = stack.protocols().iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "stack {} ({})", stack.name(), protocols.join(", "));
    }
    text
}

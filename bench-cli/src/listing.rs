//! `bench-cli transports`: what is registered.

use std::fmt::Write;

use crate::registry::Registry;

/// Schemes with their capabilities and options, and the stacks with their protocols.
pub(crate) fn listing(registry: &Registry) -> String {
    let mut text = String::new();
    for known in registry.transports() {
        let names = known.transport.capabilities().names();
        let capabilities =
            if names.is_empty() { "none beyond carrying bytes".to_owned() } else { names.join(", ") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}://\n  can: {capabilities}", known.transport.scheme());
        for (name, meaning) in &known.options {
            let _ = writeln!(text, "  --set {}.{name}=…  {meaning}", known.transport.scheme());
        }
    }
    for stack in registry.stacks() {
        let protocols: Vec<_> = stack.protocols().iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "stack {} ({})", stack.name(), protocols.join(", "));
    }
    text
}

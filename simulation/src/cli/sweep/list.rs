//! `list`: scenarios and networks, which of them go together, and what can go wrong.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::args::ListArgs;
use crate::cli::Tool;
use crate::cli::exit::{Done, Exit};
use crate::cli::output::{Output, show};
use crate::faults::{Family, FaultKind};
use crate::scenario::Scenario;

/// Version of this schema. It grows by one whenever a reader of the last one could go wrong.
const SCHEMA: u32 = 2;

/// Prints what `tool` has.
pub(in crate::cli) fn list(args: &ListArgs, tool: &Tool) -> Done {
    let json = Output::json(args.json.as_deref())?;
    Ok(Exit::Well.after(show(&describe(tool), json, document(tool))))
}

/// The networks on which `scenario` is played.
fn networks_of<'a>(scenario: &Scenario, tool: &'a Tool) -> Vec<&'a str> {
    let played = tool.networks.iter().filter(|network| scenario.applies_to(&***network));
    played.map(|network| network.name()).collect()
}

fn document(tool: &Tool) -> Value {
    let scenarios = tool.scenarios.iter().map(|scenario| {
        let situations: Vec<_> = scenario.situations.iter().map(ToString::to_string).collect();
        json!({ "name": scenario.name, "meaning": scenario.meaning, "worlds": networks_of(scenario, tool),
            "faults": scenario.faults, "situations": situations })
    });
    let networks = tool.networks.iter().map(|network| {
        let families: Vec<_> = network.families().iter().copied().map(family_name).collect();
        json!({ "name": network.name(), "meaning": network.meaning(),
            "deterministic": network.is_deterministic(), "families": families })
    });
    let faults = FaultKind::ALL.iter().map(|kind| {
        json!({ "name": kind, "meaning": kind.meaning(), "family": family_name(kind.family()),
            "amount": kind.amount() })
    });
    let (scenarios, networks, faults) = (scenarios.collect(), networks.collect(), faults.collect());
    let [scenarios, networks, faults]: [Vec<Value>; 3] = [scenarios, networks, faults];
    json!({ "schema": SCHEMA, "scenarios": scenarios, "worlds": networks, "faults": faults })
}

fn describe(tool: &Tool) -> String {
    let mut text = matrix(tool);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\nnetworks");
    for network in &tool.networks {
        let repeats = if network.is_deterministic() { "repeats exactly" } else { "does not repeat exactly" };
        let families: Vec<_> = network.families().iter().copied().map(family_name).collect();
        let (name, meaning, families) = (network.name(), network.meaning(), families.join(", "));
        let _ = writeln!(text, "  {name}: {meaning}; {repeats}; faults: {families}");
    }
    let _ = writeln!(text, "\nfaults");
    let left = FaultKind::ALL.iter().map(|kind| kind.name().len()).max().unwrap_or(0);
    for kind in FaultKind::ALL {
        let amount = kind.amount().map(|unit| format!(" Amount: {unit}.")).unwrap_or_default();
        let (name, family, meaning) = (kind.name(), family_name(kind.family()), kind.meaning());
        let _ = writeln!(text, "  {name:left$}  {family:8}  {meaning}{amount}");
    }
    text
}

/// Which scenario is played on which network.
fn matrix(tool: &Tool) -> String {
    let left = tool.scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    let columns: Vec<_> = tool.networks.iter().map(|network| network.name()).collect();
    let mut text = format!("{:left$}  {}\n", "scenario", columns.join("  "));
    for scenario in &tool.scenarios {
        let _ = write!(text, "{:left$}", scenario.name);
        let here = networks_of(scenario, tool);
        for network in &columns {
            let shown = if here.contains(network) { "yes" } else { "-" };
            let _ = write!(text, "  {shown:width$}", width = network.len());
        }
        let _ = writeln!(text, "  {}", scenario.meaning);
    }
    text
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::Stream => "stream",
        Family::Dial => "dial",
        Family::Process => "process",
        Family::Power => "power",
        Family::Network => "network",
        Family::Datagram => "datagram",
    }
}

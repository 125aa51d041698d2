//! `list`: scenarios and networks, which of them go together, and what can go wrong.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use super::args::ListArgs;
use crate::cli::Tool;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, print};
use crate::faults::{Family, FaultKind};
use crate::network::Network;
use crate::scenario::Scenario;

/// Version of this schema. It grows by one whenever a reader of the last one could go wrong.
const SCHEMA: u32 = 2;

/// Prints what `tool` has.
pub(in crate::cli) fn list(args: &ListArgs, tool: &Tool) -> Exit {
    let json = match args.json.as_deref().map(|path| Output::open("--json", path)).transpose() {
        Ok(json) => json,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    let there = There::of(tool);
    let text = there.describe();
    let shown = if json.as_ref().is_some_and(Output::is_stdout) {
        eprint!("{text}");
        Ok(())
    } else {
        print(&text)
    };
    match shown.and_then(|()| json.map_or(Ok(()), |output| output.write(&there.to_json()))) {
        Ok(()) => Exit::Well,
        Err(why) => {
            eprintln!("error: {why}");
            Exit::Failed
        }
    }
}

#[derive(Debug, Serialize)]
struct There<'a> {
    schema: u32,
    scenarios: Vec<ScenarioEntry<'a>>,
    #[serde(rename = "worlds")]
    networks: Vec<NetworkEntry<'a>>,
    faults: Vec<FaultEntry>,
}

#[derive(Debug, Serialize)]
struct ScenarioEntry<'a> {
    name: &'a str,
    meaning: &'a str,
    /// On which it is played.
    #[serde(rename = "worlds")]
    networks: Vec<&'a str>,
    faults: Vec<&'static str>,
    situations: Vec<String>,
}

#[derive(Debug, Serialize)]
struct NetworkEntry<'a> {
    name: &'a str,
    meaning: &'a str,
    deterministic: bool,
    families: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct FaultEntry {
    name: &'static str,
    meaning: &'static str,
    family: &'static str,
    amount: Option<&'static str>,
}

impl<'a> There<'a> {
    fn of(tool: &'a Tool) -> Self {
        let networks = &tool.networks;
        let scenario = |scenario: &'a Arc<Scenario>| ScenarioEntry {
            name: scenario.name,
            meaning: scenario.meaning,
            networks: networks
                .iter()
                .filter(|network| scenario.applies_to(&***network))
                .map(|network| network.name())
                .collect(),
            faults: scenario.faults.iter().map(|kind| kind.name()).collect(),
            situations: scenario.situations.iter().map(ToString::to_string).collect(),
        };
        let network = |network: &'a Arc<dyn Network>| NetworkEntry {
            name: network.name(),
            meaning: network.meaning(),
            deterministic: network.is_deterministic(),
            families: network.families().iter().map(|family| family_name(*family)).collect(),
        };
        let fault = |kind: &FaultKind| FaultEntry {
            name: kind.name(),
            meaning: kind.meaning(),
            family: family_name(kind.family()),
            amount: kind.amount(),
        };
        Self {
            schema: SCHEMA,
            scenarios: tool.scenarios.iter().map(scenario).collect(),
            networks: networks.iter().map(network).collect(),
            faults: FaultKind::ALL.iter().map(fault).collect(),
        }
    }

    fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self).expect("a list has only texts");
        format!("{json}\n")
    }

    fn describe(&self) -> String {
        let mut text = self.matrix();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\nworlds");
        for NetworkEntry { name, meaning, deterministic, families } in &self.networks {
            let repeats = if *deterministic { "repeats exactly" } else { "does not repeat exactly" };
            let _ = writeln!(text, "  {name}: {meaning}; {repeats}; faults: {}", families.join(", "));
        }
        let _ = writeln!(text, "\nfaults");
        let left = self.faults.iter().map(|fault| fault.name.len()).max().unwrap_or(0);
        for FaultEntry { name, meaning, family, amount } in &self.faults {
            let amount = amount.map(|unit| format!(" Amount: {unit}.")).unwrap_or_default();
            let _ = writeln!(text, "  {name:left$}  {family:8}  {meaning}{amount}");
        }
        text
    }

    /// Which scenario is played on which network.
    fn matrix(&self) -> String {
        let left = self.scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
        let mut text = format!("{:left$}", "scenario");
        let columns: Vec<_> = self.networks.iter().map(|network| network.name).collect();
        columns.iter().for_each(|network| {
            let _ = write!(text, "  {network}");
        });
        text.push('\n');
        for scenario in &self.scenarios {
            let _ = write!(text, "{:left$}", scenario.name);
            for network in &columns {
                let shown = if scenario.networks.contains(network) { "yes" } else { "-" };
                let _ = write!(text, "  {shown:width$}", width = network.len());
            }
            let _ = writeln!(text, "  {}", scenario.meaning);
        }
        text
    }
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

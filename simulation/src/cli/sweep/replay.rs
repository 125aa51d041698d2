//! `replay`: plays one plan again, and shows all that is known of it.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::args::ReplayArgs;
use crate::cli::Tool;
use crate::cli::choose::one;
use crate::cli::exit::{Done, Exit};
use crate::cli::output::print;
use crate::faults::FaultPlan;
use crate::sweep::{Cell, Ran, run_twice};

/// Most bytes of a file with a plan.
const LONGEST_PLAN: u64 = 1 << 20;

/// Plays what `args` ask for: twice where that must be the same.
pub(in crate::cli) fn replay(args: &ReplayArgs, tool: &Tool) -> Done {
    let (plan, cell) = prepare(args, tool)?;
    let ran = run_twice(&plan, &cell, &tool.stack);
    let text = format!("{}{}\n{}", describe(&ran, args.trace), repeats(&ran, &cell), verdict(&ran));
    Ok(Exit::of(false, ran.is_good()).after(print(&text)))
}

/// Whether it becomes the same again, for people to read.
fn repeats(ran: &Ran, cell: &Cell) -> String {
    let (hash, count, network) = (ran.trace.hash(), ran.trace.count(), cell.network.name());
    match ran.repeated {
        None => format!("trace {hash:016x}, {count} events; played once, since {network} does not repeat"),
        Some(again) if again == hash => {
            format!("trace {hash:016x}, {count} events; played twice, identical")
        }
        Some(again) => format!("traces {hash:016x} and {again:016x}, which differ"),
    }
}

fn prepare(args: &ReplayArgs, tool: &Tool) -> Result<(FaultPlan, Cell), String> {
    let Some(path) = &args.plan else {
        let given = |name: &Option<String>| name.clone().unwrap_or_default();
        let cell = cell(&given(&args.scenario), &given(&args.network), tool)?;
        return Ok((cell.plan(args.seed.unwrap_or_default()), cell));
    };
    let shown = path.display();
    let text = read(path).map_err(|error| format!("--plan: cannot read {shown}: {error}"))?;
    let mut plan = FaultPlan::parse(&text)
        .map_err(|error| format!("--plan: {shown}:{}:{}: {}", error.line, error.column, error.why))?;
    let cell = cell(&plan.scenario, &plan.network, tool).map_err(|why| format!("--plan: {shown}: {why}"))?;
    plan.fits(&cell.scenario, &*cell.network).map_err(|why| format!("--plan: {shown}: {why}"))?;
    if plan.calls == 0 {
        plan.calls = cell.scenario.load.count(plan.seed);
    }
    Ok((plan, cell))
}

fn cell(scenario: &str, network: &str, tool: &Tool) -> Result<Cell, String> {
    let scenario = one("--scenario", scenario, &tool.scenarios, |scenario| scenario.name)?;
    let network = one("--network", network, &tool.networks, |network| network.name())?;
    if !scenario.applies_to(&*network) {
        let (scenario, network) = (scenario.name, network.name());
        return Err(format!(
            "nothing of what is to go wrong in {scenario} can go wrong in {network}; see `list`"
        ));
    }
    Ok(Cell { scenario, network })
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(fs::File::open(path)?) };
    source.take(LONGEST_PLAN + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST_PLAN {
        return Err(io::Error::other(format!("longer than {LONGEST_PLAN} bytes, the most that is allowed")));
    }
    Ok(text)
}

fn describe(ran: &Ran, with_trace: bool) -> String {
    let mut text = format!("{}\n", ran.plan);
    // Writing to a string cannot fail.
    if with_trace {
        ran.trace.events().iter().for_each(|event| {
            let _ = writeln!(text, "{event}");
        });
        let left = ran.trace.count() - ran.trace.events().len() as u64;
        let _ = if left > 0 { writeln!(text, "and {left} more events, which were not kept") } else { Ok(()) };
    }
    let ends: Vec<_> = ran.ends.iter().map(|(end, count)| format!("{end} {count}")).collect();
    let fired: Vec<_> = ran.fired.iter().map(|(kind, times)| format!("{kind} {times}")).collect();
    let seen: Vec<_> = ran.situations.iter().map(ToString::to_string).collect();
    for (what, items) in [("ended as", ends), ("faults happened", fired), ("seen", seen)] {
        let items = if items.is_empty() { "nothing".to_owned() } else { items.join(", ") };
        let _ = writeln!(text, "{what}: {items}");
    }
    let _ = writeln!(
        text,
        "{} calls in {:.3} s of its own clock, {:.3} s of real time",
        ran.calls,
        ran.simulated.as_secs_f64(),
        ran.took.as_secs_f64()
    );
    text
}

fn verdict(ran: &Ran) -> String {
    match &ran.violations[..] {
        [] => "all is as it must be\n".to_owned(),
        violations => violations.iter().fold("FAILED\n".to_owned(), |text, why| format!("{text}  - {why}\n")),
    }
}

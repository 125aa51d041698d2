//! `bench-cli compare` and `bench-cli aa`: values against each other, and a thing against itself.

use std::path::PathBuf;

use clap::{Arg, Args, value_parser};

use super::drive::CellsArgs;
use super::exit::ended;
use super::measured::measured;
use super::planned::Planned;
use super::{Beside, Exit, OutputArgs, plan, selection};
use crate::drive::Registry;
use crate::judge::compare::{Plan, Value, measure};
use crate::launch::Program;
use crate::progress::View;
use crate::report::results;
use crate::session::Session;
use crate::units::parse_share;

pub(super) const EXAMPLES: &str = "\
Examples:
  bench-cli compare --transport tcp,unix --parallel 16 --payload 4KiB
  bench-cli compare --set tcp.nodelay=true,false --parallel 1,16 --payload 64B,4KiB --json out.json
  bench-cli compare --binary ./old/bench-cli,./new/bench-cli --parallel 16 --blocks 12
  bench-cli compare --transport tcp,quic --rate 20k --duration 5s
  bench-cli aa --transport tcp --blocks 10         what this machine shows where there is no difference

The smallest p-value that N blocks can give is 2 / 2^N: 0.0625 for 5, so fewer than 6 can never show a difference at
0.05; and for each figure it is corrected for the number of its rows (cells x values less one), so many cells take more
blocks.";

/// An argument as a comparison has it.
pub(super) fn argument(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        // Many short launches say more than a few long ones: launches differ more than the seconds of one.
        "duration" => arg.default_value("1s"),
        "warmup" => arg.default_value("300ms"),
        "transport" => arg.help("Transports, by scheme. Default: the first that is registered"),
        "stack" => arg.help(
            "What is driven on top of the transport; `bare` is the transport alone, `floor` the least that carries requests and \
             replies, `in-place` the tool alone; with the feature `peers` also tarpc, tonic and capnp, over tcp. Default: the \
             first that is built in",
        ),
        "set" => arg.help(
            "An option of a transport with its values, such as tcp.nodelay=true,false; may be repeated for other options, \
             each with one value",
        ),
        "parallel" => arg.help("Callers of a closed loop, all connections together: each number is a cell"),
        "payload" => arg.help("Bytes of a request's payload, 16B to 64MiB: each size is a cell"),
        _ => arg,
    }
}

/// What is compared, and in which cells.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) cells: CellsArgs,
    /// Builds of this program, by path. Default: this one
    #[arg(long, value_name = "PATH,…", value_delimiter = ',')]
    pub(crate) binary: Vec<PathBuf>,
    /// In each block every value is measured once in every cell, by a fresh launch, in random order. Fewer than 6 blocks
    /// can't give a p-value below 0.05
    #[arg(long, value_name = "N", default_value = "10", value_parser = value_parser!(u64).range(2..=1000))]
    pub(crate) blocks: u64,
    /// A difference smaller than this is called none, however sure it is
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = parse_share)]
    pub(crate) noise_floor: f64,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// One thing has several values: which is better.
pub(super) fn compare(args: &CompareArgs, registry: &Registry) -> Exit {
    begin(compared(args, registry), args, registry)
}

/// Nothing differs: what this machine makes of that.
pub(super) fn aa(args: &CompareArgs, registry: &Registry) -> Exit {
    begin(with_itself(args, registry), args, registry)
}

fn begin(plan: Result<Plan, String>, args: &CompareArgs, registry: &Registry) -> Exit {
    ended(plan.map(|plan| {
        let inputs = args.binary.iter().map(PathBuf::as_path).collect();
        let beside = Beside { inputs, ..Beside::default() };
        measured(registry, &args.output, beside, results::comparison, async |run, context| {
            let view = View::of(&plan.all(), plan.blocks as usize, args.output.quiet);
            let mut session = Session::begin(run, context, view).await;
            run.warnings.extend(plan.left_out.iter().cloned());
            measure(&plan, &mut session, run).await;
            Exit::Well
        })
    }))
}

/// The values of the one thing that has several.
///
/// # Errors
///
/// A text for the user: none or more than one thing has several values, or a value cannot be measured.
fn compared(args: &CompareArgs, registry: &Registry) -> Result<Plan, String> {
    let mut factors = factors(args);
    let names: Vec<_> = factors.iter().map(|factor| format!("--{}", factor.name)).collect();
    factors.retain(|factor| factor.values.len() > 1);
    match &factors[..] {
        [factor] => {
            let (values, left_out) = values(factor, registry)?;
            Ok(Plan { left_out, ..plan(args, factor.name, values) })
        }
        [] => Err(format!(
            "nothing to compare: give one of {} several values, such as --transport tcp,unix; to compare a thing with \
             itself, use `bench-cli aa`",
            names.join(", ")
        )),
        more => Err(format!(
            "{} have several values: one at a time, so that one knows what made the difference",
            more.iter().map(|factor| format!("--{}", factor.name)).collect::<Vec<_>>().join(" and ")
        )),
    }
}

/// The same thing twice.
///
/// # Errors
///
/// A text for the user.
fn with_itself(args: &CompareArgs, registry: &Registry) -> Result<Plan, String> {
    if let Some(Factor { name, .. }) = factors(args).iter().find(|factor| factor.values.len() > 1) {
        return Err(format!(
            "--{name} has several values: `aa` compares one thing with itself; use `compare`"
        ));
    }
    let value = |again: &str| -> Result<Value, String> {
        let (one, left_out) = value(args.clone(), registry)?;
        if one.cells.is_empty() {
            return Err(format!("nothing is left to measure; {}", left_out.join("; ")));
        }
        Ok(Value { name: format!("{}{again}", one.cells[0].transport), ..one })
    };
    Ok(plan(args, "nothing", vec![value("")?, value(" again")?]))
}

/// A thing that may have several values: each by its name, and what asks for that one alone.
struct Factor {
    name: &'static str,
    values: Vec<(String, CompareArgs)>,
}

/// All that can be compared. `--set` stands once for each option that has several values, and once where none has.
fn factors(args: &CompareArgs) -> Vec<Factor> {
    let mut factors = vec![
        factor("transport", args, String::clone, |args| &mut args.cells.transport),
        factor("stack", args, String::clone, |args| &mut args.cells.stack),
        factor("runtime", args, ToString::to_string, |args| &mut args.cells.runtime),
        factor("protocol", args, ToString::to_string, |args| &mut args.cells.protocol),
        factor("binary", args, |path: &PathBuf| path.display().to_string(), |args| &mut args.binary),
        factor("placement", args, ToString::to_string, |args| &mut args.cells.placement),
    ];
    let is_several = |set: &&String| set.contains(',');
    let others: Vec<_> = args.cells.set.iter().filter(|set| !is_several(set)).cloned().collect();
    let sets = args.cells.set.iter().filter(is_several).filter_map(|set| set.split_once('='));
    let sets = sets.map(|(key, values)| {
        // `tcp.nodelay=true,false` as `tcp.nodelay=true` and `tcp.nodelay=false`.
        let alone = |value: &str| {
            let (one, mut args) = (format!("{key}={value}"), args.clone());
            args.cells.set = others.iter().cloned().chain([one.clone()]).collect();
            (one, args)
        };
        Factor { name: "set", values: values.split(',').map(alone).collect() }
    });
    factors.extend(sets);
    if factors.iter().all(|factor| factor.name != "set") {
        factors.push(Factor { name: "set", values: Vec::new() });
    }
    factors
}

fn factor<T: Clone>(
    name: &'static str,
    args: &CompareArgs,
    text: fn(&T) -> String,
    list: fn(&mut CompareArgs) -> &mut Vec<T>,
) -> Factor {
    let alone = |one: &T| {
        let mut args = args.clone();
        *list(&mut args) = vec![one.clone()];
        (text(one), args)
    };
    Factor { name, values: list(&mut args.clone()).iter().map(alone).collect() }
}

/// The values that can be measured, and why others are left out.
fn values(factor: &Factor, registry: &Registry) -> Result<(Vec<Value>, Vec<String>), String> {
    let (mut values, mut all_left_out) = (Vec::new(), Vec::new());
    for (name, args) in &factor.values {
        let (value, left_out) = value(args.clone(), registry)?;
        if !value.cells.is_empty() {
            values.push(Value { name: name.clone(), ..value });
        }
        all_left_out.extend(left_out);
    }
    if values.len() < 2 && !all_left_out.is_empty() {
        return Err(format!("nothing is left to compare; {}", all_left_out.join("; ")));
    }
    for (at, value) in values.iter().enumerate() {
        if values[..at].iter().any(|other| other.name == value.name) {
            return Err(format!(
                "--{} {}: given twice; use `bench-cli aa` for that",
                factor.name, value.name
            ));
        }
        if value.cells.len() != values[0].cells.len() {
            return Err(format!("--{} {}: is not one thing; name it by itself", factor.name, value.name));
        }
    }
    Ok((values, all_left_out))
}

/// The value that `args` says, which has one of everything; and why cells of it are left out.
fn value(mut args: CompareArgs, registry: &Registry) -> Result<(Value, Vec<String>), String> {
    let program = args.binary.first().map(program).transpose()?.unwrap_or_default();
    if args.cells.stack.is_empty() {
        args.cells.stack.push(selection::stack(None, registry)?.name().to_owned());
    }
    let Planned { cells, left_out } = plan::cells(&args.cells, None, None, registry)?;
    Ok((Value { name: String::new(), program, cells }, left_out))
}

fn plan(args: &CompareArgs, factor: &'static str, values: Vec<Value>) -> Plan {
    let (blocks, noise_floor, seed) = (args.blocks, args.noise_floor, args.cells.drive.seed);
    Plan { factor, values, left_out: Vec::new(), blocks, noise_floor, seed }
}

fn program(path: &PathBuf) -> Result<Program, String> {
    if path.is_file() {
        return Ok(Program::at(path));
    }
    Err(format!("--binary {}: there is no such file", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn planned(line: &str) -> Result<Plan, String> {
        let line = format!("bench-cli {line}");
        let registry = Registry::standard();
        match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
            Some(Command::Compare(args)) => compared(&args, &registry),
            Some(Command::Aa(args)) => with_itself(&args, &registry),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_one_thing_with_several_values_is_what_is_compared() {
        let plan = planned("compare --transport tcp,unix --parallel 1,16 --payload 64B,4KiB").unwrap();
        assert_eq!(plan.factor, "transport");
        let names: Vec<_> = plan.values.iter().map(|value| value.name.as_str()).collect();
        assert_eq!(names, ["tcp", "unix"]);
        for value in &plan.values {
            assert_eq!(value.cells.len(), 4);
            assert!(
                value.cells.iter().all(|cell| cell.transport == value.name && cell.stack == "listenrain")
            );
        }
        for (line, factor) in [
            ("--stack listenrain,bare", "stack"),
            ("--runtime current,multi:2", "runtime"),
            ("--protocol native,original", "protocol"),
            ("--placement same,split", "placement"),
            ("--set tcp.nodelay=true,false", "set"),
        ] {
            assert_eq!(planned(&format!("compare {line}")).unwrap().factor, factor);
        }
        let set = planned("compare --set tcp.nodelay=true,false").unwrap();
        assert_eq!(set.values[1].cells[0].options, [("nodelay".to_owned(), "false".to_owned())]);
        assert_eq!(set.values[1].name, "tcp.nodelay=false");
    }

    #[test]
    fn none_or_two_with_several_values_are_refused_by_name() {
        for (line, why) in [
            ("compare --transport tcp", "nothing to compare: give one of --transport, --stack"),
            (
                "compare --transport tcp,unix --runtime current,multi:2",
                "--transport and --runtime have several",
            ),
            (
                "compare --transport tcp,unix --set tcp.nodelay=true,false",
                "--transport and --set have several",
            ),
            ("compare --transport tcp,tcp", "--transport tcp: given twice"),
            ("compare --transport tcp,carrier-pigeon", "carrier-pigeon"),
            ("compare --transport tcp,all", "--transport all: is not one thing"),
            ("compare --binary ./no-such-file,./nor-this", "--binary ./no-such-file: there is no such file"),
            ("aa --transport tcp,unix", "--transport has several values"),
        ] {
            let error = planned(line).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
    }

    #[test]
    fn aa_is_the_same_thing_twice() {
        let plan = planned("aa --transport unix").unwrap();
        assert_eq!(plan.values[0].cells, plan.values[1].cells);
        assert_eq!((plan.factor, plan.values[1].name.as_str()), ("nothing", "unix again"));
    }
}

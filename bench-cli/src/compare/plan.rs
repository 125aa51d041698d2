//! From what was typed to the values that are compared.

use std::path::PathBuf;

use crate::cli::{CompareArgs, RepeatArgs, RunArgs, WorkerArgs};
use crate::config::CellConfig;
use crate::launch::Program;
use crate::plan;
use crate::registry::Registry;

/// What is compared. Each value has the same cells, in the same order.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) factor: &'static str,
    pub(super) values: Vec<Value>,
}

/// One value: its name, the program that measures it, its cells.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) name: String,
    pub(super) program: Program,
    pub(super) cells: Vec<CellConfig>,
}

/// The values of the one thing that has several.
///
/// # Errors
///
/// A text for the user: none or more than one thing has several values, or a value cannot be measured.
pub(super) fn compare(args: &CompareArgs, registry: &Registry) -> Result<Plan, String> {
    match &several(args)[..] {
        [factor] => Ok(Plan { factor, values: values(factor, args, registry)? }),
        [] => Err(format!(
            "nothing to compare: give one of {} several values, such as --transport tcp,unix; to compare a thing with \
             itself, use `bench-cli aa`",
            FACTORS.map(|factor| format!("--{factor}")).join(", ")
        )),
        more => Err(format!(
            "{} have several values: one at a time, so that one knows what made the difference",
            more.iter().map(|factor| format!("--{factor}")).collect::<Vec<_>>().join(" and ")
        )),
    }
}

/// The same thing twice.
///
/// # Errors
///
/// A text for the user.
pub(super) fn aa(args: &CompareArgs, registry: &Registry) -> Result<Plan, String> {
    if let Some(factor) = several(args).first() {
        return Err(format!(
            "--{factor} has several values: `aa` compares one thing with itself; use `compare`"
        ));
    }
    let value = |again: &str| -> Result<Value, String> {
        let one = value(args.clone(), registry)?;
        Ok(Value { name: format!("{}{again}", one.cells[0].transport), ..one })
    };
    Ok(Plan { factor: "nothing", values: vec![value("")?, value(" again")?] })
}

const FACTORS: [&str; 7] = ["transport", "stack", "runtime", "protocol", "set", "binary", "placement"];

/// Those that have several values.
fn several(args: &CompareArgs) -> Vec<&'static str> {
    // `--set` once more for each option that has several.
    let sets = args.set.iter().filter(|set| set.contains(',')).map(|_| "set");
    let counts = [
        ("transport", args.transport.len()),
        ("stack", args.stack.len()),
        ("runtime", args.runtime.len()),
        ("protocol", args.protocol.len()),
        ("binary", args.binary.len()),
        ("placement", args.placement.len()),
    ];
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(factor, _)| factor).chain(sets).collect()
}

fn values(factor: &str, args: &CompareArgs, registry: &Registry) -> Result<Vec<Value>, String> {
    let alone = |name: String, change: &dyn Fn(&mut CompareArgs)| {
        let mut args = args.clone();
        change(&mut args);
        Ok(Value { name, ..value(args, registry)? })
    };
    let values: Vec<Value> = match factor {
        "transport" => {
            each(&args.transport, |one| alone(one.clone(), &|args| args.transport = vec![one.clone()]))
        }
        "stack" => each(&args.stack, |one| alone(one.clone(), &|args| args.stack = vec![one.clone()])),
        "runtime" => each(&args.runtime, |one| alone(one.to_string(), &|args| args.runtime = vec![*one])),
        "protocol" => each(&args.protocol, |one| alone(one.to_string(), &|args| args.protocol = vec![*one])),
        "placement" => {
            each(&args.placement, |one| alone(one.to_string(), &|args| args.placement = vec![*one]))
        }
        "binary" => each(&args.binary, |one| {
            alone(one.display().to_string(), &|args| args.binary = vec![one.clone()])
        }),
        _ => each(&split(&args.set), |one| {
            let others = args.set.iter().filter(|set| !set.contains(',')).cloned();
            let set: Vec<_> = others.chain([one.clone()]).collect();
            alone(one.clone(), &|args| args.set.clone_from(&set))
        }),
    }?;
    for (at, value) in values.iter().enumerate() {
        if values[..at].iter().any(|other| other.name == value.name) {
            return Err(format!("--{factor} {}: given twice; use `bench-cli aa` for that", value.name));
        }
        if value.cells.len() != values[0].cells.len() {
            return Err(format!("--{factor} {}: is not one thing; name it by itself", value.name));
        }
    }
    Ok(values)
}

fn each<T>(items: &[T], value: impl Fn(&T) -> Result<Value, String>) -> Result<Vec<Value>, String> {
    items.iter().map(value).collect()
}

/// `tcp.nodelay=true,false` as `tcp.nodelay=true` and `tcp.nodelay=false`.
fn split(sets: &[String]) -> Vec<String> {
    let several = sets.iter().find_map(|set| set.split_once('=').filter(|(_, values)| values.contains(',')));
    let split =
        several.map(|(key, values)| values.split(',').map(|value| format!("{key}={value}")).collect());
    split.unwrap_or_default()
}

/// The value that `args` says, which has one of everything.
fn value(args: CompareArgs, registry: &Registry) -> Result<Value, String> {
    let program = args.binary.first().map(program).transpose()?.unwrap_or_default();
    let mut stack = args.stack;
    if stack.is_empty() {
        stack.push(plan::stack(None, registry)?.name().to_owned());
    }
    let once = RepeatArgs { launches: 1, until: None, max_launches: 3 };
    let args = RunArgs {
        transport: args.transport,
        parallel: args.parallel,
        payload: args.payload,
        runtime: args.runtime,
        placement: args.placement,
        stack,
        protocol: args.protocol,
        target: None,
        set: args.set,
        via: None,
        drive: args.drive,
        repeat: once,
        worker: WorkerArgs::default(),
        output: args.output,
    };
    Ok(Value { name: String::new(), program, cells: plan::run(&args, registry)? })
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
            Some(Command::Compare(args)) => compare(&args, &registry),
            Some(Command::Aa(args)) => aa(&args, &registry),
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

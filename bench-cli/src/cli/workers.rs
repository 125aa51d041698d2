//! The flags of a worker, and of a server that takes part.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};

use crate::units::parse_duration_within;

/// One of several workers.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "More than one host")]
pub(crate) struct WorkerArgs {
    /// Be one of several workers that begin together and whose results become one: worker 0 listens there, the others
    /// dial it. An address is taken as it is; with a name, worker 0 listens on all addresses of its host. --rate,
    /// --parallel, --connections, --max-in-flight and --window are the whole's, and each worker takes its share
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "until")]
    pub(crate) rendezvous: Option<String>,
    /// Which worker this is, from 0. Default: as Kubernetes (JOB_COMPLETION_INDEX), Slurm (SLURM_PROCID), Open MPI
    /// (OMPI_COMM_WORLD_RANK) or Nomad (NOMAD_ALLOC_INDEX) says
    #[arg(long, value_name = "I", requires = "rendezvous")]
    pub(crate) index: Option<u64>,
    /// How many workers there are. Default: SLURM_NTASKS, OMPI_COMM_WORLD_SIZE; else set BENCH_COUNT
    #[arg(long, value_name = "N", requires = "rendezvous")]
    pub(crate) count: Option<u64>,
    /// How long all may take to come, worker 0 included
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "rendezvous", value_parser = gather_time)]
    pub(crate) rendezvous_within: Duration,
    /// Servers that take part with `bench-cli serve --rendezvous`, so that the run has their CPU and memory too
    #[arg(long, value_name = "N", default_value = "0", requires = "rendezvous", value_parser = value_parser!(u64).range(0..=1000))]
    pub(crate) servers: u64,
    /// Worker 0 keeps every worker's part as DIR/worker-I.json, for `bench-cli merge`
    #[arg(long, value_name = "DIR", requires = "rendezvous")]
    pub(crate) parts: Option<PathBuf>,
}

/// A server that takes part.
#[derive(Debug, Clone, Args)]
pub(crate) struct TakePartArgs {
    /// Take part in the run of the workers that meet there, with --servers: say what serving cost between the same marks,
    /// and end with the run
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) rendezvous: Option<String>,
    /// How long worker 0 may take to come
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "rendezvous", value_parser = gather_time)]
    pub(crate) rendezvous_within: Duration,
}

fn gather_time(text: &str) -> Result<Duration, String> {
    parse_duration_within(text, Duration::from_millis(100), Duration::from_secs(24 * 3600))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};
    use std::process::Command as Process;

    use clap::Parser;
    use serde::Deserialize;
    use serde_yaml_ng::{Deserializer, Value};

    use crate::cli::{Cli, Command, plan};
    use crate::drive::Registry;
    use crate::workers::{Identity, share};

    fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
    }

    fn text(name: &str) -> String {
        std::fs::read_to_string(file(name)).unwrap()
    }

    /// The lines of a shell file that start the tool, with what the shell would put in.
    fn shell_lines(name: &str) -> Vec<String> {
        let mut text = text(name).replace("\\\n", " ");
        for (variable, value) in [
            ("$server", "host-s"),
            ("$first", "host-0"),
            ("$index", "0"),
            ("$count", "4"),
            ("$SLURM_JOB_ID", "7"),
            ("$2", "host-s:8899"),
            ("\"", ""),
        ] {
            text = text.replace(variable, value);
        }
        // `${NAME:-default}`
        while let Some((before, rest)) = text.split_once("${") {
            let (variable, after) = rest.split_once('}').unwrap();
            let default = variable.split_once(":-").map_or("", |(_, default)| default);
            text = format!("{before}{default}{after}");
        }
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let starts =
            lines.filter_map(|line| line.find("bench-cli ").map(|at| line[at..].trim_end_matches('&')));
        starts.map(str::to_owned).collect()
    }

    /// Whether it is a worker's.
    fn check(line: &[String], count: u64) -> bool {
        let cli = Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        match cli.command {
            Some(Command::Serve(args)) => {
                assert!(args.take_part.rendezvous.is_some(), "{line:?}");
                false
            }
            Some(Command::Run(args)) => {
                assert!(args.worker.rendezvous.is_some(), "{line:?}");
                let cells =
                    plan::cells(&args.cells, args.target.as_ref(), args.via.as_ref(), &Registry::standard())
                        .map(|plan| plan.cells)
                        .unwrap();
                for index in 0..count {
                    share(&cells[0], Identity { index, count }).unwrap();
                }
                true
            }
            other => panic!("{line:?}: {other:?}"),
        }
    }

    #[test]
    fn the_shell_files_are_shell_and_start_what_can_be_started() {
        for (name, workers, servers) in [("slurm.sbatch", 1, 1), ("openmpi.sh", 1, 0), ("shell.sh", 1, 1)] {
            let checked = Process::new("bash").arg("-n").arg(file(name)).output().unwrap();
            assert!(checked.status.success(), "{name}: {checked:?}");
            let lines = shell_lines(name);
            assert_eq!(lines.len(), workers + servers, "{name}: {lines:?}");
            let words = |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let found = lines.iter().filter(|line| check(&words(line), 4)).count();
            assert_eq!(found, workers, "{name}");
        }
    }

    /// A container's argument as Kubernetes passes it: `$(NAME)` is that variable of its `env`.
    fn expanded(arg: &str, container: &Value) -> String {
        let Some(name) = arg.strip_prefix("$(").and_then(|arg| arg.strip_suffix(')')) else {
            return arg.to_owned();
        };
        let mut env = container["env"].as_sequence().unwrap().iter();
        let variable = env.find(|variable| variable["name"].as_str() == Some(name));
        variable.unwrap_or_else(|| panic!("no {name} in env"))["value"].as_str().unwrap().to_owned()
    }

    #[test]
    fn the_kubernetes_file_is_yaml_whose_parts_fit_together() {
        let text = text("kubernetes.yaml");
        let all: Vec<Value> =
            Deserializer::from_str(&text).map(|part| Value::deserialize(part).unwrap()).collect();
        let service = &all[0];
        assert_eq!(
            (service["kind"].as_str(), service["spec"]["clusterIP"].as_str()),
            (Some("Service"), Some("None"))
        );
        assert_eq!(service["spec"]["publishNotReadyAddresses"].as_bool(), Some(true));
        let name = service["metadata"]["name"].as_str().unwrap();
        let mut workers = 0;
        for job in &all[1..] {
            assert_eq!(job["kind"].as_str(), Some("Job"));
            let pod = &job["spec"]["template"];
            assert_eq!(pod["metadata"]["labels"]["app"], service["spec"]["selector"]["app"]);
            assert_eq!(pod["spec"]["subdomain"].as_str(), Some(name));
            let container = &pod["spec"]["containers"][0];
            let args = container["args"].as_sequence().unwrap();
            let args = args.iter().map(|arg| expanded(arg.as_str().unwrap(), container));
            let line: Vec<String> = ["bench-cli".to_owned()].into_iter().chain(args).collect();
            let count = job["spec"]["completions"].as_u64().unwrap_or(1);
            if check(&line, count) {
                workers += 1;
                assert_eq!(job["spec"]["completionMode"].as_str(), Some("Indexed"));
                assert_eq!(job["spec"]["parallelism"].as_u64(), Some(count), "all at once, or none begins");
                let variable = &container["env"][0];
                assert_eq!(variable["name"].as_str(), Some("BENCH_COUNT"));
                assert_eq!(variable["value"].as_str(), Some(&*count.to_string()));
                let zero = format!("{}-0.{name}:", job["metadata"]["name"].as_str().unwrap());
                assert!(line.iter().any(|word| word.starts_with(&zero)), "worker 0 is at {zero}");
            }
        }
        assert_eq!((workers, all.len()), (1, 3));
    }

    /// The variables of docs/many-hosts.md, each with its flag and default.
    fn documented_variables() -> Vec<[String; 3]> {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/many-hosts.md");
        let docs = std::fs::read_to_string(docs).unwrap();
        let rows = docs.lines().filter_map(|line| {
            let cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").map(str::to_owned);
            <[String; 3]>::try_from(cells.collect::<Vec<_>>()).ok()
        });
        rows.filter(|[name, ..]| name.starts_with("BENCH_")).collect()
    }

    /// Every word of the text that begins with `BENCH_`.
    fn variables_in(text: &str) -> BTreeSet<&str> {
        let words = text.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
        words.filter(|word| word.starts_with("BENCH_") && *word != "BENCH_COUNT").collect()
    }

    // A variable that a file misspells, ignores or gives another default would be set in vain.
    #[test]
    fn files_and_docs_agree_on_the_variables_of_the_load_and_their_defaults() {
        let documented = documented_variables();
        assert_eq!(documented.len(), 3, "{documented:?}");
        let names: BTreeSet<&str> = documented.iter().map(|[name, ..]| &**name).collect();
        assert_eq!(variables_in(&text("README.md")), names, "README.md");
        for file in ["slurm.sbatch", "openmpi.sh", "shell.sh", "kubernetes.yaml"] {
            let text = text(file);
            assert_eq!(variables_in(&text), names, "{file}");
            let head: String = text.lines().take_while(|line| line.starts_with('#')).collect();
            for [name, flag, default] in &documented {
                assert!(head.contains(&format!("{name} ({default})")), "the head of {file}: {name}");
                let used = if file.ends_with(".yaml") {
                    text.contains(&format!("- name: {name}\n              value: \"{default}\"\n"))
                        && text.contains(&format!("\"{flag}\", \"$({name})\""))
                } else {
                    text.contains(&format!("{flag} \"${{{name}:-{default}}}\""))
                };
                assert!(used, "{file}: {flag} from {name}, by default {default}");
            }
        }
    }
}

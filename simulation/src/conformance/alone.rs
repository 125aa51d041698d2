//! Trials in a process of their own.

use std::fmt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command as Process;
use tokio::time::timeout;

use super::attempt::Ending;
use super::record::Record;
use super::trial::Trial;

/// Where cases run that need a process of their own.
#[derive(Clone, Default)]
pub enum Alone {
    /// Nowhere: they are skipped.
    #[default]
    Nowhere,
    /// In this process, which runs nothing else.
    Here,
    /// In a process that the command starts, which runs that one trial [here](Self::Here) and prints its record with
    /// [`answer`].
    Process(Arc<dyn Fn(&Trial) -> Command + Send + Sync>),
}

/// In front of the record, among whatever else a process prints.
const MARK: &str = "listenrain-conformance-record ";

/// Beyond the case's limit: starting, and a slow machine.
const SLACK: Duration = Duration::from_secs(20);

/// What a process that was started for one trial prints, on a line of its own.
#[must_use]
pub fn answer(record: &Record) -> String {
    let json = serde_json::to_string(record).expect("a record has only texts and numbers");
    format!("\n{MARK}{json}\n")
}

impl Alone {
    pub(super) fn is_here(&self) -> bool {
        matches!(self, Self::Here)
    }

    /// The record of `trial`, or why there is none.
    pub(super) async fn run(&self, trial: &Trial) -> Result<Record, Ending> {
        let Self::Process(command) = self else {
            let why = "needs a process of its own, which this program does not start";
            return Err(Ending::Skipped(why.to_owned()));
        };
        let mut process = Process::from(command(trial));
        process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is for us; we end the process.
        #[cfg(unix)]
        process.process_group(0);
        let within = trial.settings.limit(trial.case) * 2 + SLACK;
        let output = match timeout(within, process.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(Ending::Failed(format!("cannot start a process for it: {error}"))),
            Err(_) => return Err(Ending::Stuck(format!("its process hung for {within:?} and was killed"))),
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let record = text.lines().find_map(|line| serde_json::from_str(line.strip_prefix(MARK)?).ok());
        record.ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
            Ending::Failed(format!("its process ended ({}): {last}", output.status))
        })
    }
}

impl fmt::Debug for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nowhere => "Nowhere",
            Self::Here => "Here",
            Self::Process(_) => "Process",
        })
    }
}

//! The parent's side: one child process for each cell.

use std::io;
use std::process::{Output, Stdio};
use std::time::Duration;

use listenrain_results::Cell;
use tokio::process::Command;
use tokio::time::timeout;

use crate::cell::{Answer, Order};
use crate::config::CellConfig;

/// Beyond warm-up and window: connecting, the end of what is outstanding, and a slow machine.
const SLACK: Duration = Duration::from_secs(45);

/// Measures `config` in a process of its own. What goes wrong there is the cell's error.
///
/// # Cancel safety
///
/// Dropped, it kills the child.
pub(crate) async fn measure(config: &CellConfig) -> Cell {
    let answer = match timeout(config.warmup + config.duration + SLACK, child(config)).await {
        Ok(Ok(output)) => read(&output),
        Ok(Err(error)) => Answer::Failed(format!("cannot start a process for it: {error}")),
        Err(_) => Answer::Failed("its process hung and was killed".to_owned()),
    };
    match answer {
        Answer::Measured(cell) => *cell,
        Answer::Failed(why) => failed(config, why),
    }
}

async fn child(config: &CellConfig) -> io::Result<Output> {
    let order = Order { config: config.clone(), parent: std::process::id() };
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("cell").arg(serde_json::to_string(&order)?);
    // The child watches its standard input for our end.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // Ctrl-C is for us; we end the child.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let output = child.wait_with_output().await;
    drop(stdin);
    output
}

fn read(output: &Output) -> Answer {
    let text = String::from_utf8_lossy(&output.stdout);
    // Whatever a transport prints, the answer is the last line.
    let answer = text.lines().next_back().and_then(|line| serde_json::from_str(line).ok());
    answer.unwrap_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
        Answer::Failed(format!("its process ended ({}): {last}", output.status))
    })
}

fn failed(config: &CellConfig, why: String) -> Cell {
    Cell {
        transport: config.transport.clone(),
        stack: config.stack.clone(),
        runtime: config.runtime.to_string(),
        protocol: config.protocol.to_string(),
        parallel: config.parallel,
        payload_bytes: config.payload as u64,
        lanes: config.lanes,
        connections: config.connections,
        errors: 1,
        error_kinds: [("not measured".to_owned(), 1)].into(),
        error_samples: vec![why],
        target: config.target.clone(),
        via: config.via.clone(),
        ..Cell::default()
    }
}

//! `bench-cli doctor`: what on this machine will spoil figures, and what to try.
//!
//! A check is a function from the kernel's files to a [`Finding`]. `machine` asks the same probes for what a run
//! records.

mod build;
pub(crate) mod busy;
mod clock;
mod finding;
pub(crate) mod frequency;
pub(crate) mod host;
pub(crate) mod memory;
mod perf;
pub(crate) mod processors;
pub(crate) mod quota;
pub(crate) mod root;
pub(crate) mod sockets;
mod text;

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use self::finding::{Finding, Verdict};
use self::root::Root;
use crate::cli::DoctorArgs;
use crate::exit::Exit;

/// How long the machine is watched.
const SAMPLE: Duration = Duration::from_millis(500);

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// How many may spoil figures.
    may_spoil: usize,
    /// Every check, in a fixed order.
    findings: &'a [Finding],
}

/// Looks at this machine and prints what it finds.
pub(crate) fn doctor(args: &DoctorArgs) -> Exit {
    let findings = examine(&Root::system(), SAMPLE);
    let may_spoil = findings.iter().filter(|finding| finding.verdict == Verdict::MaySpoil).count();
    let text = if args.json {
        let report = Report { may_spoil, findings: &findings };
        // Plain data with string keys: there is nothing that JSON cannot say.
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    } else {
        text::text(&findings)
    };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: cannot print: {error}");
            Exit::RowFailed
        }
        _ if args.strict && may_spoil > 0 => Exit::LimitMissed,
        _ => Exit::Well,
    }
}

/// Every check. The machine is watched first, before the checks themselves make it busy.
fn examine(root: &Root, sample: Duration) -> Vec<Finding> {
    let sample = busy::sample(root, sample);
    vec![
        build::build(),
        processors::cores(root),
        processors::threads(root),
        quota::rationed(root),
        frequency::governed(root),
        frequency::boosted(root),
        host::virtualised(root),
        busy::stolen(sample),
        busy::busy(sample),
        busy::load(root),
        memory::available(root),
        memory::swapped(root),
        memory::pages(root),
        sockets::open_files(root),
        sockets::ports(root),
        sockets::buffers(root),
        sockets::backlog(root),
        sockets::segments(root),
        sockets::loopback(root),
        clock::source(root),
        clock::cost(),
        clock::oversleep(),
        perf::counters(root),
    ]
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;

//! The conformance kit on every transport of `listenrain-transports`, and on one of a user's own: a line each.

#[path = "../examples/own_sweep/transport.rs"]
mod own_transport;

use std::env;
use std::process::Command;

use listenrain_simulation::allocations::AllocationCounter;
use listenrain_simulation::conformance;
use listenrain_simulation::conformance::{Need, Subject, cases};
use listenrain_simulation::registry::{Subjects, subject};

#[global_allocator]
static ALLOCATOR: AllocationCounter = AllocationCounter;

conformance!(tcp, subject("tcp"));
conformance!(tls, subject("tls"));
#[cfg(unix)]
conformance!(unix, subject("unix"));
#[cfg(unix)]
conformance!(fifo, subject("fifo"));
conformance!(quic, subject("quic"));
conformance!(sctp, subject("sctp"));
conformance!(channel, subject("channel"));
conformance!(ha, subject("ha"));
conformance!(cans, cans());

/// Its channels hold so little that a case which relied on more would hang.
fn cans() -> Subject {
    let words = "There is no way to break a string between two cans.";
    Subject::from(own_transport::TinCans::with_strings_of(100)).in_memory().admits(Need::Abort, words)
}

#[test]
fn every_transport_has_its_line() {
    // Broken by a new transport that nobody puts to the test.
    let text = include_str!("conformance.rs");
    for transport in listenrain_transports::all().list() {
        let scheme = transport.scheme();
        assert!(text.contains(&format!("conformance!({scheme}, subject(\"{scheme}\"));")), "{scheme}");
    }
}

#[test]
fn a_case_that_is_skipped_says_so_although_its_test_passes() {
    // Broken by a skip that only whoever asks for the output of what passes ever sees.
    let mut this = Command::new(env::current_exe().unwrap());
    let output = this.args(["--exact", "channel::a03_dial_timeout"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| line.starts_with("skipped: channel::a03_dial_timeout on channel: "));
    assert!(line.is_some_and(|line| line.contains("needs a black hole")), "{output:?}");
}

// Elsewhere a system lacks more, such as a listener's queue that can be filled.
#[cfg(target_os = "linux")]
#[test]
fn no_case_is_skipped_but_these() {
    // Broken by a case that asks for more than a transport has: its tests would pass, and look at nothing.
    let mut skipped = Vec::new();
    for transport in Subjects::ours().names() {
        let subject = subject(transport);
        let about = cases().filter(|case| case.is_about(transport));
        let lacking = about.filter(|case| case.skipped_on(&subject).is_some());
        skipped.extend(lacking.map(|case| format!("{transport} {}", case.id)));
    }
    assert_eq!(skipped, SKIPPED);
}

/// Transports and cases; `conformance --transport all` prints the reasons.
#[cfg(target_os = "linux")]
const SKIPPED: [&str; 5] = ["unix C06", "unix C07", "channel A03", "channel A17", "channel A18"];

//! The conformance kit on every transport of `listenrain-transports`: a line each.

use listenrain_simulation::conformance;
use listenrain_simulation::gauge::Counted;
use listenrain_simulation::lineup::subject;

#[global_allocator]
static ALLOCATOR: Counted = Counted;

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

#[test]
fn every_transport_has_its_line() {
    // Broken by a new transport that nobody puts to the test.
    let text = include_str!("conformance.rs");
    for transport in listenrain_transports::all().list() {
        let scheme = transport.scheme();
        assert!(text.contains(&format!("conformance!({scheme}, subject(\"{scheme}\"));")), "{scheme}");
    }
}

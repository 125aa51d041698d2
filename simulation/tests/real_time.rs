//! A transport over real sockets, under the same faults in real time.

use std::sync::Arc;

use listenrain_simulation::network::Local;
use listenrain_simulation::{scenario, sweep};
use listenrain_transports::Tcp;

#[test]
fn a_real_transport_is_played_in_real_time_and_nothing_is_compared() {
    let tcp = Local::real("real-tcp", "TCP on loopback, real time", || Arc::new(Tcp::default()));
    let names = ["link-loss", "failover", "lanes", "drain"];
    let scenarios = names.map(|name| scenario::named(name).unwrap());
    // A run takes as long as its plan says: all at once.
    let swept = sweep(0..4).network(tcp).scenarios(scenarios).jobs(4).twice_every(1).partial().run();
    assert!(swept.is_good(), "{swept}");
    assert_eq!((swept.runs, swept.compared), (4, 0));
    assert!(swept.coverage.faults.values().any(|covered| covered.happened > 0), "nothing went wrong");
    assert!(swept.calls > 100, "{} calls", swept.calls);
}

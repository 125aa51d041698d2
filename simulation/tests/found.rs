//! Plans that have found a bug: each file of `found/` is played again, and finds nothing any more.
//!
//! | file | what it found |
//! |---|---|
//! | `close-kept-a-queue-*` | a closed connection kept what was queued on a lane that had no channel |
//! | `idle-channel-kept-memory-*` | an idle channel kept a large read buffer beyond the limit while others waited for memory |

use std::fs;
use std::path::Path;
use std::sync::Arc;

use listenrain_simulation::stack::{Library, Stack};
use listenrain_simulation::sweep::{Cell, run_twice};
use listenrain_simulation::{FaultPlan, network, scenario};

#[test]
fn a_plan_that_found_a_bug_finds_none_any_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/found");
    let stack: Arc<dyn Stack> = Arc::new(Library::native());
    let mut played = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let plan = FaultPlan::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        let scenario = scenario::named(&plan.scenario).unwrap();
        let network = network::all().into_iter().find(|network| network.name() == plan.network).unwrap();
        plan.fits(&scenario, &*network).unwrap();
        let ran = run_twice(&plan, &Cell { scenario, network }, &stack);
        assert!(ran.is_good(), "{}: {:?}", path.display(), ran.violations);
        for fault in &plan.faults {
            assert!(ran.fired.contains_key(&fault.kind), "{}: {fault} did not happen", path.display());
        }
        played += 1;
    }
    assert!(played > 0, "no plan was found");
}

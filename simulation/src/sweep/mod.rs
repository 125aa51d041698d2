//! Many seeds, dealt over scenarios and worlds: what they covered, and what failed, down to the smallest plan.

mod run;

pub use self::run::{Ran, run, run_twice};

//! Stacks that are faulty on purpose, to show that scenarios notice.
//!
//! Most of them are one small model of a framework for calls, which makes one mistake each: those of the original that
//! crash, hang or lose something in normal operation, and some that the library was built to be safe from. Without one
//! it is sound, and passes the same scenarios: what a scenario notices is the mistake.
//!
//! The model has what is needed for that and no more: one channel a connection, and no pings, so it does not learn of a
//! channel that is silently dead. The others are the library itself with one mistake around it: for scenarios of what the
//! model does not have.

mod budget;
mod calls;
mod flaw;
mod flawed;
mod keeper;
mod line;
mod list;
mod model;
mod pool;
mod says;
mod server;
mod source;
mod wire;

use std::sync::Arc;

use self::model::Model;
use crate::stack::Stack;

pub use self::list::all;

/// One faulty stack, and the scenario that notices.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Double {
    /// Its name in flags and reports.
    pub name: &'static str,
    /// The flaw of the original that it has, as in `docs/flaws.md`; `own` for another one of the model, `library` for one around
    /// the library.
    pub flaw: &'static str,
    /// Its mistake, in one sentence.
    pub meaning: &'static str,
    /// The name of the scenario that notices.
    pub scenario: &'static str,
    /// What that scenario says then: one whole sentence, in which `#` stands for a number or a time, and `…` at its end for
    /// whatever follows. A run in which nothing else is said has failed for another reason.
    pub says: &'static str,
    /// The stack.
    pub stack: Arc<dyn Stack>,
    /// The same without the mistake: the control.
    pub sound: Arc<dyn Stack>,
}

impl Double {
    /// That one of `violations` by which a run shows the mistake, if any is.
    #[must_use]
    pub fn shown_by<'a>(&self, violations: &'a [String]) -> Option<&'a str> {
        violations.iter().map(String::as_str).find(|violation| says::is_said(self.says, violation))
    }
}

/// The model that all doubles are made of, without a mistake: the control.
#[must_use]
pub fn sound() -> Arc<dyn Stack> {
    Arc::new(Model::sound())
}

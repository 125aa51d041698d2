//! Judgements over several cells: values against each other, a run against a baseline, a rate against a service level.
//!
//! [`goals`] reads what has to hold as it is typed; [`late`] counts what was beyond a limit.

pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod goals;
pub(crate) mod late;
pub(crate) mod search;

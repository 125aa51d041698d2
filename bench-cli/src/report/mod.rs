//! What the user sees: tables when it is over, progress while it runs.

mod columns;
pub(crate) mod progress;
pub(crate) mod tables;

//! What the user sees: tables when it is over; while it runs, a block on a terminal or a line a launch.

mod block;
pub(crate) mod check;
mod columns;
pub(crate) mod comparison;
pub(crate) mod live;
mod screen;
pub(crate) mod search;
pub(crate) mod tables;

//! What the user sees: tables when it is over; while it runs, a block on a terminal or a line a launch.

mod block;
mod columns;
pub(crate) mod live;
mod screen;
pub(crate) mod tables;

//! What the user sees: tables when it is over, a live view while it runs, and files for other programs and for a browser.
//!
//! `sheets` says which columns the cells of a run have; `tables` shows them on a terminal and `page` in a browser.
//! `notes` are what must be known beside the figures, `labels` how cells are called. `csv`, `counts`, `hlog` and `hgrm`
//! are for other programs. `live` is a `block` on a terminal's `screen`, or a line a launch.

mod block;
pub(crate) mod check;
mod columns;
pub(crate) mod comparison;
pub(crate) mod counts;
pub(crate) mod csv;
pub(crate) mod hgrm;
pub(crate) mod hlog;
mod kinds;
mod labels;
pub(crate) mod live;
mod notes;
pub(crate) mod page;
mod screen;
pub(crate) mod search;
mod sheets;
mod shown;
pub(crate) mod tables;

#[cfg(test)]
mod fixtures;

pub(crate) use shown::Shown;

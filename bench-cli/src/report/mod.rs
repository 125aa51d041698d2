//! Reports: tables on a terminal, a page for a browser, and files for other programs.
//!
//! `sheets` says which columns the cells of a run have, and `results` what came of a comparison, a check or a search; `tables`
//! shows them on a terminal and `page` in a browser. `notes` are what must be known beside the figures, `labels` how cells are
//! called. `csv`, `counts`, `hlog` and `hgrm` are for other programs; `files` writes them all. What any of them shows of a text that
//! is not ours goes through `plain`.

mod counts;
mod csv;
pub(crate) mod files;
mod hgrm;
mod histograms;
mod hlog;
mod labels;
mod notes;
mod page;
pub(crate) mod place;
pub(crate) mod plain;
pub(crate) mod results;
mod sheets;
mod shown;
mod table;
pub(crate) mod tables;

#[cfg(test)]
mod fixtures;

pub(crate) use shown::Shown;

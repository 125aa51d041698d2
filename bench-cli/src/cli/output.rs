//! Output flags: which files are written, and what is shown.

use std::path::PathBuf;

use clap::Args;
use listenrain_results::Run;

use super::exit::{Exit, failure};
use crate::report::files::{self, Asked, Format};

/// Files of a run. One of them may be `-`, which is standard output; the table then goes to standard error.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FileArgs {
    /// Write the run as JSON, every figure and where it was measured; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write one line a cell with every single figure, the unit in its column's name
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Write the table as Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) md: Option<PathBuf>,
    /// Write one page for a browser, with charts; it needs no network and no other file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the histograms as an HdrHistogram interval log (V2, nanoseconds), one tagged line a cell and kind of time
    #[arg(long, value_name = "FILE")]
    pub(crate) hlog: Option<PathBuf>,
    /// Write a percentile file (.hgrm, µs) for each cell and kind of time into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) hgrm: Option<PathBuf>,
    /// Write every bucket of every histogram as CSV: cell, kind of time, value in µs, count
    #[arg(long, value_name = "FILE")]
    pub(crate) counts: Option<PathBuf>,
}

impl FileArgs {
    /// Those that were asked for.
    pub(crate) fn asked(&self) -> Vec<Asked<'_>> {
        let all = [
            ("--json", Format::Json, &self.json),
            ("--csv", Format::Csv, &self.csv),
            ("--md", Format::Markdown, &self.md),
            ("--html", Format::Html, &self.html),
            ("--hlog", Format::Log, &self.hlog),
            ("--counts", Format::Counts, &self.counts),
            ("--hgrm", Format::Percentiles, &self.hgrm),
        ];
        let all = all.into_iter();
        all.filter_map(|(flag, format, path)| Some(Asked { flag, format, path: path.as_deref()? })).collect()
    }
}

/// Where the figures of what is measured go.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OutputArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    /// Keep the run in a new folder below DIR
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "results/runs")]
    pub(crate) record: Option<PathBuf>,
    /// No progress on standard error, neither lines nor the live view
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Measure although the build is not optimised; the figures mean nothing
    #[arg(long)]
    pub(crate) force: bool,
}

impl OutputArgs {
    /// Whether everything that was asked for can be written.
    ///
    /// # Errors
    ///
    /// A text for the user that names the flag, the path and the reason.
    pub(crate) fn check(&self) -> Result<(), String> {
        files::check(&self.files.asked())?;
        self.record.as_deref().map_or(Ok(()), files::check_record)
    }

    /// Shows `table`, writes the files of `run`, and records it where that was asked for; or says what could not be done.
    pub(crate) fn finish(&self, table: &str, run: &Run) -> Result<(), Exit> {
        let done = files::finish(table, run, &self.files.asked(), self.record.as_deref());
        done.map_err(|why| failure(&why))
    }
}

//! Output flags: which files are written, and what is shown.

use std::path::{Path, PathBuf};

use clap::Args;
use listenrain_results::Run;

use super::exit::{Exit, failure};
use crate::report::Shown;
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

/// What a command reads, and the folders that it writes into beside its output: none may be one of its files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside<'a> {
    pub(crate) inputs: Vec<&'a Path>,
    /// Each by the flag that names it.
    pub(crate) folders: Vec<(&'static str, &'a Path)>,
}

impl OutputArgs {
    /// Whether everything that was asked for can be written, each to a place of its own.
    ///
    /// # Errors
    ///
    /// A text for the user that names the flag, the path and the reason.
    pub(crate) fn check(&self, beside: &Beside<'_>) -> Result<(), String> {
        let mut folders = beside.folders.clone();
        folders.extend(self.record.as_deref().map(|folder| ("--record", folder)));
        files::check(&self.files.asked(), &folders, &beside.inputs)?;
        self.record.as_deref().map_or(Ok(()), files::check_record)
    }

    /// Where the journal of a run is kept: beside the first file, else in the folder of recorded runs.
    pub(crate) fn journal(&self) -> Option<PathBuf> {
        let recorded =
            || Some(self.record.as_ref()?.join(format!("unfinished-{}.journal", std::process::id())));
        files::journal_beside(&self.files.asked()).or_else(recorded)
    }

    /// Records `run` where that was asked for, writes its files, each whatever became of the others, and tells what could
    /// not be done. Gives whether everything is written.
    pub(crate) fn write(&self, run: &Run) -> bool {
        let recorded = self.record.as_deref().map_or(Ok(()), |folder| files::record(run, folder));
        let mut failed: Vec<String> = recorded.err().into_iter().collect();
        failed.extend(files::write(&[Shown::measured(run)], &self.files.asked()));
        for why in &failed {
            failure(why);
        }
        failed.is_empty()
    }

    /// Shows `table`, and tells where it cannot be. Gives whether it was shown.
    pub(crate) fn show(&self, table: &str) -> bool {
        files::show(table, &self.files.asked()).map_err(|why| failure(&why)).is_ok()
    }

    /// Writes the files of `run`, then shows `table`.
    ///
    /// # Errors
    ///
    /// How the command ends where either could not be done, which is told.
    pub(crate) fn finish(&self, table: &str, run: &Run) -> Result<(), Exit> {
        let is_written = self.write(run);
        let is_shown = self.show(table);
        if is_written && is_shown { Ok(()) } else { Err(Exit::RowFailed) }
    }
}

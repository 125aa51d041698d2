//! How far it is: a bar where someone watches, a line a cell where a file does. On standard error.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use listenrain_results::Cell;

use super::columns::whole;
use crate::config::CellConfig;
use crate::tick::Tick;

/// Progress through a number of cells.
#[derive(Debug)]
pub(crate) struct Progress {
    cells: usize,
    done: usize,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(cells: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(cells as u64);
            let style =
                ProgressStyle::with_template("[{bar:24}] {pos}/{len}  {elapsed} gone, {eta} to go  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { cells, done: 0, bar }
    }

    /// Whether someone watches.
    pub(crate) fn is_watched() -> bool {
        std::io::stderr().is_terminal()
    }

    /// A second of the cell that is under way.
    pub(crate) fn tick(&mut self, _tick: &Tick) {}

    /// `cell` is measured next.
    pub(crate) fn begins(&self, cell: &CellConfig) {
        if let Some(bar) = &self.bar {
            bar.set_message(cell.label());
        }
    }

    /// `cell` has been measured.
    pub(crate) fn ended(&mut self, config: &CellConfig, cell: &Cell) {
        self.done += 1;
        match &self.bar {
            Some(bar) => bar.inc(1),
            None => {
                let errors =
                    if cell.errors > 0 { format!(", {} errors", cell.errors) } else { String::new() };
                let (done, cells, label, tps) = (self.done, self.cells, config.label(), whole(cell.tps));
                eprintln!("{done}/{cells}  {label}: {tps} tps{errors}");
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

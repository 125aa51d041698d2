//! How far it is: a block that is drawn over again where someone watches, a line a launch where a file does. On standard
//! error.

use std::time::{Duration, Instant};

use console::Term;
use listenrain_results::Cell;

use super::block::Block;
use super::columns::whole;
use super::screen::Screen;
use crate::config::CellConfig;
use crate::tick::Tick;

/// A launch takes so much more than its warm-up and its window: to start, to connect, to end.
const AROUND: Duration = Duration::from_millis(100);

/// Progress through a number of launches. Dropped, it leaves no block behind.
#[derive(Debug)]
pub(crate) struct View {
    block: Block,
    began: Instant,
    place: Place,
}

/// Where it is shown.
#[derive(Debug)]
enum Place {
    Nowhere,
    Lines,
    Block(Screen),
}

impl View {
    /// As [`new`](Self::new), or as [`none`](Self::none) where it is to be `quiet`. Launches of these cells follow one
    /// another, each cell's `each` times.
    pub(crate) fn of(cells: &[CellConfig], each: usize, quiet: bool) -> Self {
        if quiet {
            return Self::none();
        }
        let one = |cell: &CellConfig| cell.warmup + cell.duration + AROUND;
        Self::new(cells.len() * each, cells.iter().map(one).sum::<Duration>() * each as u32)
    }

    /// Of that many launches, which should take `expected` together. On a terminal it is a block; with colours, unless
    /// `NO_COLOR` is set.
    pub(crate) fn new(launches: usize, expected: Duration) -> Self {
        let term = Term::stderr();
        let is_plain = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let place = if term.is_term() && !is_plain {
            let size = term.clone();
            let size = move || {
                let (rows, columns) = size.size();
                (usize::from(rows), usize::from(columns))
            };
            Place::Block(Screen::new(Box::new(term), Box::new(size)))
        } else {
            Place::Lines
        };
        let block = Block::new(launches, expected, console::colors_enabled_stderr());
        Self { block, began: Instant::now(), place }
    }

    /// Shows nothing at all.
    pub(crate) fn none() -> Self {
        let block = Block::new(0, Duration::ZERO, false);
        Self { block, began: Instant::now(), place: Place::Nowhere }
    }

    /// Whether someone watches.
    pub(crate) fn is_watched(&self) -> bool {
        matches!(self.place, Place::Block(_))
    }

    /// `cell` is measured next, by launch number `launch`, from 0, of its `of`.
    pub(crate) fn begins(&mut self, cell: &CellConfig, launch: usize, of: usize) {
        self.block.begins(cell, launch, of);
        self.draw();
    }

    /// The launch under way says how it is.
    pub(crate) fn tick(&mut self, tick: &Tick) {
        self.block.tick(tick);
        self.draw();
    }

    /// The launch is over.
    pub(crate) fn ended(&mut self, config: &CellConfig, cell: &Cell) {
        self.block.ended();
        if let Place::Lines = self.place {
            eprintln!("{}", line(self.block.count(), config, cell));
        }
        self.draw();
    }

    /// Tells the user something that stays.
    pub(crate) fn note(&mut self, text: &str) {
        match &mut self.place {
            Place::Nowhere => {}
            Place::Lines => eprintln!("{text}"),
            Place::Block(screen) => screen.print(text),
        }
    }

    fn draw(&mut self) {
        if let Place::Block(screen) = &mut self.place {
            screen.draw(&self.block.lines(screen.width(), self.began.elapsed()));
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Place::Block(screen) = &mut self.place {
            screen.clear();
        }
    }
}

fn line((over, launches): (usize, usize), config: &CellConfig, cell: &Cell) -> String {
    let errors = if cell.errors > 0 { format!(", {} errors", cell.errors) } else { String::new() };
    format!("{over}/{launches}  {}: {} tps{errors}", config.label(), whole(cell.tps))
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;

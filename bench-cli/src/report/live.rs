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
    /// Of that many launches, which should take `expected` together; shown nowhere when `quiet`. On a terminal it is a
    /// block; with colours, unless `NO_COLOR` is set.
    pub(crate) fn new(launches: usize, expected: Duration, quiet: bool) -> Self {
        let place = match (quiet, Self::is_watched()) {
            (true, _) => Place::Nowhere,
            (false, false) => Place::Lines,
            (false, true) => {
                let term = Term::stderr();
                let size = term.clone();
                let size = move || {
                    let (rows, columns) = size.size();
                    (usize::from(rows), usize::from(columns))
                };
                Place::Block(Screen::new(Box::new(term), Box::new(size)))
            }
        };
        let block = Block::new(launches, expected, console::colors_enabled_stderr());
        Self { block, began: Instant::now(), place }
    }

    /// Whether standard error is a terminal that can be drawn on.
    pub(crate) fn is_watched() -> bool {
        let is_plain = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Term::stderr().is_term() && !is_plain
    }

    /// `cell` is measured next, by launch number `launch`, from 0, of its `of`.
    pub(crate) fn begins(&mut self, cell: &CellConfig, launch: u32, of: u32) {
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

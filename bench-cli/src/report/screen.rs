//! A few lines at the end of a terminal that are drawn over again.
//!
//! Lines are shorter than the terminal is wide and end where their text ends: when it is made narrower or wider, the rows
//! that they then take can be told, and nothing else is overwritten.

use std::fmt;
use std::io::Write;

use console::{measure_text_width, truncate_str};

/// Left free at the right, for a `^C` that the terminal echoes.
const MARGIN: usize = 3;

/// Rows and columns.
type Size = Box<dyn Fn() -> (usize, usize) + Send>;

/// The lines, and where they go.
pub(super) struct Screen {
    out: Box<dyn Write + Send>,
    size: Size,
    drawn: Vec<String>,
}

impl Screen {
    /// On `out`, which is as large as `size` says at the time.
    pub(super) fn new(out: Box<dyn Write + Send>, size: Size) -> Self {
        Self { out, size, drawn: Vec::new() }
    }

    /// Columns that a line may have now.
    pub(super) fn width(&self) -> usize {
        (self.size)().1.saturating_sub(MARGIN).max(1)
    }

    /// Puts `lines` in place of those that are there; of lines too long or too many, the ends are left out.
    pub(super) fn draw(&mut self, lines: &[String]) {
        let (width, height) = (self.width(), (self.size)().0.saturating_sub(1));
        let mut text = self.erase();
        self.drawn =
            lines.iter().take(height).map(|line| truncate_str(line, width, "…").into_owned()).collect();
        text += &self.drawn.join("\r\n");
        self.write(&text);
    }

    /// Leaves nothing behind.
    pub(super) fn clear(&mut self) {
        let text = self.erase();
        self.drawn.clear();
        self.write(&text);
    }

    /// Adds a line that stays above the others.
    pub(super) fn print(&mut self, line: &str) {
        let text = format!("{}{line}\r\n{}", self.erase(), self.drawn.join("\r\n"));
        self.write(&text);
    }

    /// From the end of the last line to the beginning of the first, and everything from there on is gone.
    fn erase(&self) -> String {
        let columns = (self.size)().1.max(1);
        let rows = |line: &String| measure_text_width(line).div_ceil(columns).max(1);
        match self.drawn.iter().map(rows).sum::<usize>() {
            0 => String::new(),
            1 => "\r\x1b[J".to_owned(),
            rows => format!("\x1b[{}A\r\x1b[J", rows - 1),
        }
    }

    /// A terminal that takes nothing more is no reason to stop measuring.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("drawn", &self.drawn).finish_non_exhaustive()
    }
}

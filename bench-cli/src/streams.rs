//! Standard output and standard error, either of which may be closed, full, or a terminal that is gone: neither is a reason to
//! panic, and none to lose what was measured.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Says `line` on standard error, with a line feed. What is said there is advisory: that it cannot be said changes nothing.
pub(crate) fn say(line: impl Display) {
    // In one piece, so that lines of several processes do not mix.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Writes `text` to standard error as it is.
pub(crate) fn show(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints on standard output, to the last byte. A reader that has had enough, such as `head`, is no failure.
///
/// # Errors
///
/// A text for the user that says why it cannot be printed.
pub(crate) fn print(bytes: &[u8]) -> Result<(), String> {
    let mut stdout = io::stdout();
    // What is behind the last line feed is kept until it is flushed.
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
        _ => Ok(()),
    }
}

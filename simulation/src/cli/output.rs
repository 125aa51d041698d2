//! Output files, opened before anything is run and written when all is over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

/// A file that is to be written. It keeps what it holds until then; one that was not there before and is never written
/// is taken away again.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    to: To,
}

#[derive(Debug)]
enum To {
    Stdout,
    File { file: File, is_new: bool },
    Done,
}

impl Output {
    /// Opens what `--json` names, if anything.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(super) fn json(path: Option<&Path>) -> Result<Option<Self>, String> {
        path.map(|path| Self::open("--json", path)).transpose()
    }

    /// Opens `path` for what `flag` asks for; `-` is standard output.
    ///
    /// # Errors
    ///
    /// A text for the user that names the flag, the path and the reason.
    pub(super) fn open(flag: &str, path: &Path) -> Result<Self, String> {
        let to = if path == Path::new("-") { Ok(To::Stdout) } else { open(path) };
        let to = to.map_err(|error| format!("{flag}: cannot write {}: {error}", path.display()))?;
        Ok(Self { path: path.to_owned(), to })
    }

    /// Writes `text` in place of whatever was there.
    ///
    /// # Errors
    ///
    /// A text for the user that names the path and the reason.
    pub(super) fn write(mut self, text: &str) -> Result<(), String> {
        match std::mem::replace(&mut self.to, To::Done) {
            To::Stdout => print(text),
            To::File { mut file, .. } => replace(&mut file, text)
                .map_err(|error| format!("cannot write {}: {error}", self.path.display())),
            To::Done => Ok(()),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let To::File { is_new: true, .. } = self.to {
            // It is empty and this program's; if it cannot be removed, an empty file is all that is left.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn open(path: &Path) -> io::Result<To> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => Ok(To::File { file, is_new: true }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(To::File { file: OpenOptions::new().write(true).open(path)?, is_new: false })
        }
        Err(error) => Err(error),
    }
}

fn replace(file: &mut File, text: &str) -> io::Result<()> {
    // Pipes and devices have no length to cut.
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    file.write_all(text.as_bytes())
}

/// Prints `text`, and writes `json` where it is asked for; if that is on standard output, `text` goes to standard error.
///
/// # Errors
///
/// A text for the user.
pub(super) fn show(text: &str, json: Option<Output>, document: impl Serialize) -> Result<(), String> {
    match &json {
        Some(Output { to: To::Stdout, .. }) => eprint!("{text}"),
        _ => print(text)?,
    }
    let Some(json) = json else { return Ok(()) };
    let document = serde_json::to_string_pretty(&document).expect("it has only texts and numbers");
    json.write(&format!("{document}\n"))
}

/// Prints to standard output. A reader that has had enough, such as `head`, is no failure.
///
/// # Errors
///
/// A text for the user.
pub(super) fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_what_it_holds_until_it_is_written_and_none_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.json");
        drop(Output::open("--json", &file).unwrap());
        assert!(!file.exists());
        fs::write(&file, "a long text from before").unwrap();
        let output = Output::open("--json", &file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "a long text from before");
        output.write("short").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "short");
        let told = Output::open("--json", folder.path()).unwrap_err();
        assert!(
            told.starts_with("--json: cannot write ") && told.contains(folder.path().to_str().unwrap()),
            "{told}"
        );
    }
}

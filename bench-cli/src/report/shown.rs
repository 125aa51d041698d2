//! A run and the name that it is shown under.

use listenrain_results::Run;

/// A run to show.
#[derive(Debug, Clone)]
pub(crate) struct Shown<'a> {
    /// What it is called: the file or folder it was read from, or when it began.
    pub(crate) name: String,
    /// Its figures.
    pub(crate) run: &'a Run,
}

impl<'a> Shown<'a> {
    /// One that was measured just now.
    pub(crate) fn measured(run: &'a Run) -> Self {
        Self { name: run.env.started.clone(), run }
    }

    /// One that was read from `name`.
    pub(crate) fn read(name: &str, run: &'a Run) -> Self {
        Self { name: name.to_owned(), run }
    }
}

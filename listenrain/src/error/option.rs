//! `OptionError`: settings that are out of range.

/// A setting that is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {value}, allowed is {allowed}")]
#[non_exhaustive]
pub struct OptionError {
    /// Which setting.
    pub what: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it may be.
    pub allowed: &'static str,
}

impl OptionError {
    /// A part that was to be asked something has panicked instead.
    pub(crate) fn panicked(what: &'static str, panic: String) -> Self {
        Self { what, value: format!("a panic: {panic}"), allowed: "one that does not panic" }
    }

    pub(crate) fn check(
        good: bool,
        what: &'static str,
        value: impl std::fmt::Debug,
        allowed: &'static str,
    ) -> Result<(), Self> {
        if good { Ok(()) } else { Err(Self { what, value: format!("{value:?}"), allowed }) }
    }
}

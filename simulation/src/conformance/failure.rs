//! The failure of a case.

use std::error::Error;
use std::fmt;

use tokio::task::JoinSet;

/// What a case expected and what it saw instead, as text for the author of the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

/// What a case, or a step of one, ends in.
pub(crate) type Check<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure that says `what`.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// The same failure, with where it happened in front.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(describe(&error))
    }
}

/// An error with everything that caused it.
pub(crate) fn describe(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |error| Error::source(*error));
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

/// What all of `tasks` give, in the order in which they end; or the first failure.
pub(crate) async fn all<T: 'static>(mut tasks: JoinSet<Check<T>>) -> Check<Vec<T>> {
    let mut ended = Vec::new();
    while let Some(one) = tasks.join_next().await {
        ended.push(one??);
    }
    Ok(ended)
}

/// Ends the case with a failure unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Failure::new(format!($($text)+)));
        }
    };
}

pub(crate) use ensure;
